"""The shape of what a template may find in its context, and what is meant by a name that is not in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

#: Functions that stand beside the values: not what is meant by a wrong name, unless it is nearly theirs.
FUNCTIONS = ("range", "dict", "namespace")
#: What an event may bring: where it is not there, nothing else is meant by it.
EVENT_DATA = ("order", "shipment", "refund", "cart", "product", "consent")
#: Whose field is meant first when several have one of that name; those that are not named stand between.
_ORDER = {"customer": 0, "brand": 2, "event": 3, "message": 3}
#: What mailing services call them.
_ELSEWHERE = {"fname": "firstname", "lname": "lastname", "mail": "email", "zip": "postalcode"}


@dataclass(slots=True)
class Field:
    """A value: its fields if it is a table, its items if it is a list; neither: a plain value."""

    #: Whether it may be missing, and why if there is more to say than that.
    optional: bool = False
    reason: str = ""
    fields: dict[str, Field] = field(default_factory=dict)
    items: Field | None = None
    #: Nothing is known of what is inside.
    open: bool = False

    def child(self, name: str) -> Field | None:
        """The field `name`; None if there is none of that name."""
        if name in self.fields:
            return self.fields[name]
        return Field(optional=self.optional, open=True) if self.open else None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Field:
        """What orjson made of one."""
        values = dict(document)
        values["fields"] = {name: cls.from_document(below) for name, below in values["fields"].items()}
        values["items"] = cls.from_document(values["items"]) if values["items"] is not None else None
        return cls(**values)


def near(table: Field, names: Sequence[str]) -> list[str]:
    """What may be meant by the path `names`, which leads nowhere from `table`; at most two paths, the best first."""
    if names[0] in EVENT_DATA:
        return []
    top = [name for name in table.fields if name not in FUNCTIONS]
    close = get_close_matches(names[0], top, 1, 0.75 if len(names) > 1 else 0.85)
    return (
        close
        or _of_that_name(table, names)
        or [name for name in top if names[0].lower() in name.split("_")][:2]
        or get_close_matches(names[0], top, 1, 0.7)
        or get_close_matches(names[0], FUNCTIONS, 1, 0.8)
    )


def _of_that_name(table: Field, names: Sequence[str]) -> list[str]:
    """Paths that end in the last of `names`, or in a name it is a word of; one of each table."""
    last, whole = _letters(names[-1]), _letters("".join(names))
    found: list[tuple[bool, int, bool, str]] = []
    for path, sure in _paths(table):
        root, _, end = path.rpartition(".")
        exact = last == _letters(end) or whole == _letters(path)
        if exact or last in end.split("_"):
            found.append((not sure, _ORDER.get(root.partition(".")[0], 1), not exact, path))
    found.sort(key=lambda match: match[:3])
    best: dict[str, str] = {}
    for unsure, _, _, path in found:
        # What another event would bring is not meant where there is something that is there.
        if unsure == found[0][0]:
            best.setdefault(path.partition(".")[0], path)
    return list(best.values())[:2]


def _paths(table: Field, above: str = "", sure: bool = True) -> Iterator[tuple[str, bool]]:
    """All paths below the first level, and whether their table is there."""
    for name, below in table.fields.items():
        path = f"{above}.{name}" if above else name
        if above:
            yield path, sure
        yield from _paths(below, path, sure and not below.optional)


def _letters(name: str) -> str:
    letters = name.replace("_", "").replace(".", "").lower()
    return _ELSEWHERE.get(letters, letters)
