from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging import RenderedMessage
from messaging_email.addresses import read_named
from messaging_email.headers import Unmailable, guard
from messaging_email.mime import write_letter

Make = Callable[..., RenderedMessage]

#: Pieces that a parser, a server or a filter could take for something else than text.
HOSTILE = [
    *("\r\n.\r\n", "\n.\n", "\r.\r", ".", "..", "\r\n\r\n", "\r", "\n", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"),
    *(
        "--=_m1",
        "--=_m1--",
        "\r\n--=_m1\r\nContent-Type: text/html\r\n\r\n",
        "=?utf-8?q?=0D=0ABcc:_x?=",
        "=\r\n",
        "=3D",
    ),
    *(
        "From ",
        "\nFrom x",
        " \n",
        "\t\n",
        "é",
        "ß" * 600,
        "x" * 999,
        "😀",
        "\ud800",
        "\ufeff",
        "\u202e",
        "Bcc: x@example.net",
    ),
]
texts = st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=30)), max_size=8).map("".join)


def parsed(content: bytes) -> EmailMessage:
    found = message_from_bytes(content, policy=policy.default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def as_mail_has_it(text: str) -> str:
    """Lines end one way only, and halves of surrogate pairs are no text."""
    return text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert isinstance(found, EmailMessage)
    assert found.get_content_charset() == "utf-8"
    return str(found.get_content()).replace("\r\n", "\n")


def check_lines(content: bytes) -> None:
    """CRLF only, no line of more than 998 octets, and an end."""
    assert content.endswith(b"\r\n")
    lines = content.split(b"\r\n")
    assert all(b"\r" not in line and b"\n" not in line and len(line) <= 998 for line in lines)
    assert b"\0" not in content


@pytest.mark.parametrize("eight_bit", [True, False])
@given(text=texts, html=texts, subject=texts)
def test_an_independent_parser_reads_back_what_was_written(
    message: Make, eight_bit: bool, text: str, html: str, subject: str
) -> None:
    text, html = text + "t", html + "h"
    content = write_letter(message(parts={"text": text, "html": html, "subject": subject}), eight_bit=eight_bit).content
    check_lines(content)
    assert eight_bit or content.isascii()
    mail = parsed(content)
    assert mail.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    assert part(mail, "plain") == as_mail_has_it(text)
    assert part(mail, "html") == as_mail_has_it(html)
    assert list(mail.keys()) == [
        *("Date", "From", "To", "Subject", "Message-ID", "MIME-Version", "List-Unsubscribe", "Content-Type"),
    ]
    assert str(mail["Subject"]) == guard(subject)


@pytest.mark.parametrize("kind", ["text", "html"])
@given(text=texts)
def test_one_part_stands_alone(message: Make, kind: str, text: str) -> None:
    text += "."
    content = write_letter(message(parts={"text": None, "html": None, kind: text})).content
    check_lines(content)
    mail = parsed(content)
    assert mail.get_content_type() == {"text": "text/plain", "html": "text/html"}[kind]
    assert str(mail.get_content()).replace("\r\n", "\n") == as_mail_has_it(text) + "\n"


def test_the_same_message_is_the_same_bytes(message: Make) -> None:
    assert write_letter(message()).content == write_letter(message()).content


def test_a_plain_letter_to_the_byte(message: Make) -> None:
    letter = write_letter(message(reply_to="help@example.com"))
    assert letter.content.decode("ascii") == (
        "Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
        "From: Our shop <shop@example.com>\r\n"
        "To: c1@example.com\r\n"
        "Reply-To: help@example.com\r\n"
        "Subject: Fresh tea\r\n"
        "Message-ID: <m1@example.com>\r\n"
        "MIME-Version: 1.0\r\n"
        "List-Unsubscribe: <https://shop.example/u/1>\r\n"
        'Content-Type: multipart/alternative;\r\n boundary="=_m1"\r\n\r\n'
        "--=_m1\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        "Hello\r\n\r\n"
        "--=_m1\r\n"
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        "<p>Hello</p>\r\n\r\n"
        "--=_m1--\r\n"
    )
    assert (letter.sender, letter.recipient, letter.message_id) == (
        "shop@example.com",
        "c1@example.com",
        "m1@example.com",
    )
    assert not letter.needs_utf8


@pytest.mark.parametrize(
    ("text", "eight_bit", "encoding"),
    [
        ("plain", True, "7bit"),
        ("grün", True, "8bit"),
        ("grün", False, "quoted-printable"),
        ("x" * 998, True, "7bit"),
        ("x" * 999, True, "quoted-printable"),
        ("é" * 499 + "\n" + "é" * 499, True, "8bit"),
        ("é" * 500, True, "quoted-printable"),
        ("short\n" + "x" * 999 + "\nshort", True, "quoted-printable"),
        ("x" * 998 + "\n" + "y" * 998 + "\n" + "z" * 998, True, "7bit"),
        ("x" * 998 + "\n" + "y" * 999, True, "quoted-printable"),
        ("a\0b", True, "quoted-printable"),
    ],
)
def test_how_a_part_is_encoded(message: Make, text: str, eight_bit: bool, encoding: str) -> None:
    content = write_letter(message(parts={"text": text, "html": None}), eight_bit=eight_bit).content
    check_lines(content)
    assert parsed(content)["Content-Transfer-Encoding"] == encoding


#: reliability H1: read by a vulnerable parser, this is a line of its own.
ENCODED_WORD = "=?utf-8?q?Hi=0D=0ABcc:_x=40evil.example?="
ATTACKS = [
    ENCODED_WORD,
    "=?utf-8?b?SGkNCkJjYzogeEBldmlsLmV4YW1wbGU=?=",
    "= ?=?utf-8?q?=0D=0ABcc:_x=40evil.example?=",
    "=" + ENCODED_WORD,
    "==??utf-8?q?=0D=0ABcc:_x?=",
    *(
        f"Hi{end}Bcc: x@evil.example"
        for end in ("\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
    ),
    "Hi\r\n\r\nbody",
    "x " * 200 + "\r\nBcc: x@evil.example",
    " " * 200 + "x",
]


def names_and_text(content: bytes) -> tuple[list[str], str]:
    """What two parsers, an old one and a new one, find in the headers, after everything was decoded and read again."""
    head = content.split(b"\r\n\r\n", 1)[0]
    old = message_from_bytes(content, policy=policy.compat32)
    assert old.keys() == parsed(content).keys() == re.findall(r"^([A-Za-z-]+):", head.decode(), re.MULTILINE)
    return list(parsed(content).keys()), head.decode()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_value_becomes_a_header(message: Make, attack: str) -> None:
    clean, _ = names_and_text(write_letter(message()).content)
    for changes in (
        {"parts": {"subject": attack}},
        {"from_": f"{attack} <shop@example.com>"},
        {"from_": f'"{attack}" <shop@example.com>'},
    ):
        content = write_letter(message(**changes)).content
        names, _ = names_and_text(content)
        assert names == clean
        # A reader that writes it out again (a list server, a forwarder) makes no header of it either.
        again = parsed(content).as_bytes()
        assert b"\nBcc:" not in again.replace(b"\r", b"\n")
        assert parsed(content)["Bcc"] is None
        check_lines(content)
    content = write_letter(message(reply_to=f"{attack} <help@example.com>")).content
    assert names_and_text(content)[0] == [*clean[:3], "Reply-To", *clean[3:]]


def test_the_encoded_word_attack_is_real_where_python_lets_it() -> None:
    """Says whether this Python is one of those; ours must be safe either way."""
    script = (
        "from email.message import EmailMessage; m = EmailMessage(); "
        f"m['Subject'] = {ENCODED_WORD!r}; m.set_content('x'); "
        "print('Bcc:' in [line[:4] for line in m.as_bytes().decode().splitlines()])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if "True" not in run.stdout:
        pytest.skip("this Python's email package was mended")
    assert run.stdout.strip() == "True"


@pytest.mark.parametrize("attack", [*ATTACKS[:-2], "caf\u00e9", "x" * 1000])
def test_a_header_that_a_message_brings_is_sent_as_it_is_or_not_at_all(message: Make, attack: str) -> None:
    with pytest.raises(Unmailable):
        write_letter(message(headers={"List-Unsubscribe": attack}))


@pytest.mark.parametrize(
    "name", ["Bcc", "SUBJECT", "from", "Content-Type", "X\r\nBcc", "X: y", "", "X Y", "Größe", "X\0", "Message-Id"]
)
def test_a_header_of_ours_or_of_nobody_is_refused(message: Make, name: str) -> None:
    with pytest.raises(Unmailable):
        write_letter(message(headers={name: "x"}))


@pytest.mark.parametrize(
    "changes",
    [
        {"parts": {"text": None, "html": None}},
        {"parts": {"text": "", "html": ""}},
        {"id": "m1\r\nBcc: x"},
        {"id": "m1@x"},
        {"id": "../m1"},
        {"id": ""},
        {"to": "c1@example.com, c2@example.com"},
        {"from_": ""},
        {"from_": "shop"},
        {"reply_to": "help"},
    ],
)
def test_what_is_no_mail_is_refused(message: Make, changes: dict[str, object]) -> None:
    with pytest.raises(Unmailable):
        write_letter(message(**changes))


def test_long_headers_are_folded(message: Make) -> None:
    link = f"<https://shop.example/u/{'x' * 300}>"
    subject = "Tee " * 60 + "für dich"
    mail = write_letter(
        message(parts={"subject": subject}, headers={"List-Unsubscribe": f"{link}, <mailto:u@example.com>"})
    )
    head = mail.content.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    assert all(len(line) <= 78 for line in head if link.encode() not in line)
    assert str(parsed(mail.content)["Subject"]) == subject
    assert parsed(mail.content)["List-Unsubscribe"] == f"{link}, <mailto:u@example.com>"


def test_names_beyond_ascii(message: Make) -> None:
    mail = parsed(write_letter(message(from_='"Grüße, \\"Tee\\" & Co." <shop@bücher.example>')).content)
    sender = mail["From"].addresses[0]
    assert sender.display_name == 'Grüße, "Tee" & Co.'
    assert (sender.username, sender.domain) == ("shop", "xn--bcher-kva.example")


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(message: Make) -> None:
    letter = write_letter(message(to="jörg@bücher.example"))
    assert letter.needs_utf8
    assert letter.recipient == "jörg@xn--bcher-kva.example"
    assert "To: jörg@xn--bcher-kva.example\r\n".encode() in letter.content
    assert not write_letter(message(to="joerg@bücher.example")).needs_utf8


def test_naughty_strings(message: Make, shared: Callable[[str], Path]) -> None:
    for naughty in json.loads(shared("data/naughty/blns.json").read_text("utf-8")):
        content = write_letter(
            message(
                parts={"subject": naughty, "text": f"{naughty}.", "html": f"{naughty}."},
                from_=f"Shop {naughty.translate({60: None, 62: None})} <shop@example.com>",
            )
        ).content
        check_lines(content)
        mail = parsed(content)
        assert str(mail["Subject"]) == guard(naughty)
        assert part(mail, "plain") == part(mail, "html") == as_mail_has_it(f"{naughty}.")
        assert mail["From"].addresses[0].addr_spec == "shop@example.com"
        assert len(mail["From"].addresses) == 1


names = st.one_of(texts, st.text('"\\.,; aé😀', max_size=90)).map(lambda text: text.translate({60: None, 62: None}))
specs = st.builds(
    lambda local, domain: f"{local}@{domain}.example",
    st.from_regex(r"[a-z0-9+_]{1,64}", fullmatch=True),
    st.from_regex(r"[a-z]{1,60}(\.[a-z]{1,60}){0,2}", fullmatch=True),
)


def check_header_lines(content: bytes) -> None:
    """RFC 5322 2.1.1: at most 78 where there is a space to break at; RFC 2047 2: words of 75, their lines of 76."""
    head = content.split(b"\r\n\r\n", 1)[0]
    for line in head.split(b"\r\n"):
        assert line.strip(), "a blank line ends the headers for some"
        first = re.sub(rb"^[A-Za-z-]+: ", b"", line)
        assert len(line) <= 78 or b" " not in first.strip(), line
        assert len(line) <= 998
        words = re.findall(rb"=\?\S*\?=", line)
        assert all(len(word) <= 75 for word in words)
        assert not words or len(line) <= 76, line


def display_name(content: bytes, field: str) -> str:
    """As RFC 2047 6.2 has it: `policy.default` leaves the space between two encoded words of a name."""
    raw = str(message_from_bytes(content, policy=policy.compat32)[field]).rpartition("<")[0].strip()
    if raw.startswith("=?"):
        return str(make_header(decode_header(raw)))
    return str(parsed(content)[field].addresses[0].display_name)


LONG = {"subject": "", "sender": "", "reply": "", "spec": "a@b.example", "number": "m1", "text": "", "both": True}


@example(**{**LONG, "number": "x" * 64})
@example(**{**LONG, "sender": '"\\' * 30, "reply": "." * 67})
@example(**{**LONG, "sender": "é" * 12, "spec": f"{'x' * 14}@b.example"})
@given(
    subject=texts,
    sender=names,
    reply=names,
    spec=specs,
    number=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    text=texts,
    both=st.booleans(),
)
def test_lines_are_as_long_as_they_may_be(
    message: Make, subject: str, sender: str, reply: str, spec: str, number: str, text: str, both: bool
) -> None:
    letter = message(
        id=number,
        to=spec,
        from_=f"{sender} <{spec}>",
        reply_to=f"{reply} <{spec}>",
        parts={"subject": subject, "text": text + "t", "html": "<p>--=_" + number + "</p>" if both else None},
        headers={
            "List-Unsubscribe": f"<https://shop.example/u/{'x' * 90}>, <mailto:u@shop.example?subject=unsubscribe>"
        },
    )
    content = write_letter(letter).content
    check_header_lines(content)
    mail = parsed(content)
    assert str(mail["Subject"]) == guard(subject)
    for field, name in (("From", sender), ("Reply-To", reply)):
        (found,) = mail[field].addresses
        assert found.addr_spec == spec
        assert display_name(content, field) == read_named(f"{name} <{spec}>").name
    if both:
        assert len(mail.get_boundary() or "") <= 70, "RFC 2046 5.1.1"
        assert part(mail, "plain") == as_mail_has_it(text + "t")
