"""A contacts file as rows of text: its encoding, its separator and its faults found out, streaming.

It knows nothing of customers. Memory does not grow with the file: it is read row by row, twice if need be.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from messaging.errors import InputError

#: Longest cell that is read at all; a longer one means a quote that was never closed.
_FIELD_LIMIT = 4_000_000
_SEPARATORS = ",;\t"
_SAVE_AS = "save it as UTF-8 (Excel: CSV UTF-8)"
_STRAY = 'has text after a closing quote ("): a quote inside quotes is written twice'
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
    #: Why it is no row. Its text is then in a cell beyond the header's, where nothing takes it for a value.
    fault: str | None = None


@contextmanager
def open_csv(path: Path, stdin: IO[bytes]) -> Iterator[CsvFile]:
    """The file at `path`; `-` is `stdin`.

    What can be read only once is first laid down in a file without a name: a kill leaves nothing of it.

    Raises:
        InputError: it cannot be read, or has no header row.
    """
    piped = str(path) == "-"
    if not piped and not path.is_fifo():
        yield CsvFile(path)
        return
    with tempfile.TemporaryFile() as content:
        if piped:
            shutil.copyfileobj(stdin, content)
        else:
            with path.open("rb") as pipe:
                shutil.copyfileobj(pipe, content)
        yield CsvFile(Path("standard input") if piped else path, content)


class CsvFile:
    """A file of comma-, semicolon- or tab-separated values with a header row."""

    def __init__(self, path: Path, content: IO[bytes] | None = None) -> None:
        """Look at the beginning of the file; `content` has what is in it, where `path` cannot be read again.

        Raises:
            InputError: it cannot be read, or has no header row.
        """
        self.path = path
        self._content = content
        with self._open_bytes() as start:
            self._encoding = _encoding(start.read(4))
        csv.field_size_limit(max(_FIELD_LIMIT, csv.field_size_limit()))
        with self._open() as file:
            lines = _Lines(file, self)
            first = lines.first()
            #: Excel's own hint stands before the header.
            self._hinted = first[:4].lower() == "sep=" and len(first.strip()) <= 5
            header = lines.first() if self._hinted else first
            self.separator = (first.strip("\r\n")[4:] or ",") if self._hinted else _separator(header)
        if "\0" in header:
            raise InputError(f"{path}, line {lines.number}: has NUL characters: not UTF-8 text", hint=_SAVE_AS)
        self.headers: list[str] = []
        header_row = next(self._records(), None)
        if header_row is not None and header_row.fault:
            raise InputError(f"{path}, line {header_row.line}: {header_row.fault}")
        if header_row is None or not any(header_row.cells):
            raise InputError(f"{path}: no header row", hint="the first row must name the columns")
        self.headers = [cell.strip() for cell in header_row.cells]

    def rows(self) -> Iterator[Row]:
        """The records after the header; blank lines are passed over.

        Raises:
            InputError: the text is not UTF-8, or a quote is never closed; says on which line.
        """
        records = self._records()
        next(records, None)
        return records

    def undecodable(self, after: int, encoding: str) -> InputError:
        """What to say of bytes that are no text; `after` is the last line that certainly was."""
        place = f"after line {after}" if after else "at its beginning"
        if self._encoding == "utf-8-sig":
            with self._open_bytes() as file:
                bad = next((number for number, line in enumerate(file, 1) if not _is_utf8(line)), None)
            place = f"line {bad}" if bad else place
        return InputError(f"{self.path}, {place}: not {encoding.upper()} text", hint=_SAVE_AS)

    def _records(self) -> Iterator[Row]:
        with self._open() as file:
            lines = _Lines(file, self)
            if self._hinted:
                lines.first()
            reader = csv.reader(lines, delimiter=self.separator)
            while True:
                start = lines.number + 1
                lines.record.clear()
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    raise self._unclosed(start) from None
                if lines.ended and lines.record:
                    raise self._unclosed(start)
                if self._has_stray_text(lines.record):
                    yield Row(start, [*[""] * len(self.headers), "".join(lines.record).strip()], _STRAY)
                elif any(cell.strip() for cell in cells):
                    yield Row(start, [_without_guard(cell) for cell in cells])

    def _has_stray_text(self, record: list[str]) -> bool:
        """Whether the record only makes sense to a lenient reader; where it ends, that one knows better."""
        if not any('"' in line for line in record):
            return False
        try:
            next(csv.reader(record, delimiter=self.separator, strict=True))
        except csv.Error:
            return True
        return False

    def _unclosed(self, line: int) -> InputError:
        return InputError(f'{self.path}, line {line}: a quote (") is opened and never closed')

    def _open(self) -> IO[str]:
        return io.TextIOWrapper(self._open_bytes(), encoding=self._encoding, newline="")

    def _open_bytes(self) -> IO[bytes]:
        if self._content is not None:
            self._content.seek(0)
            return os.fdopen(os.dup(self._content.fileno()), "rb")
        try:
            return self.path.open("rb")
        except OSError as error:
            raise InputError(f"{self.path}: {error.strerror}") from None


class _Lines:
    """A file's lines, counted, with those of the present record; knows when the file has ended."""

    def __init__(self, file: IO[str], source: CsvFile) -> None:
        self._file = file
        self._source = source
        self.number = 0
        self.record: list[str] = []
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            # Bounded: a file without line ends is no reason to hold all of it.
            line = self._file.readline(_FIELD_LIMIT + 1)
        except UnicodeDecodeError as error:
            raise self._source.undecodable(self.number, error.encoding) from None
        if not line:
            self.ended = True
            raise StopIteration
        if len(line) > _FIELD_LIMIT:
            raise InputError(
                f"{self._source.path}, line {self.number + 1}: longer than {_FIELD_LIMIT:,} characters",
                hint='perhaps a quote (") is never closed',
            )
        if line.endswith(("\n", "\r")):
            self.number += 1
        self.record.append(line)
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


def _encoding(start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig"


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _separator(header: str) -> str:
    """The separator that the header has most of, outside quotes; a comma if it has none."""
    outside = "".join(header.split('"')[::2])
    return max(_SEPARATORS, key=outside.count)
