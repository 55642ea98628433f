"""What a strict mail server says of a message."""

from __future__ import annotations

import pytest

from messaging.testing.standins.smtp_rules import problem, summary

HEAD = (
    b"Date: Mon, 2 Mar 2026 10:00:00 +0000\r\nFrom: Our shop <shop@example.com>\r\n"
    b"To: ann@example.com\r\nMessage-ID: <1@shop.example>\r\nSubject: Hello\r\n"
)
GOOD = HEAD + b"\r\nHello\r\n"


def _of(content: bytes, *, eight_bit: bool = False, utf8: bool = False) -> str | None:
    return problem(content, eight_bit=eight_bit, utf8=utf8)


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        HEAD + b"X-Long: a\r\n b\r\n\r\n",
        HEAD + b"\r\n" + b"x" * 998 + b"\r\n",
        HEAD + b"\r\n.\r\n..\r\n",
    ],
)
def test_what_is_taken(content: bytes) -> None:
    assert _of(content) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEAD + b"\r\nHello\n", "bare CR or LF"),
        (HEAD + b"\r\nHel\rlo\r\n", "bare CR or LF"),
        (HEAD.replace(b"\r\nSubject", b"\nSubject") + b"\r\n", "bare CR or LF"),
        (HEAD + b"\r\n" + b"x" * 999 + b"\r\n", "more than 998 octets"),
        (HEAD + b"X: " + b"x" * 996 + b"\r\n\r\n", "more than 998 octets"),
        (HEAD + b"\r\n\0\r\n", "a NUL"),
        (HEAD, "no empty line"),
        (HEAD + "\r\nGrüße\r\n".encode(), "8BITMIME"),
        (HEAD + b"no header\r\n\r\n", "that is none"),
        (HEAD + b"Bad Name: x\r\n\r\n", "that is none"),
        (HEAD + b"X-A: a\r\n \r\n b\r\n\r\n", "nothing in it"),
        (HEAD + b"To: bob@example.com\r\n\r\n", "2 times to"),
        (HEAD + b"subject: again\r\n\r\n", "2 times subject"),
        (HEAD.replace(b"Date: Mon, 2 Mar 2026 10:00:00 +0000\r\n", b"") + b"\r\n", "no date"),
        (HEAD.replace(b"Mon, 2 Mar 2026 10:00:00 +0000", b"today") + b"\r\n", "a date that is none"),
        (HEAD.replace(b"From: Our shop <shop@example.com>\r\n", b"") + b"\r\n", "no from"),
        (
            HEAD.replace(b"ann@example.com", b"ann@example.com, bob@example.com") + b"\r\n",
            "a to that is not one address",
        ),
        (HEAD.replace(b"ann@example.com", b"ann") + b"\r\n", "a to that is not one address"),
        (HEAD.replace(b"<1@shop.example>", b"1@shop.example") + b"\r\n", "a message-id that is none"),
    ],
)
def test_what_is_refused(content: bytes, said: str) -> None:
    assert said in (_of(content) or "")


def test_octets_beyond_ascii_must_be_announced() -> None:
    body = HEAD + "\r\nGrüße\r\n".encode()
    assert _of(body, eight_bit=True) is None
    head = HEAD.replace(b"Hello", "Grüße".encode()) + b"\r\n"
    assert "SMTPUTF8" in (_of(head, eight_bit=True) or "")
    assert _of(head, eight_bit=True, utf8=True) is None


def test_a_message_is_shown_decoded() -> None:
    content = HEAD.replace(b"Hello", b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=") + (
        b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"Tsch=C3=BCs\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--b--\r\n"
    )
    found = summary(content)
    assert ["Subject", "Grüße"] in found["headers"]
    assert (str(found["text"]).strip(), str(found["html"]).strip()) == ("Tschüs", "<p>x</p>")
