"""Writes docs/adapters.md from what the bundled adapters declare: `python docs/make_adapters.py`.

A test sees that the page is current.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from messaging import Adapter
from messaging.plugins import Plugin, Plugins

PAGE = Path(__file__).parent / "adapters.md"

_OURS = "customer-messaging"
_EXTRA = re.compile(r"customer-messaging\[(\w+)\]")
_HEAD = """\
# Adapters
What this project brings; others come as packages of their own ([your first adapter](first-adapter.md)), and
`messaging plugins list` shows what is installed. `[channels.CHANNEL] adapter = "NAME"` chooses one.

- **batch**: how many messages go in one request.
- **once**: the provider knows a message by our id and accepts it once: it may be sent again when an answer was lost.
- **lookup**: it can be asked what became of a message.
- **callbacks**: the provider posts what came back to `/callbacks/NAME`.
- **measure**: it tells what a message comes to before it is sent.
- **extra**: what to install beside: `pip install "customer-messaging[EXTRA]"`.

| adapter | channel | plugin | batch | once | lookup | callbacks | measure | extra |
|---|---|---|---|---|---|---|---|---|"""


def page() -> str:
    """The whole page."""
    found = [
        (plugin, adapter)
        for plugin in Plugins().found
        if plugin.distribution == _OURS
        for _, adapter in sorted(plugin.adapters.items())
    ]
    rows = [_row(plugin, adapter) for plugin, adapter in found]
    settings = [line for _, adapter in found for line in _settings(adapter)]
    return (
        "\n".join(
            [
                _HEAD,
                *rows,
                "",
                "## Settings and variables",
                "In bold what must be set; in brackets the provider's own variable, which works too.",
                "",
                *settings,
            ]
        )
        + "\n"
    )


def _row(plugin: Plugin, adapter: type[Adapter]) -> str:
    can = adapter.capabilities
    measures = adapter.measure is not Adapter.measure
    extra = _EXTRA.search(inspect.getsource(inspect.getmodule(adapter) or inspect))
    told = [_mark(each) for each in (can.idempotency_key, can.lookup, can.callbacks, measures)]
    cells = [f"`{adapter.name}`", f"`{adapter.channel}`", f"`{plugin.name}`", f"{can.batch_size:,}", *told]
    return f"| {' | '.join([*cells, f'`{extra[1]}`' if extra else ''])} |"


def _mark(value: bool) -> str:
    return "yes" if value else ""


def _settings(adapter: type[Adapter]) -> Iterator[str]:
    """What it is set by: all of it is explained in settings.md."""
    names = []
    for field, info in adapter.Settings.model_fields.items():
        name = info.alias or field
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        variable = f" (`{extra['env']}`)" if "env" in extra else ""
        names.append(f"{'**' if info.is_required() else ''}`{name}`{'**' if info.is_required() else ''}{variable}")
    anchor = f"adapters{adapter.name}"
    yield f"- [`{adapter.name}`](settings.md#{anchor}): {', '.join(names) or 'none'}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
