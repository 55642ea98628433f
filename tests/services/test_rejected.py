"""Files of rejected rows: whoever is erased is taken out of them, and nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from messaging.rules.identity import Identity
from messaging.services.rejected import RejectedFile, clean_rejected_files
from messaging.stores.base import Store

HEADERS = ["Customer ID", "Email", "Phone", "First Name", "Last Name", "Points"]
ANN = Identity(
    "17", [("email", "ann@example.com"), ("sms", "+436641234567")], ids=["S-9"], name=("Ann-Marie", "O'Neil")
)

Write = Callable[..., RejectedFile]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


@pytest.fixture
def write(store: Store, workspace: Path) -> Write:
    """A file of rejected rows beside `source`."""

    def run(*rows: list[str], source: Path = workspace / "people.csv") -> RejectedFile:
        file = RejectedFile(store, source, workspace, ".csv")
        for line, cells in enumerate(rows, 2):
            file.row(HEADERS, line, "bad", cells)
        file.close()
        return file

    return run


@pytest.mark.parametrize(
    "row",
    [
        ["17", "", "", "", "", ""],
        ["s-9", "", "", "", "", ""],
        ["", "ANN@example.com ", "", "", "", ""],
        ["", "", "0664 / 123 45 67", "", "", ""],
        ["", "", "+43 (0)664 1234567", "", "", ""],
        ["", "", "", "", "", "0043 664 1234567"],
        ["", "mail to: ann@example.com, please", "", "", "", ""],
        ["", "ann at example", "", "O’NEIL O'Neil", "ann-marie", ""],
    ],
)
def test_a_row_that_names_them_goes(store: Store, workspace: Path, write: Write, row: list[str]) -> None:
    bob = ["18", "bob@", "0664 1234568", "Ann-Marie", "Lee", "17"]
    file = write(row, bob)
    assert clean_rejected_files(store, workspace, ANN) == (1, [file.path])
    line, other = file.path.read_text("utf-8").splitlines()
    assert line.startswith("line,reason,Customer ID")
    assert other == f"3,bad,{','.join(bob)}"
    assert oct(file.path.stat().st_mode)[-3:] == "600"


def test_when_none_is_left_the_file_goes(store: Store, workspace: Path, write: Write) -> None:
    file = write(["17", "", "", "", "", ""])
    assert clean_rejected_files(store, workspace, ANN) == (1, [])
    assert list(workspace.iterdir()) == []
    assert file.path.parent == workspace
    assert clean_rejected_files(store, workspace, ANN) == (0, [])


def test_what_a_person_made_of_it_stays_as_they_wrote_it(store: Store, workspace: Path, write: Write) -> None:
    file = write(["18", "", "", "", "", ""])
    head = "\ufeffline;reason;Customer ID;Email\r\n"
    mine = '2;bad;18;"two\r\nlines; and a ""quote"""\r\n\r\n3;"x"y;19;\r\n'
    file.path.write_bytes(f"{head}{mine}4;bad;17;\r\n".encode())
    assert clean_rejected_files(store, workspace, ANN) == (1, [file.path])
    assert file.path.read_bytes().decode() == head + mine


def test_what_cannot_be_read_is_left_for_a_person(store: Store, workspace: Path, write: Write) -> None:
    file = write(["17", "", "", "", "", ""])
    text = file.path.read_text().encode("utf-16")
    file.path.write_bytes(text)
    assert clean_rejected_files(store, workspace, ANN) == (0, [file.path])
    assert file.path.read_bytes() == text


def test_a_file_without_columns_we_know(store: Store, workspace: Path) -> None:
    file = RejectedFile(store, workspace / "people.csv", workspace, ".csv")
    file.row(["Kontakt", "Menge"], 2, "bad", ["ann@example.com", "1"])
    file.row(["Kontakt", "Menge"], 3, "bad", ["bob@example.com", "17"])
    file.close()
    assert clean_rejected_files(store, workspace, ANN) == (1, [file.path])
    assert [line[0] for line in file.path.read_text().splitlines()] == ["l", "3"]


def test_rejected_events(store: Store, workspace: Path) -> None:
    file = RejectedFile(store, workspace / "events.jsonl", workspace, ".jsonl")
    texts = [
        '{"customer": {"id": 17}}',
        '{"customer": {"phone": "0664 1234567"}}',
        '{"customer": "ann@example.com"',
        '{"customer": {"id": 18}, "data": {"order": {"id": 17}}}',
        '["17"]',
    ]
    for number, text in enumerate(texts, 1):
        file.line(number, "bad", text.encode())
    file.close()
    assert clean_rejected_files(store, workspace, ANN) == (1, [file.path])
    assert [line[8] for line in file.path.read_text().splitlines()] == ["4", "5"]


def test_they_are_found_after_the_workspace_was_moved(
    store: Store, workspace: Path, write: Write, tmp_path: Path
) -> None:
    (workspace / "lists").mkdir()
    write(["17", "", "", "", "", ""], source=workspace / "lists" / "people.csv")
    moved = shutil.move(workspace, tmp_path / "elsewhere")
    assert clean_rejected_files(store, moved, ANN) == (1, [])
    assert list((moved / "lists").iterdir()) == []


def test_those_beside_a_file_elsewhere_are_named_when_they_are_not_there(
    store: Store, workspace: Path, write: Write, tmp_path: Path
) -> None:
    file = write(["17", "", "", "", "", ""], source=tmp_path / "people.csv")
    assert file.path == tmp_path / "people.rejected.csv"
    moved = file.path.rename(tmp_path / "moved.csv")
    for _ in range(2):  # nobody said that it is gone
        assert clean_rejected_files(store, workspace, ANN) == (0, [file.path])
    moved.rename(file.path)
    assert clean_rejected_files(store, workspace, ANN) == (1, [])
    assert not file.path.exists()


def test_one_that_a_clean_import_replaced_is_forgotten(
    store: Store, workspace: Path, write: Write, tmp_path: Path
) -> None:
    write(["17", "", "", "", "", ""], source=tmp_path / "people.csv")
    write(source=tmp_path / "people.csv")
    assert clean_rejected_files(store, workspace, ANN) == (0, [])


def test_whose_an_incomplete_row_is_leaves_no_doubt(store: Store, workspace: Path) -> None:
    file = RejectedFile(store, workspace / "people.csv", workspace, ".csv", "incomplete")
    for line, cells in enumerate((["17", "", "n/a", "", "", ""], ["18", "bob@example.com", "n/a", "", "", ""]), 2):
        file.row(HEADERS, line, "phone: not a phone number", cells)
    file.close()
    assert file.path.name == "people.incomplete.csv"
    assert clean_rejected_files(store, workspace, ANN) == (1, [])
    assert [line[0] for line in file.path.read_text("utf-8").splitlines()] == ["l", "3"]
    bob = Identity("18", [("email", "bob@example.com")])
    assert clean_rejected_files(store, workspace, bob) == (1, [])
    assert not file.path.exists()
