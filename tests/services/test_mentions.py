"""Files of a person's own that name somebody are found, whatever they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from messaging.rules.identity import Identity
from messaging.services.mentions import files_that_name

ANN = Identity(
    "17", [("email", "ann@example.com"), ("sms", "+436641234567")], ids=["S-9"], name=("Ann-Marie", "O'Neil")
)


def found(folder: Path, *apart: str) -> list[str]:
    named = files_that_name(ANN, folder, apart=[folder / name for name in apart])
    return [str(path.relative_to(folder)) for path in named]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("people.csv", "Customer ID;Email\n16;x@example.com\n17;\n"),
        ("people.csv", "\ufeffemail,phone\nx@example.com,0664 / 123 45 67\n"),
        ("people.csv", 'email,note\nx@example.com,"a\nann@example.com"\n'),
        ("people.tsv", "sep=\t\nid\tname\n1\tO'Neil Ann-Marie\n"),
        ("no-header.csv", "ann@example.com\nbob@example.com\n"),
        ("no-columns.csv", "Kontakt,Menge\nANN@example.com,1\n"),
        ("broken.csv", 'id,email\n17,ann@example.com,"never closed\n'),
        ("people.rejected.csv", "line,reason,email\n2,bad,ann@example.com\n"),
        ("events.jsonl", '{"customer": {"id": 16}}\n{"customer": {"id": 17}}\n'),
        ("events.jsonl", '{"customer": {"phone": "0664 1234567"}}\n'),
        ("ann.json", '{\n "customer": {\n  "email": "Ann@Example.com"\n }\n}\n'),
        ("notes.txt", "ask Ann-Marie O'Neil\n"),
        ("deep/er/notes", "mailto:ann@example.com"),
    ],
)
def test_it_is_found(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    (tmp_path / "other.csv").write_text("id,email\n16,bob@example.com\n", "utf-8")
    assert found(tmp_path) == [name]
    assert path.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("people.csv", "id,email,points\n16,joann@example.org,17\n"),
        ("events.jsonl", '{"customer": {"id": 16}, "data": {"order": {"number": 17}}}\n[17]\n{"customer": 17}\n'),
        ("notes.txt", "Ann-Marie Lee, order 17\n"),
        ("picture.png", "\x00\x01"),
        ("empty.csv", ""),
    ],
)
def test_others_are_not(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert found(tmp_path) == []


def test_utf_16(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,email\n17,\n", "utf-16")
    assert found(tmp_path) == ["people.csv"]


def test_what_is_apart_or_hidden_is_not_looked_at(tmp_path: Path) -> None:
    for name in ("data/store.jsonl", "mailbox/1.eml", ".git/log", "keys.toml", "lists/a.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("ann@example.com\n", "utf-8")
    assert found(tmp_path, "data", "mailbox", "keys.toml") == ["lists/a.csv"]


def test_what_is_no_file_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert found(tmp_path) == []


def test_one_that_cannot_be_read_may_name_anybody(tmp_path: Path) -> None:
    (tmp_path / "broken.txt").symlink_to("/proc/self/mem")  # a file that even root cannot read at its beginning
    assert found(tmp_path) == ["broken.txt"]
