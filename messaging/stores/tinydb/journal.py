"""The journal as a file: opened, followed, appended to, and replaced by a compacted one.

Beside it lies a head, written after each `fsync`: how long the journal surely was. By it a journal that was
cut off is told from one whose last line never was whole.
"""

from __future__ import annotations

import logging
import os
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from messaging.errors import StoreBroken, StoreError
from messaging.ids import random_id
from messaging.stores.made import Made
from messaging.stores.tinydb.disk import Disk, disk_error
from messaging.stores.tinydb.format import (
    Damaged,
    Header,
    Operation,
    Position,
    has_hole,
    read_operations,
    read_payloads,
    seal,
)

log = logging.getLogger("messaging.store")


class Head:
    """The file beside the journal that says how long it surely was."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk
        self._fd: int | None = None
        self._generation = ""

    def read(self) -> tuple[str, int] | None:
        """(generation, length); None if there is none that can be read, which promises nothing."""
        try:
            generation, length, checksum = self.path.read_bytes().split()
            if checksum == b"%08x" % zlib.crc32(generation + b" " + length):
                return generation.decode(), int(length)
        except (OSError, ValueError):
            pass
        return None

    def write(self, generation: str, length: int) -> None:
        """Say it. That it fails is no failure: an older head promises less, and nothing wrong."""
        text = b"%b %020d" % (generation.encode(), length)
        try:
            if self._fd is None:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            self._disk.write(self._fd, b"%b %08x\n" % (text, zlib.crc32(text)), 0)
            if generation != self._generation:  # after a power cut an older length is of use, another file's is not
                self._disk.sync(self._fd)
                self._generation = generation
        except OSError:
            pass

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class Journal:
    """One process's view of the journal at `path`. For one thread at a time; the storage sees to that."""

    def __init__(self, path: Path, disk: Disk, made: Made | None = None) -> None:
        """`made` knows, from elsewhere, whether it was made before."""
        self.path = path
        self._made = made
        self.backup = path.with_name(path.name + ".bak")
        self.disk = disk
        self.head = Head(path.with_name(path.name + ".head"), disk)
        self.header: Header | None = None
        #: The end of what this process knows; the file is longer when another has written since.
        self.at = Position(0, 0)
        self._fd = -1
        self._file = (0, 0)
        self._writable = False
        #: Whether all that this process appended is on the disk.
        self.synced = True
        self._failed = False
        #: Where the end begins that a power cut left with holes; nothing that follows it counts.
        self._torn: int | None = None

    # Reading. Without a lock: only whole lines count, and a line is there only once it is committed.

    def missing(self) -> bool:
        """Whether there is none yet.

        Raises:
            StoreBroken: there is none any more.
        """
        if self.path.exists():
            return False
        if self._signs():
            raise self._gone()
        return True

    def open(self) -> Iterator[list[Operation]]:
        """Read the whole file: each transaction in turn.

        Raises:
            StoreBroken: it is damaged or was cut off; nothing is changed.
        """
        head = self.head.read()  # before the file: what it says was true by then
        self._close_file()
        self._torn = None
        try:
            self._open_file()
            self.header = Header.read(self._fd)
            self.at = self.header.first
            sure = head[1] if head is not None and head[0] == self.header.generation else None
            try:
                yield from self._follow()
            except Damaged as damage:
                if sure is None or damage.offset < sure or not has_hole(self._fd, damage.offset):
                    raise
                self._torn = damage.offset
            if sure is not None and sure > self.at.offset:
                raise Damaged(
                    f"it was cut off: {self.at.offset} of {sure} bytes are left"
                    f" (an older copy, put there on purpose, is taken if {self.head.path.name} is removed)",
                    self.at.offset,
                )
        except FileNotFoundError:
            raise self._gone() from None
        except OSError as error:
            raise disk_error(self.path, error) from None
        except Damaged as damage:
            self.header = None
            raise self.broken(damage) from None
        self._note()

    def news(self) -> Iterator[list[Operation]] | None:
        """What others appended since, each transaction in turn; None: the file must be opened anew.

        Raises:
            StoreBroken, StoreError: the file is gone, damaged, or cannot be read.
        """
        if self.header is None:
            return None
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            raise self._gone() from None
        except OSError as error:
            raise disk_error(self.path, error) from None
        if (status.st_dev, status.st_ino) != self._file:
            return self._switch()
        if status.st_size < self.at.offset:
            return None
        return self._follow() if status.st_size > self.at.offset else iter(())

    def _follow(self) -> Iterator[list[Operation]]:
        try:
            for payload, at in read_payloads(self._fd, self.at):
                operations = read_operations(payload, at)
                self.at = at
                yield operations
        except Damaged as damage:
            if damage.offset != self._torn:
                raise

    def _switch(self) -> Iterator[list[Operation]] | None:
        """Another process compacted: read the old file to its end, then go on in the new one."""
        assert self.header is not None
        rest = list(self._follow())
        generation, length = self.header.generation, self.at.offset
        self._close_file()
        try:
            self._open_file()
        except OSError as error:
            raise disk_error(self.path, error) from None
        self.header = Header.read(self._fd)
        if (self.header.previous, self.header.previous_length) != (generation, length):
            self.header = None
            return None
        self.at = Position(self.header.length, self.header.chain)
        return iter([*rest, *self._follow()])

    # Writing. Under the lock between processes, and when all that others wrote is known.

    def create(self, created: str) -> None:
        """Make an empty journal, whole under its name or not at all. Raises OSError."""
        header = Header(generation=random_id(), created=created)
        new = self.path.with_name(self.path.name + ".new")
        fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o660)
        try:
            self.disk.write(fd, header.to_line(), 0)
            self.disk.sync(fd)
        finally:
            os.close(fd)
        self.disk.replace(new, self.path)
        self.disk.sync_folder(self.path.parent)
        self._note()

    def append(self, payload: bytes, *, durable: bool) -> None:
        """Commit one transaction; `durable`: also to the disk, with all that was appended before.

        Raises:
            StoreError: it could not be written; the file is as it was. Only if the disk takes the line, then
                fails to make it durable, and then fails to cut it off again too, is the line there all the same.
        """
        self.check()
        line, chain = seal(payload, self.at.chain)
        try:
            self.drop_torn_tail()
            self.disk.write(self._fd, line, self.at.offset)
            if durable:
                self._sync()
        except BaseException as error:  # taken back, and handed on
            self._take_back()
            if isinstance(error, OSError):
                raise disk_error(self.path, error) from None
            raise
        self.at = Position(self.at.offset + len(line), chain)
        self.synced = durable
        if durable:
            self._write_head()

    def sync(self) -> None:
        """Bring to the disk what was appended without it. Raises OSError."""
        if self.header is not None and not self._failed:
            self._sync()
            self.synced = True
            self._write_head()

    def check(self) -> None:
        """See that more may be written.

        After one failed `fsync` the system forgets what it could not write, and the next one succeeds without
        it. So nothing is written after it: who opens the file anew takes what is in it.

        Raises:
            StoreError: it may not.
        """
        if self._failed:
            raise StoreError(
                f"{self.path}: an earlier write did not reach the disk, so nothing more is written",
                hint="look at the disk, then start this program again: it goes on from what the file holds",
            )

    def drop_torn_tail(self) -> None:
        """Cut off what a killed process left of a line, or a power cut of some. Raises OSError."""
        self._need_writable()
        size = os.fstat(self._fd).st_size
        if size == self.at.offset:
            return
        if has_hole(self._fd, self.at.offset):
            lost = size - self.at.offset
            log.warning("%s: the last %d bytes did not all reach the disk before a power cut; cut off", self.path, lost)
        self.disk.truncate(self._fd, self.at.offset)
        self._torn = None

    def succeed(self, header: Header, new: Path, *, keep: bool) -> None:
        """Put the compacted journal `new` in this one's place; `keep` this one as backup. Raises OSError."""
        spare = self.path.with_name(self.path.name + ".old")
        self.disk.remove(spare)  # a killed compaction left it
        if keep:
            self.disk.link(self.path, spare)
            self.disk.replace(spare, self.backup)
        self.disk.replace(new, self.path)
        if not keep:
            self.disk.remove(self.backup)
        self.disk.sync_folder(self.path.parent)
        self._close_file()
        self._open_file()
        self.header, self.at = header, Position(header.length, header.chain)
        self._write_head()

    def close(self) -> None:
        """Give the files back."""
        self._close_file()
        self.head.close()

    def broken(self, damage: Damaged) -> StoreBroken:
        """The error for a damaged file: which, what, and what to go back to."""
        hint = self._last_backup() or "bring back a copy of your own"
        return StoreBroken(f"{self.path}: {damage}", hint=f"it was left as it is; {hint}")

    def _last_backup(self) -> str | None:
        if not self.backup.exists():
            return None
        made = datetime.fromtimestamp(self.backup.stat().st_mtime, UTC)
        return f"the last backup is {self.backup}, of {made:%Y-%m-%d %H:%M} UTC"

    def _signs(self) -> list[Path]:
        """What there is if there was a journal."""
        try:
            signs = [path for path in (self.head.path, self.backup) if path.exists()]
            return [*signs, self._made.file] if self._made is not None and self._made.known() else signs
        except OSError as error:
            raise disk_error(self.path, error) from None

    def _gone(self) -> StoreBroken:
        signs = " and ".join(map(str, self._signs()))
        hint = self._last_backup() or f"bring back {self.path.parent} from your backup"
        anew = f"; to begin with an empty store on purpose, remove {signs}" if signs else ""
        return StoreBroken(f"{self.path}: the store is gone", hint=hint + anew)

    def _note(self) -> None:
        if self._made is not None:
            self._made.note()

    def _write_head(self) -> None:
        assert self.header is not None
        self.head.write(self.header.generation, self.at.offset)

    def _sync(self) -> None:
        try:
            self.disk.sync(self._fd)
        except OSError:
            self._failed = True
            raise

    def _take_back(self) -> None:
        """Undo a failed append. If even that fails, the file is read anew: then memory is as the file is."""
        try:
            if self._writable:
                self.disk.truncate(self._fd, self.at.offset)
        except OSError:
            self.header = None

    def _open_file(self) -> None:
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._writable = False
        status = os.fstat(self._fd)
        self._file = (status.st_dev, status.st_ino)

    def _need_writable(self) -> None:
        """Open for writing only when something is written: looking works on a read-only disk too."""
        if not self._writable:
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            os.close(self._fd)
            self._fd, self._writable = fd, True

    def _close_file(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
