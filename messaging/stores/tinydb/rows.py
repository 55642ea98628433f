"""One table in memory: its documents by key, and the indexes that follow every change.

A document is never changed in place: a patch makes a new one. So a reader may keep what it got, a rollback
puts the old one back, and a snapshot can be written while others go on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from sys import intern
from typing import Any, Generic, Protocol, TypeVar

import orjson

from messaging.nouns.documents import Document

G = TypeVar("G", bound=Hashable)
K = TypeVar("K", bound=Hashable)


class Index(Protocol):
    """Something that is kept up with a table."""

    @property
    def fields(self) -> frozenset[str]:
        """The fields it looks at: a patch of others does not concern it."""

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        """`key` had the document `old` (None: it is new) and has `new` (None: it is gone)."""

    def clear(self) -> None:
        """Forget everything: the table is read anew."""


class Rows:
    """The documents of one table."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.documents: dict[str, Document] = {}
        self._indexes: list[Index] = []
        self._shared: frozenset[str] = frozenset()

    def define(self, indexes: Iterable[Index], shared: Iterable[str]) -> None:
        """Keep `indexes` up from now on, and of equal texts in the fields `shared` one copy."""
        self._shared = frozenset(shared)
        for index in indexes:
            self._indexes.append(index)
            for key, document in self.documents.items():
                index.move(key, None, document)

    def tidy(self, key: str, document: Document) -> Document:
        """`document` with the texts it has in common with others as one object."""
        shared = self._shared
        for field, value in document.items():
            if field in shared and type(value) is str:
                document[field] = intern(value)
        if document.get("id") == key:
            document["id"] = key
        return document

    def set(self, key: str, new: Document | None) -> None:
        """Give `key` the document `new`, or take its away."""
        old = self.documents.get(key)
        if new is not None:
            self.documents[key] = new
        elif old is not None:
            del self.documents[key]
        for index in self._indexes:
            index.move(key, old, new)

    def patch(self, keys: Iterable[str], fields: Mapping[str, Any]) -> None:
        """Set `fields` in the documents of those `keys` that are there; None takes a field away."""
        indexes = [index for index in self._indexes if not index.fields.isdisjoint(fields)]
        for key in keys:
            old = self.documents.get(key)
            if old is not None:
                self.documents[key] = new = merged(old, fields)
                for index in indexes:
                    index.move(key, old, new)

    def clear(self) -> None:
        """Forget everything."""
        self.documents.clear()
        for index in self._indexes:
            index.clear()


def copied(document: Document) -> Document:
    """A copy to be handed out: whoever gets it may change it, however deep."""
    copy: Document = orjson.loads(orjson.dumps(document))  # what was packed is plain JSON; half the time of a loop
    return copy


def merged(document: Document, fields: Mapping[str, Any]) -> Document:
    """A new document: `document` with `fields` set, and without those that are None."""
    new = {**document, **fields}
    for field, value in fields.items():
        if value is None:
            del new[field]
    return new


class Groups:
    """Keys by the value of one field, in order of arrival; documents without it are in no group."""

    def __init__(self, field: str, fold: Callable[[str], str] = str) -> None:
        self.fields = frozenset([field])
        self._field = field
        self._fold = fold
        self._keys: dict[str, list[str]] = {}

    def of(self, value: str) -> list[str]:
        """The keys whose field has this value. Not to be changed."""
        return self._keys.get(self._fold(value), [])

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before = old.get(self._field) if old else None
        after = new.get(self._field) if new else None
        if before == after:
            return
        if before is not None:
            before = self._fold(before)
            keys = self._keys[before]
            keys.remove(key)
            if not keys:
                del self._keys[before]
        if after is not None:
            after = self._fold(after)
            if after in self._keys:
                self._keys[after].append(key)
            else:
                self._keys[after] = [key]

    def clear(self) -> None:
        self._keys.clear()


#: Up to how many keys a group is looked through rather than kept in parts.
FEW = 100


class MarkedGroups(Groups):
    """Groups whose large ones are kept in parts as well: by marks of their documents, each in order of arrival.

    To look through a few documents is cheap, and nearly all groups are small: so parts are made when somebody first
    asks for one of a large group, and only then take memory.
    """

    def __init__(
        self, field: str, marks: Callable[[Document], Iterable[Hashable]], looks_at: Iterable[str], *, few: int = FEW
    ) -> None:
        """`marks` of a document, from the fields `looks_at`; a group of up to `few` is not large."""
        super().__init__(field)
        self.fields |= frozenset(looks_at)
        self._marks = marks
        self._few = few
        self._parts: dict[str, dict[Hashable, dict[str, None]]] = {}

    def marked(self, value: str, mark: Hashable, documents: Mapping[str, Document]) -> Sequence[str]:
        """Keys of the group, among them all with this mark; no others if it is large. `documents` are all there are."""
        group = self.of(value)
        if len(group) <= self._few:
            return group
        if value not in self._parts:
            self._parts[value] = {}
            for key in group:
                self._enter(value, key, self._marks(documents[key]))
        return list(self._parts[value].get(mark, ()))

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        super().move(key, old, new)
        if not self._parts:
            return
        before, after = self._place(old), self._place(new)
        if before == after:
            return
        for mark in before[1]:
            part = self._parts[before[0]][mark]
            del part[key]
            if not part:
                del self._parts[before[0]][mark]
        if before[0] not in self._keys:
            self._parts.pop(before[0], None)
        self._enter(after[0], key, after[1])

    def clear(self) -> None:
        super().clear()
        self._parts.clear()

    def _place(self, document: Document | None) -> tuple[str, list[Hashable]]:
        """The group in parts that a document belongs to, and its marks; nothing if it is in none."""
        value = document.get(self._field) if document is not None else None
        if document is None or value not in self._parts:
            return "", []
        return value, list(dict.fromkeys(self._marks(document)))

    def _enter(self, value: str, key: str, marks: Iterable[Hashable]) -> None:
        for mark in marks:
            self._parts[value].setdefault(mark, {})[key] = None


class Ordered:
    """All keys, or those of documents with a field, in order of code points; new ones are sorted in when asked for."""

    def __init__(self, field: str | None = None) -> None:
        self.fields = frozenset([field] if field else [])
        self._field = field
        self._keys: list[str] = []
        self._sorted = True

    def after(self, key: str | None) -> Iterator[str]:
        """The keys after `key`, or all. To be used up before anything changes."""
        self._sort()
        start = bisect_right(self._keys, key) if key is not None else 0
        return islice(self._keys, start, None)

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before, after = self._has(old), self._has(new)
        if after and not before:
            self._keys.append(key)
            self._sorted = False
        elif before and not after:
            self._sort()
            del self._keys[bisect_left(self._keys, key)]

    def clear(self) -> None:
        self._keys.clear()
        self._sorted = True

    def _has(self, document: Document | None) -> bool:
        return document is not None and (self._field is None or self._field in document)

    def _sort(self) -> None:
        if not self._sorted:
            self._keys.sort()
            self._sorted = True


class OrderedGroups:
    """Keys in order of code points, by the value of one field that never changes."""

    fields: frozenset[str] = frozenset()

    def __init__(self, field: str) -> None:
        self._field = field
        self._groups: dict[str, Ordered] = {}

    def of(self, value: str) -> Ordered:
        """The keys whose field has this value."""
        return self._groups.get(value) or Ordered()

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        if old is not None and new is not None:
            return
        value = (old or new or {}).get(self._field)
        if value is not None:
            if value not in self._groups:
                self._groups[value] = Ordered()
            self._groups[value].move(key, old, new)

    def clear(self) -> None:
        self._groups.clear()


class Tally(Generic[G, K]):
    """How many documents there are of each item, by group; `classify` says (group, item) of one, or None.

    It says so by the fields `fields` alone.
    """

    def __init__(self, classify: Callable[[Document], tuple[G, K] | None], fields: Iterable[str]) -> None:
        self.fields = frozenset(fields)
        self._classify = classify
        self.groups: dict[G, Counter[K]] = {}

    def of(self, group: G) -> Counter[K]:
        """The counts of one group. Not to be changed."""
        return self.groups.get(group) or Counter()

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before = self._classify(old) if old else None
        after = self._classify(new) if new else None
        if before == after:
            return
        if before is not None:
            group, item = before
            counts = self.groups[group]
            counts[item] -= 1
            if not counts[item]:
                del counts[item]
                if not counts:
                    del self.groups[group]
        if after is not None:
            group, item = after
            if group not in self.groups:
                self.groups[group] = Counter()
            self.groups[group][item] += 1

    def clear(self) -> None:
        self.groups.clear()
