"""The mail server as smtplib sees it, and over raw sockets."""

from __future__ import annotations

import mailbox
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.errors import InputError, NotFound
from messaging.testing.standins import SMTPStandIn

Dial = Callable[[str], socket.socket]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[SMTPStandIn]:
    with SMTPStandIn(bounces_to=tmp_path / "bounces") as found:
        yield found


@pytest.fixture
def client(provider: SMTPStandIn) -> Iterator[smtplib.SMTP]:
    found = smtplib.SMTP("127.0.0.1", provider.smtp_port, timeout=5)
    yield found
    found.close()


@pytest.fixture
def talk(provider: SMTPStandIn, dial: Dial) -> Callable[[bytes], bytes]:
    """Say something on a connection of one's own, and hear all until it ends."""

    def say(text: bytes) -> bytes:
        connection = dial(f"smtp://127.0.0.1:{provider.smtp_port}")
        connection.sendall(text)
        found = b""
        while data := connection.recv(65536):
            found += data
        return found

    return say


def _mail(to: str = "ann@example.com", text: str = "Hello\n") -> EmailMessage:
    found = EmailMessage()
    found["From"], found["To"], found["Subject"], found["Date"] = "shop@example.com", to, "Tea", formatdate()
    found["Message-ID"] = "<m1@shop.example>"
    found.set_content(text, cte="quoted-printable")
    return found


def test_a_mail_is_taken_and_kept(provider: SMTPStandIn, client: smtplib.SMTP) -> None:
    client.send_message(_mail(text="Hello\n.\n..two\nGrüße\n"))
    (kept,) = httpx.get(f"{provider.url}/messages?to=ann@example.com", trust_env=False).json()["messages"]
    assert (kept["from"], kept["to"]) == ("shop@example.com", "ann@example.com")
    assert kept["text"].splitlines() == ["Hello", ".", "..two", "Grüße"]
    assert dict(kept["headers"])["Subject"] == "Tea"
    assert kept["size"] == len(kept["source"])


def test_commands_may_come_all_at_once(provider: SMTPStandIn, talk: Callable[[bytes], bytes]) -> None:
    mail = b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n"
    body = _mail().as_bytes().replace(b"\n", b"\r\n") + b".\r\n"
    # After DATA a client waits; but what follows the dot may come in one piece with the next commands.
    said = talk(b"EHLO me\r\n" + (mail + body) * 2 + b"QUIT\r\n")
    codes = [line[:4] for line in said.splitlines() if line[3:4] == b" "]
    assert codes == [b"220 ", b"250 ", *[b"250 ", b"250 ", b"354 ", b"250 "] * 2, b"221 "]
    assert provider.count == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"DANCE\r\n", b"500"),
        (b"RCPT TO:<a@example.com>\r\n", b"503"),
        (b"DATA\r\n", b"503"),
        (b"MAIL shop@example.com\r\n", b"501"),
        (b"MAIL TO:<shop@example.com>\r\n", b"501"),
        (b"MAIL FROM:<a@example.com>\r\nMAIL FROM:<b@example.com>\r\n", b"503"),
        (b"MAIL FROM:<a@example.com>\r\nRCPT TO:<nobody>\r\n", b"501"),
        (b"MAIL FROM:<a@example.com> SIZE=99999999\r\n", b"552"),
        ("MAIL FROM:<ä@example.com>\r\n".encode(), b"553"),
        ("MAIL FROM:<a@example.com>\r\nRCPT TO:<ä@example.com>\r\n".encode(), b"553"),
        (b"STARTTLS\r\n", b"502"),
        (b"AUTH PLAIN AGEAYg==\r\n", b"504"),
        (b"NOOP\r\n", b"250"),
        (b"HELO me\r\n", b"250"),
        (b"MAIL FROM:<a@example.com>\r\nRSET\r\nMAIL FROM:<>\r\n", b"250"),
        (b"x" * 3000 + b"\r\n", b"500"),
        (b"NOOP\n", b"500"),
    ],
)
def test_what_is_said_to_a_command(talk: Callable[[bytes], bytes], said: bytes, code: bytes) -> None:
    last = talk(said + b"QUIT\r\n").splitlines()
    answers = [line for line in last if not line.startswith(b"221")]
    assert answers[-1].startswith(code), answers


def test_a_mail_is_not_smuggled_in(provider: SMTPStandIn, talk: Callable[[bytes], bytes]) -> None:
    """A dot after a bare LF ends nothing; and the bare LF is refused."""
    hidden = b"MAIL FROM:<x@example.com>\r\nRCPT TO:<y@example.com>\r\nDATA\r\n"
    body = _mail().as_bytes().replace(b"\n", b"\r\n")
    envelope = b"EHLO me\r\nMAIL FROM:<shop@example.com>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n"
    said = talk(envelope + body + b"\n.\r\n" + hidden + body + b".\r\nQUIT\r\n")
    assert b"554 5.6.0 a bare CR or LF" in said
    assert provider.count == 0


def test_an_address_beyond_ascii(provider: SMTPStandIn, client: smtplib.SMTP) -> None:
    client.ehlo()
    message = _mail("ä@exämple.com").as_bytes(policy=_mail().policy.clone(utf8=True, linesep="\r\n"))
    client.sendmail("shop@example.com", ["ä@exämple.com"], message, ["SMTPUTF8", "BODY=8BITMIME"])
    assert provider.last("ä@exämple.com")["from"] == "shop@example.com"


def test_eight_bits_must_be_announced(provider: SMTPStandIn, client: smtplib.SMTP) -> None:
    mail = _mail()
    mail.set_content("Grüße\n", cte="8bit")
    with pytest.raises(smtplib.SMTPDataError, match="8BITMIME"):
        client.send_message(mail)
    client.send_message(mail, mail_options=["BODY=8BITMIME"])
    assert provider.count == 1


@pytest.mark.parametrize("kind", ["PLAIN", "LOGIN"])
def test_it_wants_a_login_over_tls(kind: str) -> None:
    with SMTPStandIn(username="shop", password="right", tls=True) as provider:
        assert provider.certificate is not None
        trust = ssl.create_default_context(cadata=provider.certificate)
        with smtplib.SMTP("127.0.0.1", provider.smtp_port, timeout=5) as client:
            with pytest.raises(smtplib.SMTPSenderRefused, match="530"):
                client.send_message(_mail())
            client.starttls(context=trust)
            client.ehlo()
            assert "starttls" not in client.esmtp_features
            client.user, client.password = "shop", "wrong"
            way = client.auth_plain if kind == "PLAIN" else client.auth_login
            with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
                client.auth(kind, way)
            client.password = "right"
            assert client.auth(kind, way)[0] == 235
            client.send_message(_mail())
        assert provider.count == 1
        assert provider.environment()["SMTP_USERNAME"] == "shop"


def _send(provider: SMTPStandIn) -> None:
    with smtplib.SMTP("127.0.0.1", provider.smtp_port, timeout=5) as client:
        client.send_message(_mail())


@pytest.mark.parametrize("at", ["connect", "MAIL", "RCPT", "DATA", "content"])
@pytest.mark.parametrize("answer", ["451 4.3.0 later", "550 5.1.1 no such user", "421 4.3.2 going down"])
def test_it_refuses_at_any_command(provider: SMTPStandIn, at: str, answer: str) -> None:
    provider.fail("refuse", at=at, answer=answer)
    with pytest.raises(smtplib.SMTPException, match=answer.split(" ", 1)[1]):
        _send(provider)
    assert provider.count == 0
    _send(provider)
    assert provider.count == 1


def test_it_refuses_the_greeting(provider: SMTPStandIn, client: smtplib.SMTP) -> None:
    provider.fail("refuse", at="EHLO", answer="502 5.5.1 not here")
    assert client.ehlo()[0] == 502
    assert client.helo()[0] == 250


@pytest.mark.parametrize(("when", "taken"), [("before", 0), ("after", 1)])
def test_it_is_cut_after_the_dot(provider: SMTPStandIn, client: smtplib.SMTP, when: str, taken: int) -> None:
    provider.fail("cut", when=when)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.send_message(_mail())
    assert provider.count == taken


@pytest.mark.parametrize("at", ["connect", "MAIL", "RCPT", "DATA"])
def test_it_is_cut_anywhere(provider: SMTPStandIn, at: str) -> None:
    provider.fail("cut", at=at)
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        _send(provider)
    assert provider.count == 0


def test_it_is_slow(provider: SMTPStandIn, client: smtplib.SMTP) -> None:
    provider.fail("slow", at="rcpt", seconds=0.3)
    started = time.monotonic()
    client.send_message(_mail())
    assert time.monotonic() - started >= 0.3
    assert provider.count == 1


def test_a_bounce_and_a_complaint_come_when_asked(provider: SMTPStandIn, client: smtplib.SMTP, tmp_path: Path) -> None:
    client.send_message(_mail())
    for what, body in (
        ("bounce", {"to": "ann@example.com", "status": "5.2.2", "diagnostic": "552 5.2.2 mailbox full"}),
        ("complain", {"to": "ann@example.com"}),
    ):
        assert httpx.post(f"{provider.url}/_control/{what}", json=body, trust_env=False).status_code == 204
    box = mailbox.Maildir(tmp_path / "bounces")
    found: dict[str, Any] = {str(message.get_param("report-type")): message for message in box}
    box.close()
    status = found["delivery-status"].get_payload()[1].get_payload()[1]
    assert (status["Final-Recipient"], status["Action"]) == ("rfc822; ann@example.com", "failed")
    assert (status["Status"], status["Diagnostic-Code"]) == ("5.2.2", "smtp; 552 5.2.2 mailbox full")
    assert "Message-ID: <m1@shop.example>" in found["delivery-status"].get_payload()[2].get_payload()
    report = found["feedback-report"].get_payload()[1].get_payload()[0]
    assert (report["Feedback-Type"], report["Original-Rcpt-To"]) == ("abuse", "ann@example.com")


def test_a_bounce_that_cannot_be(provider: SMTPStandIn) -> None:
    with pytest.raises(NotFound, match="nothing was sent to x@example.com"):
        provider.bounce("x@example.com")
    for what, body in (("bounce", {"whom": "x"}), ("bounce", {"to": 1}), ("dance", {})):
        assert httpx.post(f"{provider.url}/_control/{what}", json=body, trust_env=False).status_code in (400, 404)
    with SMTPStandIn() as other, pytest.raises(InputError, match="--bounces-to"):
        other.bounce("x@example.com")


def test_a_mail_port_that_is_taken(provider: SMTPStandIn) -> None:
    other, before = SMTPStandIn(smtp_port=provider.smtp_port), threading.active_count()
    with pytest.raises(InputError, match=f"port {provider.smtp_port}"):
        other.start()
    assert threading.active_count() == before
