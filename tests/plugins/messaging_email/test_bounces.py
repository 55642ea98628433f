"""Mail that comes back, read: who it is about, for how long, and what it is not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import EngagementKind
from messaging_email.bounces import read_mail

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
RETURNED = (
    "Received: by shop.example\nMessage-ID: <abc123@shop.example>\nFrom: shop@shop.example\nTo: ann@example.com\n"
)


def report(fields: str, *, text: str = "", returned: str = RETURNED, kind: str = "delivery-status") -> bytes:
    return f"""\
Return-Path: <>
Date: Mon, 02 Mar 2026 09:00:00 +0100
From: MAILER-DAEMON@mx.example
To: shop@shop.example
Subject: Undelivered Mail Returned to Sender
Message-ID: <1@mx.example>
Content-Type: multipart/report; report-type={kind}; boundary=b

--b

{text}
--b
Content-Type: message/{kind}

Reporting-MTA: dns; mx.example

{fields}
--b
Content-Type: text/rfc822-headers

{returned}
--b--
""".encode()


def plain(
    text: str, *, sender: str = "MAILER-DAEMON@mx.example", subject: str = "failure notice", more: str = ""
) -> bytes:
    return f"From: {sender}\nTo: shop@shop.example\nSubject: {subject}\n{more}\n{text}\n\n{RETURNED}\nHello\n".encode()


FAILED = "Final-Recipient: rfc822; Ann@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user"


def test_a_report() -> None:
    (told,) = read_mail(report(FAILED), NOW)
    assert (told.kind, told.permanent) == (EngagementKind.BOUNCED, True)
    assert (told.channel, told.address, told.message_id) == ("email", "Ann@example.com", "abc123")
    assert told.at == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert told.raw == {"status": "5.1.1", "diagnostic": "550 5.1.1 no such user", "reporting_mta": "mx.example"}


@pytest.mark.parametrize(
    ("fields", "kind", "permanent"),
    [
        (FAILED.replace("5.1.1", "5.2.2").replace("no such user", "full"), "bounced", False),
        (FAILED.replace("5.1.1", "5.7.1").replace("no such user", "spam"), "bounced", False),
        # Given up: it did not arrive, and nothing is wrong with the address.
        (FAILED.replace("5.1.1", "4.4.7").replace("550", "451"), "bounced", False),
        (FAILED.replace("failed", "delayed").replace("5.1.1", "4.4.1"), "deferred", False),
        (FAILED.replace("failed", "Delayed (still trying)"), "deferred", False),
        # The server's own words say more than the report's status.
        (FAILED.replace("Status: 5.1.1", "Status: 5.0.0"), "bounced", True),
        (FAILED.replace("Status: 5.1.1\n", ""), "bounced", True),
    ],
)
def test_what_a_report_says(fields: str, kind: str, permanent: bool) -> None:
    (told,) = read_mail(report(fields), NOW)
    assert (told.kind.value, told.permanent) == (kind, permanent)
    assert told.soft is ("5.2.2" in fields)


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_success_is_no_bounce(action: str) -> None:
    assert read_mail(report(FAILED.replace("failed", action), text="550 failure error"), NOW) == []


def test_the_address_we_wrote_to_counts_not_where_it_forwards() -> None:
    (told,) = read_mail(report(f"Original-Recipient: rfc822;bob@example.com\n{FAILED}"), NOW)
    assert told.address == "bob@example.com"


@pytest.mark.parametrize(
    "address", ["ann@exämple.com", "zoëann@example.com", "ann@example.com.exämple", "ann@example.com-ä.example"]
)
def test_a_part_of_an_address_is_another_persons(address: str) -> None:
    """Beyond ASCII (RFC 6533): it is not read by halves."""
    fields = FAILED.replace("rfc822", "utf-8").replace("Ann@example.com", address)
    assert [told.address for told in read_mail(report(fields, returned="Subject: tea\n"), NOW)] in ([], [None])


@pytest.mark.parametrize("kind", ["abuse", "fraud", "opt-out"])
def test_a_complaint(kind: str) -> None:
    mail = report(f"Feedback-Type: {kind}\nVersion: 1\nOriginal-Rcpt-To: ann@example.com", kind="feedback-report")
    (told,) = read_mail(mail, NOW)
    assert (told.kind, told.address, told.message_id) == (EngagementKind.COMPLAINED, "ann@example.com", "abc123")


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "other", ""])
def test_feedback_that_is_no_complaint(kind: str) -> None:
    assert read_mail(report(f"Feedback-Type: {kind}\nVersion: 1", text="550 failed", kind="feedback-report"), NOW) == []


def test_a_complaint_by_microsofts_feedback_loop() -> None:
    mail = (
        "From: staff@provider.example\nTo: shop@shop.example\nSubject: complaint about message from 192.0.2.1\n"
        "Content-Type: message/rfc822\n\n"
        f"X-HmXmrOriginalRecipient: ann@example.com\n{RETURNED}\nHello\n"
    )
    (told,) = read_mail(mail.encode(), NOW)
    assert (told.kind, told.address, told.message_id) == (EngagementKind.COMPLAINED, "ann@example.com", "abc123")


@pytest.mark.parametrize(
    ("text", "permanent", "status"),
    [
        (
            "I'm afraid I wasn't able to deliver your message.\n\n<ann@example.com>:\n550 5.1.1 no such user",
            True,
            "5.1.1",
        ),
        ("It failed.\n\nann@example.com [User unknown]", True, ""),
        ("Could not deliver to ann@example.com:\nhost mx.example: 552 5.2.2\n mailbox full", False, "5.2.2"),
        ("Gave up: ann@example.com\n451 timeout", False, "4.0.0"),
    ],
)
def test_what_servers_write_for_people(text: str, permanent: bool, status: str) -> None:
    (told,) = read_mail(plain(text), NOW)
    assert (told.kind, told.permanent, told.address) == (EngagementKind.BOUNCED, permanent, "ann@example.com")
    assert told.message_id == "abc123"
    assert told.raw.get("status", "") == status


def test_a_warning_is_no_failure() -> None:
    (told,) = read_mail(plain("Warning: could not deliver to ann@example.com.\nI will keep trying for 4 days."), NOW)
    assert told.kind is EngagementKind.DEFERRED


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"\n",
        b"From: ann@example.com\nSubject: Re: Hello\n\nThe delivery failed, where is my parcel? ann@example.com\n",
        plain("Back in May.", sender="ann@example.com", subject="Away", more="Auto-Submitted: auto-replied\n"),
        plain(
            "Did not find your mail.",
            sender="ann@example.com",
            subject="Re: failed order",
            more="Auto-Submitted: auto-replied\n",
        ),
        plain(
            "My address has moved, the old one is no longer active.",
            sender="ann@example.com",
            subject="Re: Your order is delayed",
        ),
        plain(
            "I left, this mailbox is unknown now.",
            sender="ann@example.com",
            subject="Away",
            more="Return-Path: <>\nAuto-Submitted: auto-replied\n",
        ),
        plain(
            "I did not leave, the address is full.", sender="ann@example.com", subject="Away", more="Return-Path: <>\n"
        ),
        plain("Thank you, we received your message.", sender="postmaster@mx.example", subject="Received"),
    ],
)
def test_what_is_neither(mail: bytes) -> None:
    assert read_mail(mail, NOW) == []


def test_the_link_that_it_returns_is_kept() -> None:
    returned = f"{RETURNED}List-Unsubscribe: <https://shop.example/u/token>, <mailto:x@shop.example>\n"
    (told,) = read_mail(report(FAILED, returned=returned), NOW)
    assert told.raw["unsubscribe"] == "https://shop.example/u/token"


def test_what_is_kept_is_short_and_fit_to_be_shown() -> None:
    fields = FAILED.replace("no such user", "no such user \x1b[31m" + "x" * 5000)
    (told,) = read_mail(report(fields, text="secret " * 5000), NOW)
    assert all(len(value) <= 500 and value.isprintable() for value in told.raw.values())
    assert "secret" not in str(told.raw)


def test_a_mail_keeps_its_id_wherever_it_is_kept() -> None:
    mail = report(FAILED)
    ids = {
        read_mail(each, NOW)[0].id for each in (mail, mail.replace(b"\n", b"\r\n"), b"Status: RO\n" + mail + b"\n\n")
    }
    assert len(ids) == 1
    assert read_mail(mail.replace(b"1@mx", b"2@mx"), NOW)[0].id not in ids


def test_a_report_about_thousands_costs_little() -> None:
    began = time.process_time()
    assert len(read_mail(report("\n\n".join([FAILED] * 3000)), NOW)) == 20
    assert time.process_time() - began < 5


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Mar 99999 99:00:00 +9999", "Mon, 2 Mar 2026"])
def test_a_mail_without_a_time_came_now(date: str) -> None:
    (told,) = read_mail(report(FAILED).replace(b"Mon, 02 Mar 2026 09:00:00 +0100", date.encode()), NOW)
    assert told.at.tzinfo is not None


@given(st.binary(max_size=500), st.integers(0, 1200))
def test_any_octets(noise: bytes, place: int) -> None:
    mail = report(FAILED)
    for each in (noise, mail[:place] + noise, mail[:place] + noise + mail[place:], plain("550 failed <") + noise):
        for told in read_mail(each, NOW):
            assert told.id
            assert told.at.tzinfo is not None
            told.to_document()


# Real ones

#: Kinds of the corpus that the files' names tell: complaints, and vacation notes.
_COMPLAINTS, _NOTES = "arf-", "rfc3834-"


def test_real_bounces(shared: Callable[[str], Path]) -> None:
    """Over 600 mails by some 70 servers: an address is found in nearly all, and every complaint is one."""
    found: Counter[str] = Counter()
    for path in sorted(shared("data/bounces/bsd").glob("*.eml")):
        told = read_mail(path.read_bytes(), NOW)
        kind = (
            "complaint" if path.name.startswith(_COMPLAINTS) else "note" if path.name.startswith(_NOTES) else "bounce"
        )
        found[kind] += 1
        found[f"{kind} read"] += any((each.kind is EngagementKind.COMPLAINED) == (kind == "complaint") for each in told)
    assert found["bounce read"] >= 0.97 * found["bounce"]
    assert found["complaint read"] == found["complaint"] - 4, "three report authentication, one asks to unsubscribe"
    assert found["note read"] == 0


@pytest.mark.parametrize(
    ("names", "permanent"),
    [
        ("*userunknown*", True),
        ("lhost-postfix-0[24]", True),
        ("lhost-postfix-3[0-3]", True),
        ("lhost-postfix-5[189]", False),
        ("lhost-postfix-6[356]", False),
        ("lhost-postfix-7[0-8]", False),
        ("lhost-dragonfly-1[01]", True),
        ("lhost-dragonfly-2[0358]", False),
    ],
)
def test_how_long_real_ones_last(shared: Callable[[str], Path], names: str, permanent: bool) -> None:
    for path in shared("data/bounces/bsd").glob(f"{names}.eml"):
        if path.stem == "lhost-postfix-76":
            continue  # a user unknown among what is refused for policy
        assert {each.permanent for each in read_mail(path.read_bytes(), NOW)} == {permanent}, path.name


def test_replies_are_no_bounces(shared: Callable[[str], Path]) -> None:
    for path in shared("data/inbound_replies").rglob("*.txt"):
        assert read_mail(path.read_bytes(), NOW) == [], path.name
