"""The `sendgrid` adapter: hands mail to Twilio SendGrid's API (v3), several requests at once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, field_validator

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AdapterUnusable,
    Receipt,
    RenderedMessage,
)
from messaging_email.headers import Unmailable
from messaging_email.parallel import Feed, Pool, Unavailable, hand_over, take
from messaging_email.quoting import quote
from messaging_email.sendgrid_body import mail_body

if TYPE_CHECKING:
    from messaging_email.sendgrid_client import Answer, Client

#: Seconds after which an unused connection is closed: less than any server on the way keeps one.
_IDLE = 20.0
#: A provider that asks for more than this asks for "never"; the core waits less anyway.
_LONGEST_WAIT = timedelta(days=365)
_PROVIDER_ID = re.compile(r"[\x21-\x7e]{1,200}")


class SendGridSettings(AdapterSettings):
    """`[adapters.sendgrid]`"""

    #: A secret: better in the environment than in messaging.toml. It needs "Mail Send" only.
    api_key: SecretStr = Field(min_length=1, json_schema_extra={"env": "SENDGRID_API_KEY"})
    #: `https://api.eu.sendgrid.com` for subusers in the EU. Gone to through `HTTPS_PROXY` (`http://HOST:PORT`), unless
    #: `NO_PROXY` names it.
    host: str = Field("https://api.sendgrid.com", json_schema_extra={"env": "SENDGRID_HOST"})
    #: Seconds to wait for an answer.
    timeout: float = Field(30.0, gt=0)
    #: How many requests are under way at once.
    connections: int = Field(4, ge=1, le=64)
    #: SendGrid checks requests and sends nothing.
    sandbox: bool = False

    @field_validator("api_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if re.fullmatch(r"[\x21-\x7e]+", key) is None:
            raise ValueError("has characters that no key has")
        return SecretStr(key)

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        url = value.strip().rstrip("/")
        if "://" not in url:
            url = f"https://{url}"
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not _is_host(parts) or parts.path or parts.query:
            raise ValueError("must be like https://api.sendgrid.com")
        if parts.scheme == "http" and not _is_near(parts.hostname or ""):
            raise ValueError("must be https: the key would travel in the clear")
        return url


class SendGrid(Adapter):
    """Hands over one message a request; each receipt as it comes."""

    name: ClassVar[str] = "sendgrid"
    channel: ClassVar[str] = "email"
    Settings: ClassVar[type[AdapterSettings]] = SendGridSettings

    settings: SendGridSettings

    def __init__(self, settings: SendGridSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self._pool: Pool[Client] = Pool(size=settings.connections, idle=_IDLE)

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        return hand_over(messages, self._work, width=self.settings.connections)

    def close(self) -> None:
        self._pool.close()

    def _work(self, feed: Feed) -> Iterator[Receipt]:
        client = self._pool.take() or self._client()
        try:
            while (message := take(feed)) is not None:
                yield self._send(client, message, feed)
        finally:
            self._pool.give_back(client)

    def _client(self) -> Client:
        from messaging_email.sendgrid_client import Client

        settings = self.settings
        return Client(settings.api_key.get_secret_value(), settings.host, timeout=settings.timeout)

    def _send(self, client: Client, message: RenderedMessage, feed: Feed) -> Receipt:
        """Hand over one message.

        Raises:
            Unavailable: not now, and the others not either; the message is back in the feed.
            AdapterUnusable: it is us that SendGrid does not want.
        """
        from messaging_email.sendgrid_client import NotSent, Unanswered

        try:
            answer = client.send(mail_body(message, sandbox=self.settings.sandbox))
            return receipt_of(message.id, answer, key=self.settings.api_key.get_secret_value())
        except Unmailable as error:
            return Receipt.refused(message.id, str(error))
        except NotSent as error:
            feed.appendleft(message)
            raise Unavailable(f"sendgrid: {error}") from None
        except Unanswered as error:
            return Receipt.unknown(message.id, f"sendgrid: {error}")
        except Unavailable:
            feed.appendleft(message)
            raise


def receipt_of(message_id: str, answer: Answer, *, key: str = "") -> Receipt:
    """What SendGrid's answer means for the message it was about; `key` is not to be seen in it.

    Raises:
        Unavailable: it was surely not taken, nor would others be for now.
        AdapterUnusable: it means the same for every message.
    """
    status = answer.status
    if 200 <= status < 300:
        given = answer.headers.get("X-Message-Id", "")
        return Receipt.accepted(message_id, given if _PROVIDER_ID.fullmatch(given) else None)
    problem, about = _problem(answer, key)
    wait = wait_asked(answer.headers, now=time.time())
    if status == 429:
        raise Unavailable(f"sendgrid: 429 {problem}", wait)
    if status == 503 and wait is not None and "Retry-After" in answer.headers:
        # Whoever names a time to come back has turned the request away (RFC 9110 10.2.3). A 503 without one may
        # as well be a gateway's that passed the request on and lost the connection before the answer.
        raise Unavailable(f"sendgrid: 503 {problem}", wait)
    if status in (401, 403):
        raise AdapterUnusable(
            f"sendgrid: {status} {problem}",
            hint="check SENDGRID_API_KEY, that it may send mail, and that the sender is verified",
        )
    if status == 400 and about.startswith(("from", "reply_to")):
        raise AdapterUnusable(f"sendgrid: 400 {problem}", hint="it is the same for everybody: check [brand] from")
    if status in (400, 413, 422):
        # Checked here before it left: a recipient that SendGrid still calls invalid is one that cannot be.
        dead = about.startswith("personalizations.0.to") and "valid address" in problem
        return Receipt.refused(message_id, f"sendgrid: {status} {problem}", suppress=dead)
    if status == 408:  # the request did not arrive whole (RFC 9110 15.5.9)
        return Receipt.try_again(message_id, f"sendgrid: {status} {problem}")
    if status >= 500:
        # 500 is said by the one that failed over the mail, 502 and 504 by a gateway that does not know what became
        # of it: it may have been taken. SendGrid knows no idempotency key, so nobody may try again unasked.
        return Receipt.unknown(message_id, f"sendgrid: {status} {problem}")
    raise AdapterUnusable(f"sendgrid: {status} {problem}", hint="this is not how SendGrid answers; check SENDGRID_HOST")


def wait_asked(headers: Message, *, now: float) -> timedelta | None:
    """How long the provider asks to wait: `Retry-After` (RFC 9110 10.2.3) or `X-RateLimit-Reset`.

    None if it says nothing that can be read. `now` is the real time in Unix seconds, as the reset is.
    """
    retry = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", retry):
        return min(timedelta(seconds=int(retry)), _LONGEST_WAIT)
    seconds = None
    if retry:
        try:
            when = parsedate_to_datetime(retry)
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, OverflowError):
            pass
    reset = headers.get("X-RateLimit-Reset", "").strip()
    if seconds is None and re.fullmatch(r"[0-9]{1,12}", reset):
        seconds = int(reset) - now
    if seconds is None:
        return None
    return timedelta(seconds=max(0.0, min(seconds, _LONGEST_WAIT.total_seconds())))


def _problem(answer: Answer, key: str) -> tuple[str, str]:
    """What the API complains about, fit to be kept, and the field it names; from a body that may be anything."""
    try:
        first: Any = json.loads(answer.body)["errors"][0]
        message, field = str(first["message"]), str(first.get("field") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "(no reason given)", ""
    return quote(f"{message} [{field}]" if field else message, [key]), field


def _is_host(parts: SplitResult) -> bool:
    """Whether there is a host that can be looked up, perhaps a port, and no login."""
    try:
        return bool(parts.hostname and parts.hostname.encode("idna")) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False


def _is_near(host: str) -> bool:
    """Whether a host is this machine or on a private network, where there may be a stand-in without https."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(".localhost")
