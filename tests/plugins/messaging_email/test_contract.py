"""The email adapters hold to the contract that everyone's do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from messaging import Adapter, Request
from messaging.testing import (
    AdapterContract,
    Answer,
    Arrival,
    Deaf,
    Fate,
    Provider,
    SendGridKey,
    as_json,
    sign_sendgrid,
)
from messaging.testing.standins import SMTPStandIn
from messaging_email.mailbox import Mailbox
from messaging_email.sendgrid import SendGrid
from messaging_email.smtp import Smtp


class TestMailbox(AdapterContract):
    adapter: ClassVar[type[Adapter]] = Mailbox


class MailServer(Provider):
    """A mail server as the suite wants one."""

    def __init__(self) -> None:
        self._standin = SMTPStandIn()
        self._deaf: Deaf | None = None

    @property
    def url(self) -> str:
        return self._standin.url

    @property
    def port(self) -> int:
        return self._standin.smtp_port if self._deaf is None else self._deaf.port

    def __enter__(self) -> Self:
        self._standin.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._standin.stop()
        if self._deaf is not None:
            self._deaf.close()

    @property
    def arrived(self) -> list[Arrival]:
        # It keeps what it took; what it hangs up on it never had.
        return [
            Arrival(f"X-Envelope-To: {kept['to']}\r\n".encode() + kept["source"].encode("latin-1"), kept["id"])
            for kept in self._standin.messages
        ]

    def be(self, fate: Fate) -> bool:
        self._standin.mend()
        if fate is Fate.DEAF:
            self._deaf = Deaf()
            return self._deaf.fill()
        how: dict[Fate, dict[str, Any]] = {
            Fate.ACCEPT: {},
            Fate.REFUSE: {"kind": "refuse", "at": "RCPT", "answer": "550 5.1.1 no such user"},
            Fate.BUSY: {"kind": "refuse", "at": "RCPT", "answer": "451 4.3.0 try again later"},
            Fate.LOCKED_OUT: {"kind": "refuse", "at": "MAIL", "answer": "530 5.7.0 log in first"},
            Fate.RESET: {"kind": "cut", "at": "content", "when": "after"},
            Fate.SILENT: {"kind": "slow", "at": "content", "seconds": 30},
        }
        if how.get(fate):
            self._standin.fail(times=100, **how[fate])
        return fate in how


class TestSmtp(AdapterContract):
    adapter: ClassVar[type[Adapter]] = Smtp

    def provider(self) -> MailServer:
        return MailServer()

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        assert isinstance(provider, MailServer)
        return {
            "host": "127.0.0.1",
            "port": provider.port,
            "security": "none",
            "timeout": 2.0,
        }


KEY = SendGridKey()


class TestSendGrid(AdapterContract):
    adapter: ClassVar[type[Adapter]] = SendGrid

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        return {
            "host": provider.url,
            "api_key": "SG.s3cret-token",
            "timeout": 2.0,
            "batch": 1,  # messages that were not rendered have no pieces to be put together of
            "verification_key": KEY.public_key,
            "replay_window": 600.0,
        }

    def accepted(self, request: Request, id: str) -> Answer:
        return Answer(status=202, headers={"X-Message-Id": id})

    def refused(self, request: Request) -> Answer:
        told = {"errors": [{"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}]}
        return as_json(told, 400)

    def callbacks(self, message_id: str) -> Sequence[bytes]:
        told = {
            "email": "ann@example.com",
            "timestamp": int(datetime.now(UTC).timestamp()),
            "sg_message_id": "abc",
            "message_id": message_id,
        }
        events = [
            {**told, "event": "delivered", "sg_event_id": "e-1", "response": "250 OK"},
            {
                **told,
                "event": "bounce",
                "sg_event_id": "e-2",
                "type": "bounce",
                "reason": "550 5.1.1 no",
                "status": "5.1.1",
            },
        ]
        return [json.dumps(events).encode()]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return sign_sendgrid(KEY, body, at)
