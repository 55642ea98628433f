"""The journal's format: one line a transaction, each sealed by a checksum that runs on from the line before.

    1a2b3c4d {"format": "customer-messaging journal", "generation": …}   the header, always 512 bytes
    5e6f7a8b [["put", "customers", {"ann": {…}}]]                         a transaction, all of it or nothing
    9c0d1e2f [["patch", "messages", ["m1", "m2"], {"state": "sending"}], ["drop", "events", ["e1"]]]

Every operation says what *is* afterwards, not what changes by how much: doing the last thousand again changes
nothing. A line that was lost, doubled or moved breaks the chain of checksums like a damaged one does. A line
is written by one call and ends in the only line feed it has: a process killed on the way leaves the beginning
of a line, which is told from damage and was never committed.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import orjson

FORMAT = "customer-messaging journal"
VERSION = 1
HEADER_SIZE = 512

#: `["put", table, {key: document}]`, `["patch", table, [key …], {field: value or null}]`,
#: or `["drop", table, [key …]]`.
Operation = list[Any]

_BLOCK = 1 << 20
#: The smallest block of a disk: what a power cut loses ends at a multiple of it.
_SECTOR = 512
_MARK = 9  # the checksum, eight hex digits, and a space
_BEGINNING = re.compile(rb"[0-9a-f]{8} \[[^\0]*\0*|[0-9a-f]{8} ?\0*|[0-9a-f]{0,7}\0*")


class Damaged(Exception):
    """The file is not what was written. `offset` is where the damage begins."""

    def __init__(self, problem: str, offset: int) -> None:
        super().__init__(problem)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two lines, and the checksum up to it."""

    offset: int
    chain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line. A journal made by compaction says which one it stands for, and up to where."""

    #: This file's own name, random: a file of another generation is another file under the same path.
    generation: str
    #: When it was made.
    created: str
    #: The generation it was made from, and that one's length then; "" and 0 for the first.
    previous: str = ""
    previous_length: int = 0
    #: Its length and chain when it was made: who knew all of the previous one reads on from here.
    length: int = HEADER_SIZE
    chain: int = 0

    @property
    def first(self) -> Position:
        """Where the transactions begin."""
        return Position(HEADER_SIZE, zlib.crc32(self.generation.encode()))

    def to_line(self) -> bytes:
        """The line, padded so that it can be written over."""
        data = orjson.dumps({"format": FORMAT, "version": VERSION, **asdict(self)})
        return seal(data.ljust(HEADER_SIZE - _MARK - 1), 0)[0]

    @classmethod
    def read(cls, fd: int) -> Header:
        """The header of an open file.

        Raises:
            Damaged: it is not one.
        """
        line = os.pread(fd, HEADER_SIZE, 0)
        if not line:
            raise Damaged("it is empty", 0)
        if len(line) < HEADER_SIZE or not line.endswith(b"\n"):
            raise Damaged("its first line is not the header of a store", 0)
        try:
            values = orjson.loads(unseal(line[:-1], Position(0, 0))[0])
            if values.pop("format") != FORMAT:
                raise Damaged("it is not a store", 0)
            if (version := values.pop("version")) != VERSION:
                raise Damaged(f"it is in format {version}, this program knows format {VERSION}", 0)
            return cls(**values)
        except (Damaged, ValueError, TypeError, KeyError, AttributeError) as error:
            detail = str(error) if isinstance(error, Damaged) else "its first line is not the header of a store"
            raise Damaged(detail, 0) from None


def seal(payload: bytes, chain: int) -> tuple[bytes, int]:
    """The line for `payload`, and the chain after it."""
    chain = zlib.crc32(payload, chain)
    return b"%08x %b\n" % (chain, payload), chain


def unseal(line: bytes, at: Position) -> tuple[bytes, int]:
    """The payload of a line (without its line feed) at a position, and the chain after it.

    Raises:
        Damaged: the checksum does not hold.
    """
    payload = line[_MARK:]
    chain = zlib.crc32(payload, at.chain)
    if line[:_MARK] != b"%08x " % chain:
        raise Damaged(f"the line at byte {at.offset} is damaged", at.offset)
    return payload, chain


def read_payloads(fd: int, start: Position) -> Iterator[tuple[bytes, Position]]:
    """What is written after `start`: each whole line's payload, and the position after it.

    The beginning of a line that a killed process left, or another is just writing, at the very end is not
    given.

    Raises:
        Damaged: what is there was not written by us, or changed since.
    """
    at, pending = start, bytearray()
    while block := os.pread(fd, max(_BLOCK, len(pending)), at.offset + len(pending)):
        pending += block
        begin = 0
        while (end := pending.find(b"\n", begin)) >= 0:
            payload, chain = unseal(bytes(pending[begin:end]), at)
            at = Position(at.offset + end + 1 - begin, chain)
            begin = end + 1
            yield payload, at
        del pending[:begin]
    if pending and not _BEGINNING.fullmatch(pending):
        raise Damaged(f"what follows byte {at.offset} was not written by this program", at.offset)


def has_hole(fd: int, start: int) -> bool:
    """Whether what follows `start` looks like writes of which a power cut kept only some blocks.

    A block that never reached the disk reads as zeros, and this program writes none. Zeros that do not end
    where a block does are something else.
    """
    tail = os.pread(fd, os.fstat(fd).st_size - start, start)
    holes = list(re.finditer(rb"\0+", tail))
    return bool(holes) and all(hole.end() == len(tail) or (start + hole.end()) % _SECTOR == 0 for hole in holes)


def read_operations(payload: bytes, at: Position) -> list[Operation]:
    """The operations of one transaction that ends at `at`.

    Raises:
        Damaged: they cannot be read.
    """
    try:
        operations = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise Damaged(f"the line before byte {at.offset} cannot be read: {error}", at.offset) from None
    assert isinstance(operations, list)
    return operations
