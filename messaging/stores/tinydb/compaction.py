"""A journal written anew, without its history, while others go on using the old one.

The new file begins with a snapshot that is taken bit by bit, so it may show one row as it was before a
transaction and another as it was after. That does no harm: all that was appended since the snapshot began
follows it, and operations say what is, so replaying them ends in the same state. Only the last few lines are
copied under the lock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import orjson

from messaging.errors import StoreError
from messaging.ids import random_id
from messaging.nouns.documents import Document
from messaging.stores.tinydb.disk import Disk
from messaging.stores.tinydb.format import Damaged, Header, Position, read_payloads, seal
from messaging.stores.tinydb.journal import Journal


class Successor:
    """The file that will take the journal's place. All methods raise OSError, too."""

    def __init__(self, journal: Journal, disk: Disk, created: str) -> None:
        """Begin one for `journal`, whose `at` is where the snapshot begins: from there the tail is copied."""
        self._disk = disk
        self._header = Header(generation=random_id(), created=created)
        self._at = self._header.first
        self._copied = journal.at
        self._path = journal.path.with_name(journal.path.name + ".compacted")
        self._old = os.open(journal.path, os.O_RDONLY | os.O_CLOEXEC)
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)

    def put(self, table: str, documents: Mapping[str, Document]) -> None:
        """Add rows of the snapshot."""
        self._append(orjson.dumps([["put", table, documents]]))

    def follow(self) -> None:
        """Copy what was appended to the old journal since the last time.

        Raises:
            StoreError: a line that was copied has been taken back since.
        """
        try:
            for payload, at in read_payloads(self._old, self._copied):
                self._append(payload)
                self._copied = at
        except Damaged:
            raise self._overtaken() from None

    def sync(self) -> None:
        """Bring to the disk what is there so far, so that little is left to do under the lock."""
        self._disk.sync(self._fd)

    def replace(self, journal: Journal, *, keep: bool) -> None:
        """Take the place of `journal`, which nobody else is writing; `keep` the old file as backup.

        Raises:
            StoreError: see `follow`.
        """
        self.follow()
        if self._copied != journal.at or journal.header is None:
            raise self._overtaken()
        header = Header(
            generation=self._header.generation,
            created=self._header.created,
            previous=journal.header.generation,
            previous_length=journal.at.offset,
            length=self._at.offset,
            chain=self._at.chain,
        )
        self._disk.write(self._fd, header.to_line(), 0)
        self._disk.sync(self._fd)
        journal.succeed(header, self._path, keep=keep)

    def close(self) -> None:
        """Give the files back; what did not take the journal's place is removed."""
        os.close(self._old)
        os.close(self._fd)
        self._path.unlink(missing_ok=True)

    def _overtaken(self) -> StoreError:
        return StoreError(f"{self._path}: the journal changed in a way that stops this", hint="try again")

    def _append(self, payload: bytes) -> None:
        line, chain = seal(payload, self._at.chain)
        self._disk.write(self._fd, line, self._at.offset)
        self._at = Position(self._at.offset + len(line), chain)
