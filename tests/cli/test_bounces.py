"""`messaging bounces import`, as it is typed, after a campaign that went out."""

from __future__ import annotations

import json
import mailbox
import re
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.ids import message_id
from messaging.rules.mail_ids import mail_id
from messaging.testing.standins.bounces import bounce, complaint, put

GONE = {"status": "5.1.1", "diagnostic": "550 5.1.1 no such user"}
FULL = {"status": "5.2.2", "diagnostic": "552 5.2.2 mailbox full"}
LATE = {"status": "4.4.1", "diagnostic": "connection timed out"}
NOTHING = {"read": 0, "bounced": 0, "deferred": 0, "complained": 0, "known": 0, "ignored": 0, "unreadable": 0}


@pytest.fixture
def letters(run: Any) -> dict[str, dict[str, str]]:
    """What each customer got, by customer."""
    rows = [f"c{n},c{n}@mail.example" for n in range(4)]
    (run.folder / "people.csv").write_text("\n".join(["id,email", *rows, ""]), "utf-8")
    for line in (
        "customers import people.csv --consent email",
        "campaigns create spring --template promotion --segment everyone",
        "campaigns send spring --yes",
    ):
        assert run(*line.split())[0] == 0
    sources = [path.read_bytes().decode() for path in (run.folder / "mailbox").glob("*.eml")]
    found = {}
    for source in sources:
        to = source.partition("\r\nTo: ")[2].partition("\r\n")[0]
        found[to.partition("@")[0]] = {"to": to, "from": "shop@example.com", "source": source}
    return found


def take(run: Any, path: object, *options: str, code: int = 0) -> dict[str, int]:
    """The summary, without what is none."""
    ended, out, err = run("bounces", "import", path, "--json", *options)
    assert ended == code, err
    summary = json.loads(out)
    assert set(summary) == set(NOTHING)
    assert summary["read"] == sum(summary.values()) - summary["read"]
    return {name: number for name, number in summary.items() if number}


def suppressed(run: Any) -> dict[str, str]:
    with Messaging.open(str(run.folder)) as app:
        places = [("email", f"c{n}@mail.example") for n in range(4)]
        status = app.store.addresses.status(places)
        return {key[1]: found.suppression.reason for key, found in status.items() if found.suppression}


def without_proof(mail: Message) -> Message:
    """A bounce that returns nothing of the mail it is about."""
    mail.get_payload().pop()
    return mail


def test_each_is_what_it_says_and_counts_once(run: Any, letters: dict[str, dict[str, str]]) -> None:
    for mail in (
        bounce(letters["c0"], **GONE),
        bounce(letters["c1"], **FULL),
        bounce(letters["c2"], **LATE),
        complaint(letters["c3"]),
    ):
        put(run.folder / "returned", mail)
    assert take(run, "returned") == {"read": 4, "bounced": 2, "deferred": 1, "complained": 1}
    assert suppressed(run) == {"c0@mail.example": "bounced", "c3@mail.example": "complained"}
    assert take(run, "returned") == {"read": 4, "known": 4}
    code, out, _ = run("report", "--template", "promotion", "--json")
    assert code == 0
    assert '"bounced": 2' in out
    assert '"complained": 1' in out


@pytest.mark.parametrize("form", ["mbox", "eml", "folder"])
def test_files_of_every_kind(run: Any, letters: dict[str, dict[str, str]], form: str) -> None:
    mails = [bounce(letters["c0"], **GONE), bounce(letters["c1"], **GONE)]
    if form == "mbox":
        box = mailbox.mbox(run.folder / "returned")
        for mail in mails:
            box.add(mail)
        box.close()
    elif form == "folder":
        (run.folder / "returned").mkdir()
        for number, mail in enumerate(mails):
            (run.folder / "returned" / f"{number}.eml").write_bytes(bytes(mail))
        (run.folder / "returned" / "notes.txt").write_text("no mail", "utf-8")
    else:
        (run.folder / "returned").write_bytes(bytes(mails[0]))
    many = 1 if form == "eml" else 2
    assert take(run, "returned") == {"read": many, "bounced": many}
    assert len(suppressed(run)) == many


def test_the_same_mail_in_another_box_is_known(run: Any, letters: dict[str, dict[str, str]]) -> None:
    mail = bounce(letters["c0"], **GONE)
    (run.folder / "one.eml").write_bytes(bytes(mail))
    assert take(run, "one.eml") == {"read": 1, "bounced": 1}
    mail["Status"] = "RO"  # as mail programs mark what was read
    (run.folder / "two.eml").write_bytes(bytes(mail).replace(b"\n", b"\r\n"))
    assert take(run, "two.eml") == {"read": 1, "known": 1}


def test_who_proves_nothing_suppresses_nobody(run: Any, letters: dict[str, dict[str, str]]) -> None:
    """Anybody can write a bounce for anybody's address."""
    put(run.folder / "returned", without_proof(bounce(letters["c0"], **GONE)))
    forged = {**letters["c1"], "source": re.sub(r"Message-ID: <\w", "Message-ID: <x", letters["c1"]["source"])}
    forged["source"] = forged["source"].replace("/u/", "/u/x")
    put(run.folder / "returned", complaint(forged))
    put(
        run.folder / "returned",
        without_proof(bounce({"to": "eve@mail.example", "from": "x@example.com"} | {"source": ""}, **GONE)),
    )
    code, out, err = run("bounces", "import", "returned")
    assert code == 0
    assert "3 mails name no message of ours, so nobody is suppressed by that: see --by-address." in err
    assert suppressed(run) == {}
    assert take(run, "returned", "--by-address") == {"read": 3, "bounced": 1, "complained": 1, "ignored": 1}
    assert suppressed(run) == {"c0@mail.example": "bounced", "c1@mail.example": "complained"}


def test_who_works_out_an_id_suppresses_nobody(run: Any, letters: dict[str, dict[str, str]]) -> None:
    """Of campaign and customer; the mail that went out has a tag beside it that only we can make."""
    letter = letters["c1"]
    id = message_id("campaign:spring", "c1", "email")
    assert re.search(rf"Message-ID: <{id}\.[0-9a-f]{{22}}@", letter["source"])
    forged = f"Message-ID: <{id}@example.com>\r\nFrom: shop@example.com\r\nTo: c1@mail.example\r\n\r\n"
    put(run.folder / "returned", bounce({**letter, "source": forged}, **GONE))
    assert take(run, "returned") == {"read": 1, "ignored": 1}
    assert suppressed(run) == {}
    put(run.folder / "returned", bounce({**letter, "source": without_link(letter["source"])}, **GONE))
    assert take(run, "returned") == {"read": 2, "bounced": 1, "ignored": 1}


def without_link(source: str) -> str:
    """Only its Message-ID proves it."""
    return re.sub(r"List-Unsubscribe: [^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n", "", source)


def test_an_address_alone_counts_for_a_month(
    run: Any, letters: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(run.folder / "returned", without_proof(bounce(letters["c0"], **GONE)))
    monkeypatch.setenv("MESSAGING_NOW", "2026-04-02T10:00:00Z")
    assert take(run, "returned", "--by-address") == {"read": 1, "ignored": 1}


def test_the_signed_link_is_proof_too(run: Any, letters: dict[str, dict[str, str]]) -> None:
    """A relay may give a mail another Message-ID."""
    letter = letters["c0"]
    letter["source"] = re.sub(r"Message-ID: <[^>]+>", "Message-ID: <0102-ffff@relay.example>", letter["source"])
    put(run.folder / "returned", bounce({**letter, "to": "forwarded@elsewhere.example"}, **GONE))
    assert take(run, "returned") == {"read": 1, "bounced": 1}
    assert suppressed(run) == {"c0@mail.example": "bounced"}


def test_a_message_that_has_not_left_cannot_come_back(run: Any) -> None:
    run("triggers", "enable", "order-confirmation")
    event = {
        "id": "1",
        "type": "order.placed",
        "time": "2026-03-02T09:00:00Z",
        "customer": {"id": "c9", "email": "c9@mail.example"},
        "data": {"order": {"number": "A-1"}},
    }
    assert run("events", "send", "-", stdin=json.dumps(event))[0] == 0
    waiting = json.loads(run("messages", "list", "--json")[1])[0]["id"]
    with Messaging.open(str(run.folder)) as app:
        known_by = mail_id(app.signing_keys, waiting)
    source = f"Message-ID: <{known_by}@example.com>\r\nFrom: shop@example.com\r\nTo: c9@mail.example\r\n\r\n"
    put(run.folder / "returned", bounce({"to": "c9@mail.example", "from": "x@example.com", "source": source}, **GONE))
    assert take(run, "returned") == {"read": 1, "ignored": 1}


def test_delete_removes_what_was_taken_in(run: Any, letters: dict[str, dict[str, str]]) -> None:
    put(run.folder / "returned", bounce(letters["c0"], **GONE))
    put(run.folder / "returned", without_proof(bounce(letters["c1"], **GONE)))
    assert take(run, "returned", "--delete") == {"read": 2, "bounced": 1, "ignored": 1}
    assert len(list(_mails(run.folder / "returned"))) == 1
    code, _, err = run("bounces", "import", "people.csv", "--delete")
    assert (code, err.count("\n")) == (2, 1)
    assert "people.csv is not a maildir." in err


def _mails(folder: Path) -> Iterator[Path]:
    return (folder / "new").iterdir()


def test_what_cannot_be_read_is_named(
    run: Any, letters: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging_email.smtp.read_mail", lambda mail, now: 1 / 0)
    put(run.folder / "returned", bounce(letters["c0"], **GONE))
    code, _, err = run("bounces", "import", "returned")
    assert code == 3
    assert ": no adapter could read it\n" in err
    assert err.endswith("messaging: 1 mail could not be read\n")


def test_other_mail_is_left_alone(run: Any) -> None:
    note = "From: Ann <ann@mail.example>\nTo: shop@example.com\nSubject: Away\nAuto-Submitted: auto-replied\n\nBack in May.\n"
    (run.folder / "note.eml").write_text(note, "utf-8")
    assert take(run, "note.eml") == {"read": 1, "ignored": 1}
    (run.folder / "empty").mkdir()
    assert take(run, "empty") == {}
