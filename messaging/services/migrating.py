"""Brings all that one store holds into another one, and compares the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from typing import Any

import orjson

from messaging.errors import Conflict, InputError, InUse
from messaging.nouns.documents import Document, time_to_text
from messaging.nouns.message import MessageState
from messaging.stores.base import Store
from messaging.stores.contents import KINDS, MIGRATION
from messaging.stores.opening import moved

#: Rows that are written at once, all or none.
PAGE = 1000
#: Called with a kind and how many more of its rows are there, or were compared.
Step = Callable[[str, int], object]


@dataclass(frozen=True, slots=True)
class Compared:
    """What two stores hold of one kind."""

    kind: str
    here: int
    there: int
    #: Hex digits; equal if all rows are equal and in the same order.
    checksum: str
    checksum_there: str

    @property
    def same(self) -> bool:
        """Whether the two hold the same."""
        return (self.here, self.checksum) == (self.there, self.checksum_there)


def migrate(
    source: Store, target: Store, *, now: datetime, step: Step = lambda kind, rows: None, page: int = PAGE
) -> list[Compared]:
    """Copy what is not in `target` yet, then read both and compare them, kind by kind.

    Killed at any moment, it goes on from there when it is called again: what is in `target` is the beginning of what
    is in `source`, page by page, so no other mark is kept of how far it came. One that is done is compared only. When
    all is there, `source` is marked: it is opened no more by whoever was not told of it.

    Raises:
        InUse: `source` is worked with, or a message is on its way.
        Conflict: `target` holds something else.
        Moved: `source` was brought to another one.
        InputError: it cannot keep a value that `source` holds.
        StoreError: one of the two cannot be read or written.
    """
    place, there = source.health()["store"], target.health()["store"]
    if there == place:
        raise Conflict(f"{place}: that is the store itself")
    left = source.get_note(MIGRATION) or {}
    if left.get("to", there) != there:
        raise moved(place, left)
    with source.contents.alone():
        sending = source.contents.states()[MessageState.SENDING]
        if sending:
            raise InUse(
                f"{place}: {sending} messages are `sending`: what is to become of them is not known yet",
                hint="stop what sends; if it died, `messaging send-due` settles them",
            )
        mark = target.get_note(MIGRATION)
        if mark is None:
            if any(target.contents.numbers().values()):
                raise Conflict(
                    f"{there}: it is not empty, and what is in it is from no migration",
                    hint="name a new file, or a schema of its own: ?schema=messaging_2",
                )
            mark = {"from": place, "begun": time_to_text(now), "done": False}
            target.put_note(MIGRATION, mark)
        if mark.get("to") == place:
            raise Conflict(
                f"{there}: it holds what was brought from it to {place}",
                hint="remove it (the file, or the schema in the database), or name a new one",
            )
        if mark.get("from") != place:
            raise Conflict(
                f"{there}: it is filled from another store, {mark.get('from', mark.get('to'))}",
                hint="name a new file, or a schema of its own: ?schema=messaging_2",
            )
        if not mark["done"]:
            for kind in KINDS:
                _copy(kind, source, target, step, page)
            target.contents.loaded()
        compared = [_compare(kind, source, target, step) for kind in KINDS]
        if all(each.same for each in compared):
            if not mark["done"]:
                target.put_note(MIGRATION, {**mark, "done": True})
            if "to" not in left:  # by itself: it may have been killed between the two
                moved_to = {"done": True, **left, "to": there, "moved": time_to_text(now)}
                # Swapped, as that waits for nobody: whoever is alone with a database has the lock of transactions.
                source.swap_note(MIGRATION, left or None, moved_to)
    return compared


def reopen(store: Store) -> str:
    """Take off the mark of a store that was brought to another one; return where to.

    Raises:
        Conflict: it has none.
    """
    mark = store.get_note(MIGRATION) or {}
    if "to" not in mark:
        raise Conflict(f"{store.health()['store']}: it was brought nowhere: there is nothing to reopen")
    store.put_note(MIGRATION, {name: value for name, value in mark.items() if name not in ("to", "moved")})
    return str(mark["to"])


def _copy(kind: str, source: Store, target: Store, step: Step, page: int) -> None:
    mine, theirs = source.contents.dump(kind), target.contents.dump(kind)
    while there := list(islice(theirs, page)):
        here = islice(mine, len(there))
        if [sealed(kind, row) for row in here] != [sealed(kind, row) for row in there]:
            place = target.health()["store"]
            raise Conflict(
                f"{place}: the {kind} in it are no beginning of what there is to copy: that changed since it began",
                hint="remove what was copied (the file, or the schema in the database), then run it again",
            )
        step(kind, len(there))
    while rows := list(islice(mine, page)):
        try:
            target.contents.load(kind, rows)
        except InputError as error:
            raise InputError(f"{kind}: {error.message}", hint=error.hint) from None
        step(kind, len(rows))


def _compare(kind: str, source: Store, target: Store, step: Step) -> Compared:
    sums, numbers = [blake2b(digest_size=16) for _ in range(2)], [0, 0]
    dumps = [store.contents.dump(kind) for store in (source, target)]
    while any(pages := [list(islice(dump, PAGE)) for dump in dumps]):
        for side, rows in enumerate(pages):
            for row in rows:
                data = sealed(kind, row)
                sums[side].update(b"%d:%b" % (len(data), data))
            numbers[side] += len(rows)
        step(kind, len(pages[0]))
    here, there = (each.hexdigest() for each in sums)
    return Compared(kind, numbers[0], numbers[1], here, there)


def sealed(kind: str, row: Document) -> bytes:
    """What checksums are made of: the same bytes for the same row, whichever store it comes from.

    Attributes may lie in a database that keeps no order of keys, and 1e16 as the whole number it is; all else is kept
    to the letter.
    """
    if kind == "customers":
        return orjson.dumps(_plain(row), option=orjson.OPT_SORT_KEYS)
    return orjson.dumps(row)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    return value
