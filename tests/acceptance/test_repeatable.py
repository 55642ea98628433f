"""With the same inputs, keys and clock, the same bytes go out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from messaging.cli import main
from messaging.workspace.folder import make_workspace

PEOPLE = """id,email,first_name,last_name,locale,timezone
c1,ann@mail.example,Ann,Alder,en-GB,Europe/London
c2,bo@mail.example,Bo,Birch,de-DE,Europe/Berlin
c3,cai@mail.example,,,pt-PT,
"""
EVENT = """{"id": "1", "type": "order.placed", "time": "2026-03-02T09:59:00+00:00", "customer": {"id": "c2"},
"data": {"order": {"number": "A-1", "total": "12.50", "currency": "EUR",
"items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "12.50"}]}}}"""


def messages_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the mailbox holds after one run of everything."""
    monkeypatch.chdir(folder)
    (folder / "people.csv").write_text(PEOPLE, "utf-8")
    (folder / "event.json").write_text(EVENT, "utf-8")
    for line in (
        "customers import people.csv --consent email --consent-source form",
        "campaigns create spring --template promotion --segment everyone",
        "campaigns send spring --yes",
        "triggers enable order-confirmation",
        "events send event.json",
        "send-due",
    ):
        done = CliRunner().invoke(main, line.split(), catch_exceptions=False)
        assert done.exit_code == 0, done.stderr
    return {path.name: path.read_bytes() for path in (folder / "mailbox").glob("*.eml")}


def test_a_run_repeats_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING_NOW", "2026-03-02T10:00:00Z")
    make_workspace(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    first = messages_of(tmp_path / "one", monkeypatch)
    second = messages_of(tmp_path / "two", monkeypatch)
    assert len(first) == 4
    assert first == second
