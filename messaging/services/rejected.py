"""Files of what an import could not take, or not all of, with place and reason, beside the file it came from.

They hold people's data, so the store remembers where they are: erasing somebody takes their rows out.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import orjson

from messaging.errors import InputError
from messaging.rules.headers import IDENTITY, REJECTED_COLUMNS, columns_of
from messaging.rules.identity import Identity
from messaging.services.csv_file import safe_cell
from messaging.stores.base import Store

#: Note: path of such a file -> of what kind. Within the workspace it is from there, which may be moved.
_NOTE = "rejected-file:"

#: Of rows that were not taken in; of rows that were, without what could not be read.
Kind = Literal["rejected", "incomplete"]


class RejectedFile:
    """Written as rejects come; not there if there are none. That of an earlier run is replaced."""

    def __init__(self, store: Store, source: Path, folder: Path, suffix: str, kind: Kind = "rejected") -> None:
        """`folder` is the workspace: used where nothing can be written beside `source`."""
        self._store = store
        self._kind = kind
        folder = folder.resolve()
        beside = source.resolve().with_name(f"{source.stem}.{kind}{suffix}")
        self.path = beside if os.access(beside.parent, os.W_OK) else folder / beside.name
        inside = self.path.is_relative_to(folder)
        self._note = _NOTE + str(self.path.relative_to(folder) if inside else self.path)
        self._file: IO[str] | None = None
        self.path.unlink(missing_ok=True)
        if store.get_note(self._note):
            store.put_note(self._note, None)

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
            self._store.put_note(self._note, self._kind)
            try:
                self._file = _private(self.path)
            except OSError as error:
                raise InputError(f"{self.path}: {error.strerror}") from None
        return self._file


def clean_rejected_files(store: Store, folder: Path, identity: Identity) -> tuple[int, list[Path]]:
    """Take the rows that name a person out of all such files; those of others stay, as they are written.

    Return out of how many files, and which ones only a person can tell: a mistyped row may be anybody's, and a file
    that is neither in the workspace `folder` nor where it was written may be anywhere. Whose an incomplete row is, is
    known.
    """
    count, doubtful = 0, []
    for note, kind in store.notes(_NOTE).items():
        path = folder.resolve() / note.removeprefix(_NOTE)
        try:
            if path.exists():
                taken, left = _take_out(path, identity)
                count += taken > 0
                if left:
                    if kind != "incomplete":
                        doubtful.append(path)
                    continue
                path.unlink(missing_ok=True)
            elif not path.is_relative_to(folder.resolve()):
                doubtful.append(path)
                continue
        except (OSError, UnicodeDecodeError, csv.Error):  # not as we wrote it, or not ours to change
            doubtful.append(path)
            continue
        store.put_note(note, None)
    return count, doubtful


def _take_out(path: Path, identity: Identity) -> tuple[int, int]:
    """Write a file anew without the rows that name a person, if there are any: how many, and how many are left."""
    taken = left = 0
    new = path.with_name(path.name + ".new")
    find = _lines if path.suffix == ".jsonl" else _rows
    try:
        with path.open(encoding="utf-8", newline="") as old, _private(new) as rest:
            for text, theirs in find(old, identity):
                taken += theirs is True
                left += theirs is False
                if not theirs:
                    rest.write(text)
        if taken:
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return taken, left


def _rows(file: IO[str], identity: Identity) -> Iterator[tuple[str, bool | None]]:
    """Each record of a CSV file as it is written, and whether it names the person; None of the header."""
    written: list[str] = []

    def lines() -> Iterator[str]:
        for line in file:
            written.append(line)
            yield line

    header = file.readline()
    file.seek(0)
    columns: dict[int, str] | None = None
    for cells in csv.reader(lines(), delimiter=max(",;\t", key=header.count)):
        if columns is None:
            columns = columns_that_identify(cells)
            theirs = None
        else:
            cells = [cell.removeprefix("'") for cell in cells]  # the guard of `safe_cell`
            theirs = row_names(columns, cells, identity)
        yield "".join(written), theirs
        written.clear()


def row_names(columns: Mapping[int, str], cells: Sequence[str], identity: Identity) -> bool:
    """Whether a row names the person: by what is in `columns` that identify, an address anywhere, or their name."""
    profile = {name: cells[position] for position, name in columns.items() if position < len(cells)}
    return (
        identity.named_by(profile)
        or any(map(identity.is_address, cells))
        or any(map(identity.in_text, cells))
        or identity.has_name_in(" ".join(cells))
    )


def columns_that_identify(header: Sequence[str]) -> dict[int, str]:
    """The columns that say who a row is about, as far as their names tell."""
    try:
        return {position: name for position, name in columns_of(header, {}).items() if name in IDENTITY}
    except InputError:
        return {}


def _lines(file: IO[str], identity: Identity) -> Iterator[tuple[str, bool | None]]:
    """Each line of rejected events, and whether it names the person."""
    for line in file:
        yield line, identity.in_text(line) or identity.has_name_in(line) or identity.named_by(_customer_in(line))


def _customer_in(line: str) -> Mapping[str, Any]:
    """The event's customer, if the line and its text can be read at all."""
    try:
        customer = orjson.loads(orjson.loads(line)["text"])["customer"]
    except (orjson.JSONDecodeError, KeyError, TypeError, IndexError):
        return {}
    return customer if isinstance(customer, dict) else {}


def _private(path: Path) -> IO[str]:
    """A new file that nobody else may read. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="")
