from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging import AdapterUnusable, Receipt, RenderedMessage, Verdict
from messaging_email.smtp import Smtp

Make = Callable[..., RenderedMessage]
Deliver = Callable[..., list[Receipt]]
Open = Callable[..., Smtp]
MailServer = Callable[..., tuple[int, Any]]


def verdicts(receipts: list[Receipt]) -> list[str]:
    return [receipt.verdict.value for receipt in receipts]


# Safety of the password and of the line


@pytest.mark.parametrize("username", [None, "shop"])
def test_without_starttls_nothing_is_sent(
    smtp: Open, mail_server: MailServer, message: Make, username: str | None, deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
    with pytest.raises(AdapterUnusable, match="STARTTLS"):
        deliver(smtp(port, security="starttls", username=username, password="hunter2-secret"), message())
    assert [line.split()[0] for line in server.lines] == [b"EHLO"]


def test_a_password_never_goes_in_the_clear(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=b"250-here\r\n250 AUTH PLAIN LOGIN\r\n")
    with pytest.raises(AdapterUnusable, match="in the clear"):
        deliver(smtp(port, username="shop", password="hunter2-secret"), message())
    assert [line.split()[0] for line in server.lines] == [b"EHLO"]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_signed_is_refused(
    smtp: Open, mail_server: MailServer, message: Make, security: str, deliver: Deliver
) -> None:
    ehlo = b"250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
    port, server = mail_server(EHLO=ehlo, **({"tls": b"yes"} if security == "tls" else {}))
    with pytest.raises(AdapterUnusable, match="certificate.*cannot be trusted"):
        deliver(smtp(port, security=security, username="shop", password="hunter2-secret"), message())
    assert not any(line.startswith((b"AUTH", b"MAIL")) for line in server.lines)


def test_a_certificate_for_another_name_is_refused(
    smtp: Open,
    mail_server: MailServer,
    message: Make,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    deliver: Deliver,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port, server = mail_server(tls=b"yes")
    with pytest.raises(AdapterUnusable, match="127.1"):
        deliver(smtp(port, host="127.1", security="tls"), message())
    assert server.lines == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("mechanisms", [b"PLAIN LOGIN", b"LOGIN"])
def test_a_login_over_tls(
    smtp: Open,
    mail_server: MailServer,
    message: Make,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    security: str,
    mechanisms: bytes,
    deliver: Deliver,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    script: dict[str, Any] = {"EHLO": b"250-here\r\n250-STARTTLS\r\n250 AUTH " + mechanisms + b"\r\n"}
    if mechanisms == b"LOGIN":  # the first letters of what is said then: the name, the password
        script |= {"AUTH": b"334 VXNlcm5hbWU6\r\n", "c2hv": b"334 UGFzc3dvcmQ6\r\n", "asO2": b"235 in\r\n"}
    port, server = mail_server(**script, **({"tls": b"yes"} if security == "tls" else {}))
    adapter = smtp(port, host="localhost", security=security, username="shop", password="jörg")
    assert verdicts(deliver(adapter, message())) == ["accepted"]
    logins = [line for line in server.lines if line.startswith(b"AUTH")]
    assert logins == [b"AUTH LOGIN" if mechanisms == b"LOGIN" else b"AUTH PLAIN AHNob3AAasO2cmc="]


def test_what_is_said_before_tls_does_not_count(
    smtp: Open,
    mail_server: MailServer,
    message: Make,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    deliver: Deliver,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    port, server = mail_server(
        EHLO=b"250-here\r\n250 STARTTLS\r\n", STARTTLS=b"220 go\r\n250-mine now\r\n250 AUTH PLAIN\r\n"
    )
    adapter = smtp(port, security="starttls", username="shop", password="hunter2-secret")
    assert verdicts(deliver(adapter, message())) == ["try_again"]
    assert not any(line.startswith((b"AUTH", b"MAIL")) for line in server.lines)


@pytest.mark.parametrize(
    ("answer", "usable"), [(b"535 5.7.8 bad: hunter2-secret\r\n", False), (b"454 4.7.0 later\r\n", True)]
)
def test_a_login_that_fails(
    smtp: Open,
    mail_server: MailServer,
    message: Make,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
    usable: bool,
    deliver: Deliver,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    caplog.set_level(logging.DEBUG)
    port, server = mail_server(tls=b"yes", EHLO=b"250-here\r\n250 AUTH PLAIN\r\n", AUTH=answer)
    adapter = smtp(port, security="tls", username="shop", password="hunter2-secret")
    if usable:
        (receipt,) = deliver(adapter, message())
        assert receipt.verdict is Verdict.TRY_AGAIN
        assert "hunter2" not in (receipt.reason or "")
    else:
        with pytest.raises(AdapterUnusable, match="535") as caught:
            deliver(adapter, message())
        assert "hunter2" not in str(caught.value)
    assert not any(line.startswith(b"MAIL") for line in server.lines)
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("answer", "usable"), [(b"454 4.7.0 no TLS for now\r\n", True), (b"554 5.7.3 no TLS\r\n", False)]
)
def test_a_server_that_takes_its_starttls_back(
    smtp: Open, mail_server: MailServer, message: Make, answer: bytes, usable: bool, deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=b"250-here\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", STARTTLS=answer)
    adapter = smtp(port, security="starttls", username="shop", password="hunter2-secret")
    if usable:
        assert verdicts(deliver(adapter, message(1), message(2))) == ["try_again"] * 2
    else:
        with pytest.raises(AdapterUnusable, match="STARTTLS"):
            deliver(adapter, message(1), message(2))
    assert [line.split()[0] for line in server.lines] == [b"EHLO", b"STARTTLS"]


@pytest.mark.parametrize("command", ["RCPT", "content", "MAIL", "EHLO"])
def test_what_a_server_says_is_kept_without_password_and_addresses(
    smtp: Open,
    mail_server: MailServer,
    message: Make,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    deliver: Deliver,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    said = b" AUTH PLAIN AHNob3AAaHVudGVyMi1zZWNyZXQ=, hunter2-secret, <bob@shop.example>, aHVudGVyMi1zZWNyZXQ=\r\n"
    ehlo = b"250-here\r\n250 AUTH PLAIN\r\n"
    port, _ = mail_server(**{"tls": b"yes", "EHLO": ehlo, command: b"550 5.7.1" + said})
    adapter = smtp(port, security="tls", username="shop", password="hunter2-secret")
    try:
        shown = deliver(adapter, message())[0].reason or ""
    except AdapterUnusable as error:
        shown = str(error)
    assert "550 5.7.1 AUTH PLAIN (hidden), (hidden), <(address)>, (hidden)" in shown


def test_a_host_may_be_an_ipv6_address(smtp: Open, serve: Callable[..., Any], message: Make, deliver: Deliver) -> None:
    names: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 hi\r\n")
        names.append(connection.recv(1000))
        connection.sendall(b"421 busy\r\n")

    (receipt,) = deliver(smtp(serve(talk, "::1").port, host="::1"), message())
    assert receipt.reason == "421 busy"
    assert names[0].startswith(b"EHLO ")


@pytest.mark.parametrize(("number", "usable"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)])
def test_a_host_that_cannot_be_found(
    smtp: Open, message: Make, monkeypatch: pytest.MonkeyPatch, number: int, usable: bool, deliver: Deliver
) -> None:
    """A name that is none stays one; a name server that does not answer may answer later."""

    def not_found(*given: object, **options: object) -> None:
        raise socket.gaierror(number, "not found")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    adapter = smtp(25, host="mail.example")
    if usable:
        assert verdicts(deliver(adapter, message(1), message(2))) == ["try_again"] * 2
    else:
        with pytest.raises(AdapterUnusable, match="SMTP_HOST"):
            deliver(adapter, message(1), message(2))


# What goes over the line


def test_dots_are_stuffed_and_lines_end_in_crlf(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    port, server = mail_server()
    text = "a\n.\nRCPT TO:<x@example.net>\r.\r\n..b\n." + "."
    assert verdicts(deliver(smtp(port), message(1, parts={"text": text, "html": None}), message(2))) == ["accepted"] * 2
    first, second = server.contents
    assert first.split(b"\r\n\r\n", 1)[1] == b"a\r\n..\r\nRCPT TO:<x@example.net>\r\n..\r\n...b\r\n...\r\n"
    assert b"m2@example.com" in second
    assert [line for line in server.lines if line.startswith(b"RCPT")] == [
        b"RCPT TO:<c1@example.com>",
        b"RCPT TO:<c2@example.com>",
    ]


@pytest.mark.parametrize(
    ("extensions", "body", "as_is"), [(b"250 8BITMIME\r\n", b" BODY=8BITMIME", True), (b"250 SIZE\r\n", b"", False)]
)
def test_eight_bits_only_where_they_are_welcome(
    smtp: Open, mail_server: MailServer, message: Make, extensions: bytes, body: bytes, as_is: bool, deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=b"250-here\r\n" + extensions)
    deliver(smtp(port), message(parts={"text": "grün"}))
    assert ("grün".encode() in server.contents[0]) is as_is
    assert server.contents[0].isascii() is not as_is
    assert (b"BODY=8BITMIME" in server.lines[1]) is as_is


def test_addresses_beyond_ascii_only_where_they_are_welcome(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    letters = (message(1, to="jörg@example.com"), message(2))
    port, server = mail_server()
    assert verdicts(deliver(smtp(port), *letters)) == ["refused", "accepted"]
    port, server = mail_server(EHLO=b"250-here\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
    assert verdicts(deliver(smtp(port), *letters)) == ["accepted", "accepted"]
    assert [line.endswith(b" SMTPUTF8") for line in server.lines if line.startswith(b"MAIL")] == [True, False]
    assert "RCPT TO:<jörg@example.com>".encode() in server.lines


@pytest.mark.parametrize(
    "to", ["a@example.com>\r\nRCPT TO:<x@example.net", "a@example.com, x@example.net", "a@example.com> SIZE=1", ""]
)
def test_an_address_that_is_none_never_reaches_the_line(
    smtp: Open, mail_server: MailServer, message: Make, to: str, deliver: Deliver
) -> None:
    port, server = mail_server()
    receipts = deliver(smtp(port), message(1, to=to), message(2))
    assert verdicts(receipts) == ["refused", "accepted"]
    assert not receipts[0].suppress
    assert [line for line in server.lines if line.startswith(b"RCPT")] == [b"RCPT TO:<c2@example.com>"]


def test_an_answer_of_hostile_text_is_shown_in_one_line(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    port, _ = mail_server(RCPT=b"550 5.7.1 \x1b[31mred\x00 \xe2\x80\xa8 " + b"x" * 5000 + b"\r\n")
    (receipt,) = deliver(smtp(port), message())
    assert receipt.reason is not None
    assert receipt.reason.isprintable()
    assert len(receipt.reason) < 600


@pytest.mark.parametrize("flood", [b"x" * 100_000, b"250-more\r\n" * 20_000])
def test_an_answer_without_end_is_no_answer(
    smtp: Open, mail_server: MailServer, message: Make, flood: bytes, deliver: Deliver
) -> None:
    port, _ = mail_server(EHLO=flood)
    assert verdicts(deliver(smtp(port), message())) == ["try_again"]
