from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from pydantic import ValidationError

from messaging import AdapterUnusable, Receipt, RenderedMessage, Verdict
from messaging_email.smtp import Smtp, SmtpSettings, server_of
from messaging_email.smtp_session import Security

Make = Callable[..., RenderedMessage]
Deliver = Callable[..., list[Receipt]]
Open = Callable[..., Smtp]
MailServer = Callable[..., tuple[int, Any]]

#: What some servers offer; without it each command waits for the answer to the one before.
PLAIN_EHLO = b"250 here\r\n"


def verdicts(receipts: list[Receipt]) -> list[str]:
    return [receipt.verdict.value for receipt in receipts]


# Against aiosmtpd


class Handler:
    """Keeps what it takes; answers an address `CODE-…@example.com` with that code."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address[:3].isdigit():
            return f"{address[:3]} because"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.taken.append(envelope)
        return "250 2.0.0 Ok: queued as 4XYZ"


class _Controller(Controller):
    """One that leaves no connection behind."""

    def factory(self) -> SMTP:
        self.servers = [*getattr(self, "servers", []), super().factory()]
        return self.servers[-1]

    async def hang_up(self) -> None:
        for server in self.servers:
            if server.transport is not None:
                server.transport.abort()
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def aiosmtpd(closed_port: int) -> Iterator[Callable[..., tuple[int, Handler]]]:
    """Start aiosmtpd with some options; its port, and what it took."""
    started: list[_Controller] = []

    def start(**options: Any) -> tuple[int, Handler]:
        handler = Handler()
        controller = _Controller(handler, hostname="127.0.0.1", port=closed_port, **options)
        controller.start()
        started.append(controller)
        return closed_port, handler

    yield start
    for controller in started:
        asyncio.run_coroutine_threadsafe(controller.hang_up(), controller.loop).result(5)
        controller.stop()


def test_a_real_server_gets_what_was_written(
    smtp: Open, aiosmtpd: Callable[..., tuple[int, Handler]], message: Make, deliver: Deliver
) -> None:
    port, handler = aiosmtpd(enable_SMTPUTF8=True)
    text = ".\r\n..\r\n.hidden\nend.\n.\nMAIL FROM:<x@example.net>\n" + "grün"
    adapter = smtp(port)
    receipts = deliver(adapter, *(message(n, parts={"text": text}) for n in range(20)))
    assert [(receipt.verdict, receipt.provider_id) for receipt in receipts] == [(Verdict.ACCEPTED, "4XYZ")] * 20
    assert [envelope.rcpt_tos for envelope in handler.taken] == [[f"c{n}@example.com"] for n in range(20)]
    assert {envelope.mail_from for envelope in handler.taken} == {"shop@example.com"}
    content = handler.taken[0].content
    assert isinstance(content, bytes)
    assert text.replace("\r\n", "\n").replace("\n", "\r\n").encode() in content


def test_one_refused_address_does_not_touch_the_others(
    smtp: Open, aiosmtpd: Callable[..., tuple[int, Handler]], message: Make, deliver: Deliver
) -> None:
    port, handler = aiosmtpd()
    receipts = deliver(
        smtp(port),
        message(1),
        message(2, to="550-gone@example.com"),
        message(3),
        message(4, to="450-full@example.com"),
        message(5),
    )
    assert verdicts(receipts) == ["accepted", "refused", "accepted", "try_again", "accepted"]
    assert [envelope.rcpt_tos[0] for envelope in handler.taken] == [
        "c1@example.com",
        "c3@example.com",
        "c5@example.com",
    ]


@pytest.mark.parametrize(("password", "works"), [("right", True), ("wrong-password", False)])
def test_login_over_starttls(
    smtp: Open,
    aiosmtpd: Callable[..., tuple[int, Handler]],
    server_tls: ssl.SSLContext,
    certificate: Path,
    message: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    password: str,
    works: bool,
    deliver: Deliver,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    caplog.set_level(logging.DEBUG, logger="messaging")
    caplog.set_level(logging.DEBUG, logger="messaging_email")

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"right", handled=False)

    port, handler = aiosmtpd(
        tls_context=server_tls,
        require_starttls=True,
        authenticator=authenticate,
        auth_required=True,
        enable_SMTPUTF8=True,
    )
    adapter = smtp(port, security="starttls", username="shop", password=password)
    assert password not in repr(adapter.settings)
    assert password not in repr(adapter._server)
    if works:
        assert verdicts(deliver(adapter, message(), message(2))) == ["accepted", "accepted"]
        assert len(handler.taken) == 2
    else:
        with pytest.raises(AdapterUnusable, match="login.*535") as caught:
            deliver(adapter, message(), message(2))
        assert password not in str(caught.value)
        assert handler.taken == []
    assert password not in caplog.text


# What answers mean, against a server that says what the test wants


@pytest.mark.parametrize("ehlo", [b"250-here\r\n250 PIPELINING\r\n", PLAIN_EHLO], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize(
    ("script", "verdict", "suppress"),
    [
        ({"RCPT": b"450 4.2.2 mailbox full\r\n"}, "try_again", False),
        ({"RCPT": b"451 greylisted\r\n"}, "try_again", False),
        ({"RCPT": b"452 4.5.3 too many\r\n"}, "try_again", False),
        ({"RCPT": b"550 5.1.1 no such user\r\n"}, "refused", True),
        ({"RCPT": b"550 5.1.2 bad host\r\n"}, "refused", True),
        ({"RCPT": b"556 5.1.10 null MX\r\n"}, "refused", True),
        ({"RCPT": b"550 5.7.1 no such user policy\r\n"}, "refused", False),
        ({"RCPT": b"550 User unknown\r\n"}, "refused", True),
        ({"RCPT": b"550 rejected by policy\r\n"}, "refused", False),
        ({"RCPT": b"552 5.2.2 over quota\r\n"}, "refused", False),
        (
            {"RCPT": b"550-5.1.1 The account that you\r\n550-5.1.1 tried to reach\r\n550 5.1.1 does not exist\r\n"},
            "refused",
            True,
        ),
        ({"RCPT": "550 5.1.1 Empfänger unbekannt\r\n".encode("latin-1")}, "refused", True),
        ({"RCPT": b"550 5.1.1\r\n"}, "refused", True),
        ({"MAIL": b"451 4.3.0 later\r\n"}, "try_again", False),
        ({"MAIL": b"552 5.3.4 too big\r\n"}, "refused", False),
        ({"MAIL": b"552 more than I take\r\n"}, "refused", False),
        ({"MAIL": b"554 5.3.4 too big\r\n"}, "refused", False),
        ({"MAIL": b"550 5.2.3 too big\r\n"}, "refused", False),
        ({"MAIL": b"553 5.6.7 ASCII only\r\n"}, "refused", False),
        ({"content": b"554 5.3.4 too big\r\n"}, "refused", False),
        ({"DATA": b"451 4.3.0 later\r\n"}, "try_again", False),
        ({"DATA": b"554 5.5.1 no valid recipients\r\n"}, "refused", False),
        ({"content": b"451 4.3.0 later\r\n"}, "try_again", False),
        ({"content": b"554 5.7.1 spam\r\n"}, "refused", False),
        ({"content": b"550-5.7.1 we think\r\n550 5.7.1 it is spam\r\n"}, "refused", False),
        ({"content": b"552 5.2.2 mailbox full\r\n"}, "refused", False),
        ({"content": b"550 5.1.1 no such user\r\n"}, "refused", True),
        ({"content": b"354 what?\r\n"}, "unknown", False),
        ({"content": b"!"}, "unknown", False),
        ({"content": b"25!"}, "unknown", False),
        ({"content": b"250-going on\r\n!"}, "unknown", False),
        ({"content": b"hello\r\n!"}, "unknown", False),
        ({"content": b"250ok\r\n!"}, "unknown", False),
        ({"content": b"421 4.3.0 shutting down\r\n!"}, "try_again", False),
        ({"RCPT": b"!"}, "try_again", False),
        ({"DATA": b"!"}, "try_again", False),
        ({"MAIL": b"421 4.4.2 idle\r\n!"}, "try_again", False),
        ({"RCPT": b"421 4.7.0 slow down\r\n!"}, "try_again", False),
        ({"RCPT": b"no SMTP\r\n"}, "try_again", False),
        ({"greeting": b"421 busy\r\n!"}, "try_again", False),
        ({"greeting": b"!"}, "try_again", False),
        ({"EHLO": b"451 later\r\n"}, "try_again", False),
        ({"greeting": b"HTTP/1.1 400 Bad Request\r\n!"}, "try_again", False),
    ],
)
def test_what_an_answer_means(
    smtp: Open,
    mail_server: MailServer,
    message: Make,
    ehlo: bytes,
    script: dict[str, bytes],
    verdict: str,
    suppress: bool,
    deliver: Deliver,
) -> None:
    port, _ = mail_server(**{"EHLO": ehlo, **script})
    (receipt,) = deliver(smtp(port), message())
    assert (receipt.verdict, receipt.suppress) == (verdict, "bounced" if suppress else None)
    assert receipt.reason
    assert receipt.reason.isprintable()


@pytest.mark.parametrize(
    "script",
    [
        {"greeting": b"554 5.7.1 no mail from you\r\n"},
        {"EHLO": b"502 what?\r\n"},
        {"MAIL": b"530 5.7.0 authentication required\r\n"},
        {"RCPT": b"530 5.7.0 authentication required\r\n"},
        {"MAIL": b"550 5.1.1 unknown sender\r\n"},
        {"RCPT": b"554 5.7.1 <a@b.example>: Relay access denied\r\n"},
    ],
)
def test_a_server_that_does_not_want_us(
    smtp: Open, mail_server: MailServer, message: Make, script: dict[str, bytes], deliver: Deliver
) -> None:
    port, server = mail_server(**script)
    with pytest.raises(AdapterUnusable, match="smtp"):
        deliver(smtp(port), message(1), message(2))
    assert not any(server.contents)


@pytest.mark.parametrize("ehlo", [b"250-here\r\n250 PIPELINING\r\n", PLAIN_EHLO], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize("answer", [b"550 5.1.1 gone\r\n", b"450 4.2.1 later\r\n"])
def test_the_conversation_goes_on_after_a_refusal(
    smtp: Open, mail_server: MailServer, message: Make, ehlo: bytes, answer: bytes, deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=ehlo, RCPT=[answer, b"250 ok\r\n", answer, b"250 ok\r\n"])
    receipts = deliver(smtp(port), *(message(n) for n in range(4)))
    assert [receipt.verdict is Verdict.ACCEPTED for receipt in receipts] == [False, True, False, True]
    assert [b"m1@" in content or b"m3@" in content for content in server.contents if content] == [True, True]
    assert sum(line.startswith(b"EHLO") for line in server.lines) == 1


@pytest.mark.parametrize("ehlo", [b"250-here\r\n250 PIPELINING\r\n", PLAIN_EHLO], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize(
    "script",
    [
        {"MAIL": [b"250 ok\r\n", b"250 ok\r\n", b"421 4.4.2 enough for one connection\r\n!", b"250 ok\r\n"]},
        {"RCPT": [b"250 ok\r\n", b"250 ok\r\n", b"!", b"250 ok\r\n"]},
        {"DATA": [b"354 go\r\n", b"354 go\r\n", b"!", b"354 go\r\n"]},
    ],
)
def test_a_connection_that_ends_is_followed_by_another(
    smtp: Open, mail_server: MailServer, message: Make, ehlo: bytes, script: dict[str, list[bytes]], deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=ehlo, **script)
    receipts = deliver(smtp(port), *(message(n) for n in range(5)))
    assert verdicts(receipts) == ["accepted"] * 5
    assert sum(line.startswith(b"EHLO") for line in server.lines) == 2
    assert len(server.contents) == 5, "none twice"


def test_only_the_one_whose_answer_is_lost_is_unknown(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    port, server = mail_server(content=[b"250 ok\r\n", b"!", b"250 ok\r\n"])
    receipts = deliver(smtp(port), *(message(n) for n in range(4)))
    assert verdicts(receipts) == ["accepted", "unknown", "accepted", "accepted"]
    assert len(server.contents) == 4, "none twice"


def test_no_answer_to_the_content_in_time(smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver) -> None:
    port, server = mail_server(content=[b"", b"250 ok\r\n"])
    receipts = deliver(smtp(port, final=0.2), message(1), message(2))
    assert verdicts(receipts) == ["unknown", "try_again"], "a connection of no use is not followed by another at once"
    assert "in time" in (receipts[0].reason or "")


@pytest.mark.parametrize("step", ["greeting", "EHLO", "RCPT", "DATA"])
def test_no_answer_in_time_before_the_content(
    smtp: Open, mail_server: MailServer, message: Make, step: str, deliver: Deliver
) -> None:
    port, server = mail_server(EHLO=PLAIN_EHLO, **{step: b""}) if step != "EHLO" else mail_server(EHLO=b"")
    receipts = deliver(smtp(port, timeout=0.2), message(1), message(2))
    assert verdicts(receipts) == ["try_again", "try_again"]
    assert server.contents == []


def test_the_line_breaks_before_the_end_of_the_content(
    smtp: Open, serve: Callable[..., Any], message: Make, deliver: Deliver
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"220 hi\r\n250 hi\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        connection.recv(100)  # and hangs up with the rest of it unread

    port = serve(talk).port
    big = message(1, parts={"html": ("<p>tea</p>" * 90 + "\n") * 20_000})
    assert verdicts(deliver(smtp(port), big, message(2))) == ["try_again", "try_again"]


def test_nobody_listens(smtp: Open, closed_port: int, message: Make, deliver: Deliver) -> None:
    receipts = deliver(smtp(closed_port), message(1), message(2))
    assert verdicts(receipts) == ["try_again", "try_again"]
    assert "cannot connect" in (receipts[0].reason or "")


def test_a_host_that_is_no_name(smtp: Open, message: Make, deliver: Deliver) -> None:
    with pytest.raises(AdapterUnusable, match="SMTP_HOST"):
        deliver(smtp(25, host="a" * 70 + ".example"), message())


# Connections


def test_a_connection_is_kept_between_deliveries(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    port, server = mail_server()
    adapter = smtp(port)
    for n in range(3):
        assert verdicts(deliver(adapter, message(n))) == ["accepted"]
    assert sum(line.startswith(b"EHLO") for line in server.lines) == 1


@pytest.mark.parametrize("last", [b"250 ok\r\n!", b"250 ok\r\n421 4.4.2 idle for too long\r\n!"])
def test_a_kept_connection_that_died_costs_nothing(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver, last: bytes
) -> None:
    port, server = mail_server(content=last)
    adapter = smtp(port)
    assert [verdicts(deliver(adapter, message(n))) for n in range(3)] == [["accepted"]] * 3
    assert len(server.contents) == 3


def test_many_at_once_each_once(
    smtp: Open, stand_in: Callable[..., int], message: Make, tmp_path: Path, deliver: Deliver
) -> None:
    port = stand_in("smtp_sink", "--keep", str(tmp_path / "kept"), "--latency", "2")
    receipts = deliver(smtp(port, connections=4), *(message(n) for n in range(200)))
    assert verdicts(receipts) == ["accepted"] * 200
    kept = [file.read_bytes() for file in (tmp_path / "kept").iterdir()]
    assert sorted(content.split(b"\r\n")[1] for content in kept) == sorted(
        b"RCPT TO:<c%d@example.com>" % n for n in range(200)
    )


def test_whoever_stops_listening_stops_the_sending(
    smtp: Open, mail_server: MailServer, message: Make, deliver: Deliver
) -> None:
    port, server = mail_server()
    receipts = smtp(port).deliver([message(n) for n in range(500)])
    next(iter(receipts))
    receipts.close()
    assert len(server.contents) < 500


# Settings


@pytest.mark.parametrize(
    ("settings", "security", "port"),
    [
        ({"host": "mail.example.com"}, Security.STARTTLS, 587),
        ({"host": "mail.example.com", "port": 465}, Security.TLS, 465),
        ({"host": "mail.example.com", "security": "tls"}, Security.TLS, 465),
        ({"host": "mail.example.com", "port": 25}, Security.STARTTLS, 25),
        ({"host": "localhost"}, Security.NONE, 25),
        ({"host": "::1", "port": 2525}, Security.NONE, 2525),
        ({"host": "localhost", "username": "shop", "password": "x"}, Security.STARTTLS, 587),
    ],
)
def test_what_is_left_open_is_safe(settings: dict[str, Any], security: Security, port: int) -> None:
    server = server_of(SmtpSettings(**settings), final_timeout=60)
    assert (server.security, server.port, server.final_timeout) == (security, port, 60)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"host": ""},
        {"host": "x", "port": 0},
        {"host": "x", "security": "ssl"},
        {"host": "x", "hots": "y"},
        {"host": "x", "timeout": 0},
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SmtpSettings(**settings)
