"""The `smtp` adapter: hands mail to a server of the shop's, over connections that are kept."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import ip_address
from typing import ClassVar, Literal

from pydantic import Field, SecretStr

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AdapterUnusable,
    Engagement,
    Feed,
    Receipt,
    RenderedMessage,
    Unavailable,
    Verdict,
    hand_over,
)
from messaging_email.bounces import read_mail
from messaging_email.headers import Unmailable
from messaging_email.mime import Letter, write_letter
from messaging_email.pool import Pool
from messaging_email.smtp_session import Refusal, Security, Server, Session, Unanswered
from messaging_email.smtp_wire import Lost
from messaging_email.statuses import Fate, judge

_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
#: Seconds after which an unused connection is closed: most servers do it after a minute or more.
_IDLE = 30.0
#: How servers say that they do not carry our mail at all.
_NO_RELAY = re.compile(r"\brelay(ing)?\b", re.IGNORECASE)
#: A letter that is too long, or has addresses beyond ASCII (RFC 3463 3.3 and 3.4, RFC 6531 3.5): others may go.
_THIS_LETTER = frozenset({"5.2.3", "5.3.4", "5.6.7"})
_QUEUE_ID = re.compile(r"(?:queued as|\bid=)\s*<?([\w.@-]+)", re.IGNORECASE)


class SmtpSettings(AdapterSettings):
    """`[adapters.smtp]`"""

    #: The server that takes the shop's mail.
    host: str = Field(min_length=1, json_schema_extra={"env": "SMTP_HOST"})
    #: By default 587 with STARTTLS, 465 with TLS, 25 without.
    port: int | None = Field(None, ge=1, le=65535, json_schema_extra={"env": "SMTP_PORT"})
    #: Who logs in; without it nobody does.
    username: str | None = Field(None, json_schema_extra={"env": "SMTP_USERNAME"})
    #: A secret: better in the environment than in messaging.toml.
    password: SecretStr | None = Field(None, json_schema_extra={"env": "SMTP_PASSWORD"})
    #: By default `tls` on port 465, `none` on this very machine without a login, else `starttls`.
    security: Literal["starttls", "tls", "none"] | None = None
    #: Seconds from taking a message to the moment its content may leave.
    timeout: float = Field(20.0, gt=0)
    #: How many messages are under way at once.
    connections: int = Field(4, ge=1, le=64)


class Smtp(Adapter):
    """Hands over by SMTP: one recipient a transaction, several connections at once."""

    name: ClassVar[str] = "smtp"
    channel: ClassVar[str] = "email"
    Settings: ClassVar[type[AdapterSettings]] = SmtpSettings

    settings: SmtpSettings

    def __init__(self, settings: SmtpSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self._server = server_of(settings, final_timeout=context.timeout)
        self._pool: Pool[Session] = Pool(size=settings.connections, idle=_IDLE)
        self._tls_lock = threading.Lock()

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        return hand_over(messages, self._work, width=self.settings.connections)

    @classmethod
    def read_mail(cls, mail: bytes, now: datetime) -> Sequence[Engagement]:
        return read_mail(mail, now)

    def close(self) -> None:
        self._pool.close()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _session(self) -> Session:
        with self._tls_lock:
            tls = self._tls
        try:
            return Session(self._server, tls)
        except Lost as lost:
            raise Unavailable(lost.reason) from None

    def _work(self, feed: Feed[RenderedMessage]) -> Iterator[Receipt]:
        """Hand over what the feed has, on one connection, or on the next where that one ends."""
        session = self._pool.take()
        while feed:
            session = session or self._session()
            try:
                yield from _converse(session, feed)
            except Lost as lost:
                session.abandon()
                if not session.finished:
                    raise Unavailable(lost.reason) from None
                session = None
            except BaseException:  # handed on; `GeneratorExit` is one
                session.abandon()
                raise
        if session is not None:
            self._pool.give_back(session)


def server_of(settings: SmtpSettings, *, final_timeout: float) -> Server:
    """Where the settings lead, with what they leave open filled in."""
    if settings.security is not None:
        security = Security[settings.security.upper()]
    elif settings.port == _PORTS[Security.TLS]:
        security = Security.TLS
    elif _is_this_machine(settings.host) and not settings.username:
        security = Security.NONE
    else:
        security = Security.STARTTLS
    return Server(
        host=settings.host,
        port=settings.port or _PORTS[security],
        security=security,
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else None,
        timeout=min(settings.timeout, final_timeout),
        final_timeout=final_timeout,
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class _Posting:
    """A message, and the letter made of it for the connection it goes by."""

    message: RenderedMessage
    letter: Letter


def _converse(session: Session, feed: Feed[RenderedMessage]) -> Iterator[Receipt]:
    """Hand over what the feed has.

    Raises:
        Lost: the connection ended; what was in hand has its receipt or is back in the feed.
    """
    in_hand: list[_Posting] = []  # surely not taken
    try:
        current = yield from _next(session, feed, in_hand)
        if current is not None:
            session.begin(current.letter)
        while current is not None:
            refusal = session.refusal(current.letter)
            following = yield from _next(session, feed, in_hand)
            if refusal is None:
                receipt = _send(session, current, following)
            else:
                receipt = _refused(current.message.id, refusal)
                if following is not None:
                    session.begin(following.letter)
            in_hand.remove(current)
            yield receipt
            if receipt.verdict is Verdict.UNKNOWN:
                raise Lost(receipt.reason or "no answer")
            current = following
    except Lost as lost:
        # A letter that ends a fresh connection may itself be the cause: it does not go round in circles.
        if in_hand and not session.finished:
            yield Receipt.try_again(in_hand.pop(0).message.id, lost.reason)
        feed.extendleft(posting.message for posting in reversed(in_hand))
        raise


def _next(
    session: Session, feed: Feed[RenderedMessage], in_hand: list[_Posting]
) -> Generator[Receipt, None, _Posting | None]:
    """Take the next message that can go by this connection; refuse those before it that cannot."""
    while (message := feed.take()) is not None:
        try:
            letter = write_letter(message, eight_bit=session.eight_bit)
        except Unmailable as error:
            yield Receipt.refused(message.id, str(error))
            continue
        if letter.needs_utf8 and not session.utf8:
            yield Receipt.refused(message.id, "the server takes no addresses beyond ASCII (SMTPUTF8)")
            continue
        posting = _Posting(message, letter)
        in_hand.append(posting)
        return posting
    return None


def _send(session: Session, posting: _Posting, following: _Posting | None) -> Receipt:
    """Let the content leave, and say what became of the message."""
    try:
        reply = session.send(posting.letter, following.letter if following else None)
    except Unanswered as unanswered:
        return Receipt.unknown(posting.message.id, str(unanswered))
    if reply.kind == 2:
        queued = _QUEUE_ID.search(reply.text)
        return Receipt.accepted(posting.message.id, queued[1] if queued else posting.letter.message_id)
    if reply.kind in (4, 5):
        return _refused(posting.message.id, Refusal(command="content", reply=reply))
    return Receipt.unknown(posting.message.id, f"the server answered the content with {reply}")


def _refused(message_id: str, refusal: Refusal) -> Receipt:
    """What a refusal means for the message; for all of them where it is us that the server does not want.

    Raises:
        AdapterUnusable: it wants a login, or another one, or another sender.
    """
    reply = refusal.reply
    reason = f"{refusal.command}: {reply}"
    if reply.code in (530, 535, 538):
        raise AdapterUnusable(f"smtp: the server wants a login: {reply}", hint="set SMTP_USERNAME and SMTP_PASSWORD")
    if reply.kind == 5 and _means_us(refusal):
        raise AdapterUnusable(
            f"smtp: {refusal.command}: {reply}",
            hint="it does not take mail from this sender: check [brand] from",
        )
    if reply.kind == 5:
        dead = refusal.command in ("RCPT", "content") and judge(reply.enhanced, reply.text) is Fate.GONE
        return Receipt.refused(message_id, reason, suppress=dead)
    if reply.kind == 4:
        return Receipt.try_again(message_id, reason)
    return Receipt.try_again(message_id, f"{reason} (not an answer to that)")


def _means_us(refusal: Refusal) -> bool:
    """Whether a refusal is about the sender or the route, and so the same for everybody."""
    if refusal.command == "MAIL":
        return refusal.reply.code != 552 and refusal.reply.enhanced not in _THIS_LETTER  # 552: its size (RFC 1870)
    return refusal.command == "RCPT" and _NO_RELAY.search(refusal.reply.text) is not None
