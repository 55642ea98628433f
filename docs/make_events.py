"""Writes what documents say of the contract of events from the code: `python docs/make_events.py`.

That is docs/events.schema.json, and the table of types in docs/events.md; a test sees that they are current.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from messaging.rules.event_schema import schema
from messaging.rules.event_types import TYPES, EventType

PAGE = Path(__file__).parent / "events.md"
SCHEMA = Path(__file__).parent / "events.schema.json"

_TABLE = re.compile(r"(?<=<!-- types -->\n).*?(?=<!-- end of types -->)", re.DOTALL)


def schema_text() -> str:
    """The whole of docs/events.schema.json."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def page(text: str) -> str:
    """docs/events.md with the table as it must be."""
    return _TABLE.sub(lambda found: table(), text)


def table() -> str:
    """The types: what each tells, and what it must bring."""
    rows = ["| type | what it tells | brings |", "|---|---|---|", *map(_row, TYPES.values())]
    return "\n".join(rows) + "\n"


def _row(kind: EventType) -> str:
    names = ", ".join(f"`{name}`" for name in (kind.name, *kind.aliases))
    return f"| {names} | {kind.means} | {', '.join(_brings(kind))} |"


def _brings(kind: EventType) -> Iterator[str]:
    if kind.customer:
        yield "a customer"
    if kind.brings:
        yield " or ".join(f"`{part}`" for part in kind.brings)


if __name__ == "__main__":
    SCHEMA.write_text(schema_text(), "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
