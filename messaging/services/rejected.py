"""Files of what an import could not take, with place and reason, beside the file it came from.

They hold people's data, so the store remembers where they are: erasing somebody removes them.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from messaging.errors import InputError
from messaging.rules.headers import REJECTED_COLUMNS
from messaging.services.csv_file import safe_cell
from messaging.stores.base import Store

#: Note: path of a file of rejected rows -> true.
_NOTE = "rejected-file:"


class RejectedFile:
    """Written as rejects come; not there if there are none. That of an earlier run is replaced."""

    def __init__(self, store: Store, source: Path, folder: Path, suffix: str) -> None:
        """`folder` is used where nothing can be written beside `source`."""
        self._store = store
        beside = source.resolve().with_name(f"{source.stem}.rejected{suffix}")
        self.path = beside if os.access(beside.parent, os.W_OK) else folder / beside.name
        self._file: IO[str] | None = None
        self.path.unlink(missing_ok=True)

    def row(self, headers: Sequence[str], line: int, reason: str, cells: Sequence[str]) -> None:
        """Add a row of a CSV file; no cell of it is a formula to a spreadsheet."""
        if self._file is None:
            csv.writer(self._open()).writerow([*REJECTED_COLUMNS, *map(safe_cell, headers)])
        csv.writer(self._open()).writerow([line, safe_cell(reason), *map(safe_cell, cells)])

    def line(self, line: int, reason: str, text: bytes) -> None:
        """Add a line of a JSON Lines file, as JSON of its own."""
        told: dict[str, Any] = {
            "line": line,
            "reason": reason,
            "text": text.decode("utf-8", "replace").rstrip("\r\n"),
        }
        self._open().write(orjson.dumps(told).decode() + "\n")

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[str]:
        if self._file is None:
            self._store.put_note(_NOTE + str(self.path), True)
            try:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            except OSError as error:
                raise InputError(f"{self.path}: {error.strerror}") from None
            self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
        return self._file


def remove_rejected_files(store: Store) -> int:
    """Remove all such files that were ever written and are still there; return how many."""
    count = 0
    for note, written in store.notes(_NOTE).items():
        if written:
            path = Path(note.removeprefix(_NOTE))
            count += path.exists()
            path.unlink(missing_ok=True)
            store.put_note(note, None)
    return count
