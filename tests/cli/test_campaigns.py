"""`messaging campaigns` as it is typed: who is asked, who is told, what waits for a person."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from messaging import Receipt
from messaging.app import Messaging
from messaging_email.mailbox import Mailbox

AT = "2026-03-02T11:00:00+00:00"


@pytest.fixture
def people(run: Any) -> list[str]:
    rows = [f"c{n},c{n}@mail.example" for n in range(3)]
    (run.folder / "people.csv").write_text("\n".join(["id,email", *rows]), "utf-8")
    assert run("customers", "import", "people.csv", "--consent", "email")[0] == 0
    return rows


@pytest.fixture
def spring(run: Any, people: list[str]) -> str:
    assert run("campaigns", "create", "spring", "--template", "promotion", "--segment", "everyone")[0] == 0
    return "spring"


def status(run: Any, name: str = "spring") -> dict[str, Any]:
    code, out, _ = run("campaigns", "status", name, "--json")
    assert code == 0
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ("rrr", 5, "all 3 refused by the provider"),
        ("arr", 3, "2 refused, 0 unknown"),
        ("rru", 3, "2 refused, 1 unknown"),
        ("aaa", 0, ""),
    ],
)
def test_how_it_ends_says_who_refused(
    run: Any, spring: str, monkeypatch: pytest.MonkeyPatch, answers: str, code: int, said: str
) -> None:
    kinds = {"a": Receipt.accepted, "r": lambda id: Receipt.refused(id, "no"), "u": lambda id: Receipt.unknown(id, "?")}
    left = iter(answers)
    monkeypatch.setattr(Mailbox, "deliver", lambda self, messages: [kinds[next(left)](m.id) for m in messages])
    monkeypatch.setattr(Mailbox, "lookup", lambda self, id: None)
    ended, _, err = run("campaigns", "send", spring, "--yes")
    assert (ended, said in err) == (code, True), err


def mails(run: Any) -> list[Path]:
    return list((run.folder / "mailbox").glob("*.eml"))


def typed(run: Any, answer: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command at a terminal, where a person answers."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    try:
        return subprocess.run(
            [sys.executable, "-m", "messaging", *arguments],
            stdin=theirs,
            capture_output=True,
            text=True,
            cwd=run.folder,
            check=False,
            timeout=60,
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_program_must_say_that_it_means_it(run: Any, spring: str) -> None:
    code, _, err = run("campaigns", "send", spring, stdin="y\n")
    assert code == 2
    assert err == (
        "messaging campaigns send: nobody can be asked here: say --yes, or --plan HASH. "
        "See messaging campaigns send --help.\n"
    )
    assert (status(run)["state"], mails(run)) == ("draft", [])
    assert run("campaigns", "send", spring, "--yes")[0] == 0
    assert len(mails(run)) == 3
    assert run("campaigns", "send", spring)[0] == 0  # what began needs no word: after an interruption, say it again
    assert len(mails(run)) == 3


def test_a_plan_that_was_looked_at_is_a_word(run: Any, spring: str) -> None:
    plan = json.loads(run("campaigns", "plan", spring, "--json")[1])
    assert run("campaigns", "send", spring, "--plan", plan["hash"])[0] == 0
    assert len(mails(run)) == 3


def test_an_empty_plan_is_none(run: Any, spring: str) -> None:
    code, _, err = run("campaigns", "send", spring, "--plan", "")
    assert (code, err) == (1, "messaging: '' is not a plan's hash\n")
    assert mails(run) == []


@pytest.mark.parametrize(("answer", "code", "sent"), [("n\n", 1, 0), ("y\n", 0, 3)])
def test_a_person_is_asked(run: Any, spring: str, answer: str, code: int, sent: int) -> None:
    done = typed(run, answer, "campaigns", "send", spring)
    assert "Send promotion to segment everyone (3 people)?" in done.stderr
    assert (done.returncode, len(mails(run))) == (code, sent)


@pytest.mark.parametrize("command", [("campaigns", "cancel", "spring"), ("customers", "erase", "c1")])
def test_other_questions_are_asked_alike(run: Any, spring: str, command: tuple[str, ...]) -> None:
    code, _, err = run(*command, stdin="y\n")
    assert (code, "say --yes." in err) == (2, True)
    assert status(run)["state"] == "draft"
    assert run("customers", "show", "c1")[0] == 0
    assert typed(run, "n\n", *command).returncode == 1
    assert status(run)["state"] == "draft"
    assert run("customers", "show", "c1")[0] == 0
    assert run(*command, "--yes")[0] == 0


def later(monkeypatch: pytest.MonkeyPatch, time: str) -> None:
    monkeypatch.setenv("MESSAGING_NOW", time)


@pytest.fixture
def scheduled(run: Any, people: list[str]) -> str:
    run("campaigns", "create", "spring", "--template", "promotion", "--segment", "everyone", "--at", AT)
    code, _, err = run("campaigns", "send", "spring", "--yes")
    assert (code, "It goes out then" in err) == (0, True)
    return "spring"


def test_one_sent_hours_after_its_time_goes_out_and_says_so(
    run: Any, scheduled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, "2026-03-02T16:00:00Z")
    code, _, err = run("campaigns", "send", scheduled)
    assert code == 0
    assert "Campaign spring should have gone out at 2026-03-02 11:00 UTC. It does now." in err
    assert len(mails(run)) == 3


def test_one_sent_shortly_after_its_time_says_nothing(
    run: Any, scheduled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, "2026-03-02T12:00:00Z")
    code, _, err = run("campaigns", "send", scheduled)
    assert (code, "should have" in err) == (0, False)


@pytest.fixture
def held(run: Any, scheduled: str, monkeypatch: pytest.MonkeyPatch) -> str:
    later(monkeypatch, "2026-03-04T10:00:00Z")
    assert run("send-due")[0] == 0
    return scheduled


def test_one_that_is_held_says_why_and_how_it_goes_on(run: Any, held: str) -> None:
    code, out, err = run("campaigns", "status", held)
    assert code == 0
    assert "Campaign spring: held (its time was 2026-03-02T11:00+00:00, too long ago)" in out
    assert err == ("Let it go on: messaging campaigns resume spring. Drop it: messaging campaigns cancel spring.\n")
    assert mails(run) == []


@pytest.mark.parametrize("command", ["resume spring", "send spring --yes"])
def test_a_person_lets_it_go(run: Any, held: str, command: str) -> None:
    assert run("campaigns", *command.split())[0] == 0
    assert (status(run)["state"], len(mails(run))) == ("done", 3)


def test_a_program_does_not_let_it_go_without_a_word(run: Any, held: str) -> None:
    assert run("campaigns", "send", held)[0] == 2
    assert (status(run)["state"], len(mails(run))) == ("held", 0)


def test_one_cut_short_that_a_person_sends_days_later_says_so(
    run: Any, spring: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Messaging.open(str(run.folder)) as app:
        app.campaigning.start(spring)
        app.campaigning.fill(spring)
    later(monkeypatch, "2026-03-04T10:00:00Z")
    code, _, err = run("campaigns", "send", spring)
    assert code == 0
    assert "Campaign spring should have gone out at 2026-03-02 10:00 UTC. It does now." in err
    assert len(mails(run)) == 3


def test_a_plan_says_what_is_wrong_with_the_template(run: Any, spring: str) -> None:
    body = run.folder / "templates" / "promotion" / "email.html"
    assert json.loads(run("campaigns", "plan", spring, "--json")[1])["warnings"] == []
    body.write_text(
        body.read_text("utf-8").replace("{% block content %}", "{% block content %}<p>*|FNAME|*</p>", 1), "utf-8"
    )
    (warning,) = json.loads(run("campaigns", "plan", spring, "--json")[1])["warnings"]
    assert warning.startswith("templates/promotion/email.html:")
    assert "*|FNAME|* is written in Mailchimp and would be sent as it stands" in warning
    assert f"Note: {warning}" in run("campaigns", "plan", spring)[2]
