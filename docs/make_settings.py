"""Writes docs/settings.md from the settings' own models: `python docs/make_settings.py`.

What a setting means is told once, in the `#:` comment above it; a test sees that the page is current.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from messaging import settings
from messaging.plugins import Plugins

HERE = Path(__file__).parent
PAGE = HERE / "settings.md"
WORDS = HERE / "settings.head.md"

_FIELD = re.compile(r"((?:^    #: ?.*\n)+)    (\w+): ", re.MULTILINE)
_KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "true or false",
    SecretStr: "text (secret)",
}
_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
_HEADER = "| setting | type | default | meaning |\n|---|---|---|---|"


def page() -> str:
    """The whole page."""
    return "\n\n".join([WORDS.read_text("utf-8").rstrip(), *_sections(), *_adapters()]) + "\n"


def _sections() -> Iterator[str]:
    meanings = _meanings(settings.Settings)
    for name, info in settings.Settings.model_fields.items():
        model = _model(info.annotation)
        if name == "adapters":
            continue  # each has its own table below
        if model is None:
            one = FieldInfo(annotation=get_args(info.annotation)[1])
            yield f"### `[{name}]`\n{meanings[name]}\n\n{_HEADER}\n{_row(f'{name}.NAME', one, 'One of them.')}"
        elif get_origin(info.annotation) is dict:
            yield _table(f"{name}.NAME", model, f"[{name}.NAME]")
        else:
            yield _table(name, model, f"[{name}]")


def _adapters() -> Iterator[str]:
    yield (
        "## Adapters\nEach has a table of its own, `[adapters.NAME]`. Where a provider's own variable is "
        "named, it works too; a variable of ours goes before it."
    )
    for name, adapter in sorted(Plugins().adapters().items()):
        if adapter.Settings.model_fields:
            yield _table(f"adapters.{name}", adapter.Settings, f"[adapters.{name}]")
        else:
            yield f"### `[adapters.{name}]`\nIt has no settings."


def _table(path: str, model: type[BaseModel], title: str) -> str:
    meanings = _meanings(model)
    rows = [_row(f"{path}.{info.alias or name}", info, meanings[name]) for name, info in model.model_fields.items()]
    first = inspect.getdoc(model) or ""
    about = "" if first.startswith("`") else f"{first}\n"
    return "\n".join([f"### `{title}`\n{about}", _HEADER, *rows])


def _row(path: str, info: FieldInfo, meaning: str) -> str:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    variable = "MESSAGING__" + "__".join(part.upper() for part in path.split("."))
    names = f"`{path}`<br>`{variable}`" + (f"<br>`{extra['env']}`" if "env" in extra else "")
    return f"| {names} | {_kind(info)} | {_default(info)} | {meaning} |"


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """Field -> its `#:` comment, in one line.

    Raises:
        KeyError: when a field is asked for that has none.
    """
    found = _FIELD.findall(inspect.getsource(model))
    return {name: " ".join(re.sub(r"^ *#: ?", "", text, flags=re.M).split()) for text, name in found}


def _model(annotation: Any) -> type[BaseModel] | None:
    candidates = (annotation, *get_args(annotation))
    return next((one for one in candidates if inspect.isclass(one) and issubclass(one, BaseModel)), None)


def _kind(info: FieldInfo) -> str:
    if info.annotation is timedelta:
        return "duration"
    bounds = [
        f"{word} {getattr(bound, name):g}"
        for bound in info.metadata
        for kind, name, word in (
            (annotated_types.Ge, "ge", "from"),
            (annotated_types.Le, "le", "to"),
            (annotated_types.Gt, "gt", "more than"),
        )
        if isinstance(bound, kind)
    ]
    return " ".join([_type(info.annotation), *bounds])


def _type(annotation: Any) -> str:
    inner = [one for one in get_args(annotation) if one is not type(None)]
    if annotation in _KINDS:
        return _KINDS[annotation]
    if all(isinstance(one, str) for one in inner):
        return ", ".join(f"`{one}`" for one in inner)
    if get_origin(annotation) is dict:
        return f"table of {_type(inner[1])}"
    if get_origin(annotation) is tuple:
        return f"list of {_type(inner[0])}"
    return _type(inner[0])


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "(required)"
    value = info.get_default(call_default_factory=True)
    if value is None or value == {} or value == ():
        return ""
    if isinstance(value, timedelta):
        return f"`{_duration(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(value: timedelta) -> str:
    seconds, parts = int(value.total_seconds()), []
    for name, size in _UNITS:
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {name}{'s' if number != 1 else ''}")
    return " ".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
