"""A mail taken apart: what is broken costs what is broken, never the rest, and never more than its size."""

from __future__ import annotations

import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_email.mail_parts import LONGEST, field_groups, take_apart

REPORT = b"""\
From: MAILER-DAEMON@mx.example
Content-Type: multipart/report; report-type=delivery-status;
 boundary="=_b"

preamble
--=_b
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Empf=E4nger unbekannt
--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822;
 ann@example.com
Action: failed
--=_b
Content-Type: message/rfc822

Message-ID: <one@shop.example>
Subject: Hello

Action: none of it counts
--=_b--
"""


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_parts_of_a_report(end: bytes) -> None:
    parts = take_apart(REPORT.replace(b"\n", end))
    assert parts.fields["from"] == "MAILER-DAEMON@mx.example"
    assert parts.text.strip() == "Empfänger unbekannt"
    ((kind, told),) = parts.machine
    assert kind == "message/delivery-status"
    assert field_groups(told) == [
        {"reporting-mta": "dns; mx.example"},
        {"final-recipient": "rfc822; ann@example.com", "action": "failed"},
    ]
    assert parts.returned == {"message-id": "<one@shop.example>", "subject": "Hello"}


def test_a_mail_returned_in_plain_text() -> None:
    parts = take_apart(
        b"From: postmaster@mx.example\n\nNo such user: ann@example.com\n\n--- Below this line is a copy.\n\n"
        b"Received: by mx.example\nMessage-ID: <one@shop.example>\nTo: ann@example.com\n\nHello\n"
    )
    assert parts.text.startswith("No such user")
    assert "Received" not in parts.text
    assert parts.returned["message-id"] == "<one@shop.example>"


@pytest.mark.parametrize("charset", ["none-such", "utf-16", "punycode", "hex", "\x00", "utf-8"])
def test_a_charset_that_is_wrong(charset: str) -> None:
    mail = f"Content-Type: text/plain; charset={charset}\n\n550 ab\N{EURO SIGN}\n"
    assert isinstance(take_apart(mail.encode()).text, str)


def test_base64_cut_short() -> None:
    text = b64encode(b"550 no such user" * 10)[:-7]
    mail = b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + text
    assert take_apart(mail).text.startswith("550 no such user")


def test_a_multipart_without_its_boundary_is_text() -> None:
    for kind in (b"multipart/report", b"multipart/report; boundary=x"):
        assert take_apart(b"Content-Type: " + kind + b"\n\n550 no such user\n").text == "550 no such user\n"


@pytest.mark.parametrize(
    "mail",
    [
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1000)),
        b"Content-Type: message/rfc822\n\n" * 10_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 100_000,
        b"X: y\n z\n" * 100_000,
        b"\n" + b"From: x\n y\n" * 50_000,
        b"\n" + b" " * 500_000,
        b"Content-Type: text/html\n\n" + b"<a " * 200_000,
        b"Content-Type: text/plain; charset=punycode\n\n" + b"ab-" * 200_000,
    ],
    ids=["nested", "rfc822", "parts", "fields", "headers", "blanks", "tags", "punycode"],
)
def test_an_enemys_mail_costs_little(mail: bytes) -> None:
    began = time.process_time()
    parts = take_apart(mail)
    assert time.process_time() - began < 1
    assert len(parts.text) <= 2 * LONGEST


@given(st.binary(max_size=2000))
def test_any_octets(mail: bytes) -> None:
    take_apart(mail)
    take_apart(REPORT[:200] + mail)
    take_apart(REPORT.replace(b"unbekannt", mail))
