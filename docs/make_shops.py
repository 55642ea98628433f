"""Writes docs/shops.md from docs/shops.head.md and what the bundled sources declare: `python docs/make_shops.py`.

Where the head says `<!-- events of NAME -->` or `<!-- settings of NAME -->`, the source's own table goes. A test sees
that the page is current.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from messaging import EventSource
from messaging.plugins import Plugins
from messaging_shops.shop import ShopSettings

HERE = Path(__file__).parent
PAGE = HERE / "shops.md"
WORDS = HERE / "shops.head.md"

_MARK = re.compile(r"<!-- (events|settings) of (\w+) -->")
_FIELD = re.compile(r"((?:^    #: ?.*\n)+)    (\w+): ", re.MULTILINE)


def page() -> str:
    """The whole page."""
    sources = Plugins().sources()
    makers = {"events": _events, "settings": _settings}
    return _MARK.sub(lambda match: makers[match[1]](sources[match[2]]), WORDS.read_text("utf-8"))


def _events(source: type[EventSource]) -> str:
    """What it posts, and what becomes of it. Topics that tell the same stand together."""
    topics: Mapping[str, Any] = getattr(source, "topics", {})
    alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for name, topic in topics.items():
        alike.setdefault((topic.types, topic.note), []).append(name)
    rows = [
        f"| {_listed(names)} | {': '.join(filter(None, (_listed(types), note)))} |"
        for (types, note), names in alike.items()
    ]
    return "\n".join(["| what it posts | what becomes of it |", "|---|---|", *rows])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _settings(source: type[EventSource]) -> str:
    """What it is set by, beside what all shops are."""
    meanings = _meanings(source.Settings)
    own = [name for name in source.Settings.model_fields if name not in ShopSettings.model_fields]
    return "\n".join(f"- `{name}`: {meanings[name]}" for name in own)


def _meanings(model: type) -> dict[str, str]:
    """Field -> its `#:` comment, in one line."""
    found = _FIELD.findall(inspect.getsource(model))
    return {name: " ".join(re.sub(r"^ *#: ?", "", text, flags=re.M).split()) for text, name in found}


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
