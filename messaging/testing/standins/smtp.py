"""A mail server on this machine: strict, keeps what it takes, fails at any command, and bounces when asked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Unpack

from messaging.errors import InputError
from messaging.testing.standins.base import StandIn, Where
from messaging.testing.standins.bounces import bounce, complaint, put
from messaging.testing.standins.certificate import server_context
from messaging.testing.standins.failures import Failure
from messaging.testing.standins.http import Answer, cannot_listen
from messaging.testing.standins.smtp_rules import summary
from messaging.testing.standins.smtp_session import MailServer


class SMTPStandIn(StandIn):
    """Takes mail on `smtp_port`, and is asked for it over HTTP. It fails at any command:

    - `refuse`: `answer` at `at` (`connect`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, `content`); 421 hangs up;
    - `cut`: the connection is cut there, unanswered. At `content` the message was taken, if `when` is `after`;
    - `slow`: the answer there takes `seconds`.
    """

    name: ClassVar[str] = "smtp"
    kinds: ClassVar[frozenset[str]] = frozenset({"refuse", "cut", "slow"})

    def __init__(
        self,
        *,
        username: str | None = None,
        password: str | None = None,
        tls: bool = False,
        bounces_to: str | Path | None = None,
        smtp_port: int = 0,
        **where: Unpack[Where],
    ) -> None:
        """`username` and `password`: then it wants a login. `tls`: it offers STARTTLS, with a certificate of its own.
        `bounces_to`: the maildir that bounces and complaints are put in.
        """
        super().__init__(**where)
        self.login = None if username is None else (username, password or "")
        self.bounces_to = None if bounces_to is None else Path(bounces_to)
        self._smtp_port = smtp_port
        secure = server_context(self.host) if tls else None
        self.tls = None if secure is None else secure[0]
        #: What a client trusts it by, in PEM.
        self.certificate = None if secure is None else secure[1]
        self._mail: MailServer | None = None
        self._ids = itertools.count(1)

    @property
    def smtp_port(self) -> int:
        """Where it takes mail."""
        return self._smtp_port if self._mail is None else int(self._mail.server_address[1])

    def environment(self) -> dict[str, str]:
        found = {"SMTP_HOST": self.host, "SMTP_PORT": str(self.smtp_port)}
        if self.login is not None:
            found |= {"SMTP_USERNAME": self.login[0], "SMTP_PASSWORD": self.login[1]}
        return found

    def advice(self) -> list[str]:
        return [f"Mail is taken on port {self.smtp_port}."]

    def start(self) -> None:
        super().start()
        try:
            self._mail = MailServer(self.host, self._smtp_port, self)
        except (OSError, OverflowError) as error:
            super().stop()
            raise cannot_listen(self.host, self._smtp_port, error) from None
        self._mail.begin("standin-smtp")

    def stop(self) -> None:
        super().stop()
        if self._mail is not None:
            self._mail.end()
            self._mail = None

    def bounce(self, to: str, *, status: str = "5.1.1", diagnostic: str = "550 5.1.1 no such user") -> None:
        """Put a bounce (RFC 3464) of the last message to that address into the maildir.

        Raises:
            NotFound: nothing was sent to it.
            InputError: there is no maildir.
        """
        put(self._maildir(), bounce(self.last(to), status=status, diagnostic=diagnostic))

    def complain(self, to: str) -> None:
        """Put a complaint (RFC 5965) about the last message to that address into the maildir. Raises as `bounce`."""
        put(self._maildir(), complaint(self.last(to)))

    def control(self, what: str, told: Mapping[str, Any]) -> Answer:
        if what == "bounce":
            self.bounce(**told)
        elif what == "complain":
            self.complain(**told)
        else:
            return super().control(what, told)
        return Answer(status=204)

    def fails(self, at: str) -> Failure | None:
        """How it is to fail at a command."""
        return self._failures.take("refuse", "cut", "slow", at=at)

    def take(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Keep a message; its queue id."""
        id = f"{next(self._ids):08X}"
        for to in recipients:
            source = content.decode("latin-1")
            self.keep({"id": id, "from": sender, "to": to, **summary(content), "source": source, "size": len(content)})
        return id

    def _maildir(self) -> Path:
        if self.bounces_to is None:
            raise InputError("there is no maildir for bounces", hint="start with --bounces-to FOLDER")
        return self.bounces_to
