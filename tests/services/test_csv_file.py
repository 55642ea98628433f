"""A contacts file's form: strict about quotes, and one clear line for what is no CSV at all."""

from __future__ import annotations

import io
import os
import re
import threading
from pathlib import Path

import pytest

from messaging.errors import InputError
from messaging.services.csv_file import CsvFile, open_csv


@pytest.fixture
def written(tmp_path: Path):
    def write(content: str | bytes) -> CsvFile:
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return CsvFile(path)

    return write


def rows(file: CsvFile) -> list[tuple[int, list[str]]]:
    return [(row.line, row.cells) for row in file.rows() if not row.fault]


def test_text_after_a_closing_quote_is_a_fault_of_its_row_only(written) -> None:
    file = written(
        'email,note\nann@example.com,"a ""good"" one"\n"bob@example.com"x,hello\ncara@example.com,5" disk\n'
        '"dan@example.com" ,"two\nlines"x\neve@example.com,\n'
    )
    faults = [row for row in file.rows() if row.fault]
    assert [(row.line, row.cells) for row in faults] == [
        (3, ["", "", '"bob@example.com"x,hello']),
        (5, ["", "", '"dan@example.com" ,"two\nlines"x']),
    ]
    assert rows(file) == [
        (2, ["ann@example.com", 'a "good" one']),
        (4, ["cara@example.com", '5" disk']),
        (7, ["eve@example.com", ""]),
    ]


def test_a_quote_that_a_later_row_closes_takes_only_those_rows(written) -> None:
    file = written('email,note\n"ann@example.com,x\nbob@example.com,"Bob"\ncara@example.com,y\n')
    assert [(row.line, bool(row.fault)) for row in file.rows()] == [(2, True), (4, False)]


def test_a_quoted_cell_never_becomes_a_row(written) -> None:
    file = written('email,note\n"ann@example.com" ,"hello\nmallory@example.com,x"\n')
    assert [(row.line, bool(row.fault)) for row in file.rows()] == [(2, True)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ": no header row"),
        (b"\xef\xbb\xbf", ": no header row"),
        ("email,name\n".encode("utf-16-le"), ", line 1: has NUL characters: not UTF-8 text"),
        ("email,name\n".encode("utf-16-be"), ", line 1: has NUL characters: not UTF-8 text"),
        (b"email\nann@example.com\nb\xf6b@example.com\n", ", line 3: not UTF-8 text"),
        (b"PK\x03\x04\x14\x00\xff\xfe\x00\n", ", line 1: not UTF-8 text"),
        (b'"email"x\n', ", line 1: has text after a closing quote"),
        (b"email\n" + b"x" * 4_000_001, ", line 2: longer than 4,000,000 characters"),
        ("email\nann@".encode("utf-16") + b"\x00", ", after line 1: not UTF-16"),
    ],
)
def test_what_is_no_csv_says_so_with_its_line(written, tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(InputError, match="^" + re.escape(f"{tmp_path / 'people.csv'}{problem}")):
        list(written(content).rows())


def test_a_header_alone_is_an_empty_file(written) -> None:
    assert rows(written("email,name")) == []
    assert rows(written("email,name\r\n\r\n")) == []


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"), open_csv(tmp_path, io.BytesIO()):
        pass


def test_a_nul_is_its_cells_business(written) -> None:
    assert rows(written(b"email,note\nann@example.com,a\0b\n")) == [(2, ["ann@example.com", "a\0b"])]


def test_standard_input_can_be_read_twice() -> None:
    with open_csv(Path("-"), io.BytesIO("\ufeffemail;name\nann@example.com;Jürgen\n".encode())) as file:
        assert rows(file) == rows(file) == [(2, ["ann@example.com", "Jürgen"])]
        assert (file.headers, str(file.path)) == (["email", "name"], "standard input")


def test_a_pipe_can_be_read_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=[b"email\nann@example.com\n"])
    writing.start()
    with open_csv(pipe, io.BytesIO()) as file:
        assert rows(file) == rows(file) == [(2, ["ann@example.com"])]
    writing.join()
