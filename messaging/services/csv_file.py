"""A contacts file as rows of text: its encoding, its separator and its faults found out, streaming.

It knows nothing of customers. Memory does not grow with the file: it is read row by row, twice if need be.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from messaging.errors import InputError

#: Longest cell that is read at all; a longer one means a quote that was never closed.
_FIELD_LIMIT = 4_000_000
_SEPARATORS = ",;\t"
#: A formula, or a number, that an apostrophe keeps a spreadsheet from taking for one.
_GUARDED = re.compile(r"'(?:[=+\-@].*|[\d .,/()-]+)", re.DOTALL)
#: What a spreadsheet takes for the beginning of a formula …
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: … unless it is a number, of a telephone or otherwise.
_SIGNED = re.compile(r"[+-]\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Row:
    """One record, with the line it begins on (from 1)."""

    line: int
    cells: list[str]


class CsvFile:
    """A file of comma-, semicolon- or tab-separated values with a header row."""

    def __init__(self, path: Path) -> None:
        """Look at the beginning of the file.

        Raises:
            InputError: it cannot be read, or has no header row.
        """
        self.path = path
        self._encoding = _encoding(path)
        csv.field_size_limit(max(_FIELD_LIMIT, csv.field_size_limit()))
        with self._open() as file:
            lines = _Lines(file, path)
            first = lines.first()
            #: Excel's own hint stands before the header.
            self._hinted = first[:4].lower() == "sep=" and len(first.strip()) <= 5
            header = lines.first() if self._hinted else first
            self.separator = (first.strip("\r\n")[4:] or ",") if self._hinted else _separator(header)
        header_row = next(self._records(), None)
        if header_row is None or not any(header_row.cells):
            raise InputError(f"{path}: no header row")
        self.headers = [cell.strip() for cell in header_row.cells]

    def rows(self) -> Iterator[Row]:
        """The records after the header; blank lines are passed over.

        Raises:
            InputError: the text is not UTF-8, or a quote is never closed; says on which line.
        """
        records = self._records()
        next(records, None)
        return records

    def _records(self) -> Iterator[Row]:
        with self._open() as file:
            lines = _Lines(file, self.path)
            if self._hinted:
                lines.first()
            reader = csv.reader(lines, delimiter=self.separator)
            while True:
                start = lines.number + 1
                lines.quotes = 0
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    raise self._unclosed(start) from None
                if lines.ended and lines.quotes % 2:
                    raise self._unclosed(start)
                if any(cell.strip() for cell in cells):
                    yield Row(start, [_without_guard(cell) for cell in cells])

    def _unclosed(self, line: int) -> InputError:
        return InputError(f'{self.path}, line {line}: a quote (") is opened and never closed')

    def _open(self) -> IO[str]:
        try:
            return self.path.open(encoding=self._encoding, newline="")
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}") from None


class _Lines:
    """A file's lines, counted, with the quotes of the present record; knows when the file has ended."""

    def __init__(self, file: IO[str], path: Path) -> None:
        self._file = file
        self._path = path
        self.number = 0
        self.quotes = 0
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            # Bounded: a file without line ends is no reason to hold all of it.
            line = self._file.readline(_FIELD_LIMIT)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{self._path}, after line {self.number}: not {error.encoding.upper()} text",
                hint="save it as UTF-8 (Excel: CSV UTF-8)",
            ) from None
        if not line:
            self.ended = True
            raise StopIteration
        if line.endswith(("\n", "\r")):
            self.number += 1
        self.quotes += line.count('"')
        return line

    def first(self) -> str:
        """The next line that is not blank; empty at the end."""
        for line in self:
            if line.strip():
                return line
        return ""


def safe_cell(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula; `CsvFile` takes the guard off again."""
    return f"'{text}" if text.startswith(_FORMULA) and not _SIGNED.fullmatch(text) else text


def _without_guard(cell: str) -> str:
    """A cell without the apostrophe that Shopify, Excel and we put before numbers and signs."""
    cell = cell.strip()
    return cell[1:] if _GUARDED.fullmatch(cell) else cell


def _encoding(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _separator(header: str) -> str:
    """The separator that the header has most of, outside quotes; a comma if it has none."""
    outside = "".join(header.split('"')[::2])
    return max(_SEPARATORS, key=outside.count)
