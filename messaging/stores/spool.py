"""The spool: lines that wait in files until the store takes them.

A hit on a link must not wait for the store, and must not be lost when the store or the process dies. So it is
one appended line (it survives the process; a power cut may take the last ones), and is taken over in batches.
Every process writes files of its own and holds a lock on the one it writes. Anybody may take over the lines
of any file, several times: whoever takes them must know them by their id. A file is removed by whoever finds
it without a writer.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from messaging.ids import random_id

log = logging.getLogger("messaging.spool")

#: Lines that are taken over at once.
BATCH = 500


class Spool:
    """Lines in a folder's files. For several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = threading.Lock()
        self._draining = threading.Lock()
        self._file: int | None = None
        self._torn = False
        #: Whether the name of the file is on the disk.
        self._named = False
        #: How far files that others still write were taken over.
        self._taken: dict[str, int] = {}

    def append(self, line: bytes, *, durable: bool = False) -> None:
        """Keep `line` (without a line end); with `durable`, through a power cut too.

        Raises:
            OSError: it could not be kept.
        """
        with self._writing:
            file = self._file = self._open() if self._file is None else self._file
            data = b"\n" + line + b"\n" if self._torn else line + b"\n"
            # Until all of it is there, what follows must not be taken for its end.
            self._torn = True
            self._torn = os.write(file, data) != len(data)
            if self._torn:
                raise OSError(f"{self._folder}: disk full")
            if durable:
                os.fsync(file)
                if not self._named:
                    for folder in (self._folder.parent, self._folder):
                        _sync_folder(folder)
                    self._named = True

    def drain(self, take: Callable[[Sequence[bytes]], object]) -> int:
        """Hand all lines to `take`, in batches; return how many. If `take` raises, they go on waiting."""
        with self._draining:
            self._let_go()
            count = 0
            for path in sorted(self._folder.glob("*.jsonl")):
                try:
                    file = os.open(path, os.O_RDONLY)
                except FileNotFoundError:
                    continue
                try:
                    count += self._drain_file(file, path, take)
                finally:
                    os.close(file)
            return count

    def close(self) -> None:
        """Let go of the file that is written; its lines wait for whoever drains next."""
        self._let_go()

    def _open(self) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = random_id()
        hidden = self._folder / f".{name}"
        file = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        # It appears locked: nobody may find it without a writer.
        fcntl.flock(file, fcntl.LOCK_EX)
        hidden.rename(self._folder / f"{name}.jsonl")
        return file

    def _let_go(self) -> None:
        with self._writing:
            if self._file is not None:
                os.close(self._file)
                self._file, self._torn, self._named = None, False, False

    def _drain_file(self, file: int, path: Path, take: Callable[[Sequence[bytes]], object]) -> int:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            written_on = False
        except BlockingIOError:
            written_on = True
        count = 0
        for lines, position in _batches(file, self._taken.get(path.name, 0)):
            take(lines)
            count += len(lines)
            self._taken[path.name] = position
        if not written_on:
            path.unlink(missing_ok=True)
            self._taken.pop(path.name, None)
        return count


def _sync_folder(folder: Path) -> None:
    """Return when the names in `folder` are on the disk."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _batches(file: int, position: int) -> Iterator[tuple[list[bytes], int]]:
    """Complete lines from `position` on, and the position after them."""
    with os.fdopen(os.dup(file), "rb") as reader:
        reader.seek(position)
        lines: list[bytes] = []
        for line in reader:
            if not line.endswith(b"\n"):
                break
            position += len(line)
            if len(line) > 1:
                lines.append(line)
            if len(lines) == BATCH:
                yield lines, position
                lines = []
        if lines:
            yield lines, position
