"""The `twilio` adapter: hands text messages to Twilio, one a request, several at once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlencode, urlsplit

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AdapterUnusable,
    Callback,
    Capabilities,
    Measure,
    NotSent,
    Receipt,
    RenderedMessage,
    Request,
    SettingsError,
    Unanswered,
    hand_over,
    is_near,
    one_by_one,
)
from messaging_sms.callback import Signed, callback_of
from messaging_sms.parts import count, is_writable, utf16_length
from messaging_sms.receipts import NotTwilio, receipt_of
from messaging_sms.settings import MAX_TEXT, TwilioSettings

if TYPE_CHECKING:
    from messaging_sms.client import Client

log = logging.getLogger("messaging.sms")

#: E.164: a plus, a country code, at most 15 digits.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Twilio(Adapter):
    """Hands over one message a request; each receipt as it comes."""

    name: ClassVar[str] = "twilio"
    channel: ClassVar[str] = "sms"
    # Twilio knows no idempotency key, and cannot be asked by our id.
    capabilities = Capabilities(callbacks=True)
    Settings: ClassVar[type[AdapterSettings]] = TwilioSettings

    settings: TwilioSettings

    def __init__(self, settings: TwilioSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self._clients: list[Client] = []
        self._lock = Lock()
        self._status_url = status_url(context.base_url, settings)

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        return hand_over(messages, one_by_one(self._send), width=self.settings.connections)

    def measure(self, message: RenderedMessage) -> Measure | None:
        text = message.parts.get("text", "")
        parts = count(text)
        notes = [parts.note] if parts.note else []
        if utf16_length(text) > MAX_TEXT:
            notes.append(f"longer than the {MAX_TEXT:,} characters that Twilio takes")
        price = self.settings.price
        return Measure(
            units=parts.number,
            price=None if price is None else price * parts.number,
            currency=None if price is None else self.settings.currency,
            note="; ".join(notes) or None,
        )

    def callback(self, request: Request) -> Callback:
        settings = self.settings
        secret = settings.auth_token if settings.signature == "sha1" else settings.signing_secret
        if secret is None:
            raise SettingsError("[adapters.twilio] auth_token is not set: it signs what Twilio posts to us")
        signed = Signed(secret.get_secret_value(), settings.signature)
        return callback_of(request, signed, channel=self.channel, help=settings.help)

    # One message

    def _send(self, message: RenderedMessage) -> Iterator[Receipt]:
        text = message.parts.get("text", "")
        why = self._unsendable(message, text)
        if why is not None:
            yield Receipt.refused(message.id, why)
            return
        client = self._take()
        try:
            answer = client.create(**self._fields(message, text))
        except NotSent as error:
            yield Receipt.try_again(message.id, f"twilio: {error.message}")
        except Unanswered as error:
            yield Receipt.unknown(message.id, f"twilio: {error.message}")
        else:
            try:
                yield receipt_of(message.id, answer, secrets=self._secrets())
            except NotTwilio as stranger:
                if stranger.receipt is not None:
                    yield stranger.receipt
                raise
        finally:
            with self._lock:
                self._clients.append(client)

    def _unsendable(self, message: RenderedMessage, text: str) -> str | None:
        if _E164.fullmatch(message.to) is None:
            return "its address is no number in E.164 form (+ and 7 to 15 digits)"
        if message.headers:
            return f"a text message cannot carry the header {next(iter(message.headers))}"
        if not text:
            return "it has no text"
        if utf16_length(text) > MAX_TEXT:
            return f"its text is longer than the {MAX_TEXT:,} characters that Twilio takes"
        if not is_writable(text):
            return "its text cannot be written: it has half of a character (a surrogate)"
        return None

    def _fields(self, message: RenderedMessage, text: str) -> dict[str, str]:
        settings = self.settings
        fields = {"to": message.to, "body": text}
        if settings.messaging_service_sid is not None:
            fields["messaging_service_sid"] = settings.messaging_service_sid
        elif settings.from_ is not None:
            fields["from_"] = settings.from_
        if self._status_url is not None:
            # So that a status joins its message without being looked up.
            fields["status_callback"] = f"{self._status_url}?{urlencode({'message_id': message.id})}"
        return fields

    def _take(self) -> Client:
        """A client that nobody uses.

        Raises:
            AdapterUnusable: the package is not installed.
        """
        with self._lock:
            if self._clients:
                return self._clients.pop()
        try:
            from messaging_sms.client import Client
        except ImportError as error:
            raise AdapterUnusable(
                f"twilio: the package is not installed ({error.name} is missing)",
                hint='install it: pip install "customer-messaging[twilio]"',
            ) from None
        settings = self.settings
        user, password = settings.account_sid, settings.auth_token
        if settings.api_key is not None:
            user, password = settings.api_key.get_secret_value(), settings.api_secret
        assert password is not None
        return Client(
            self.context.http,
            user=user,
            password=password.get_secret_value(),
            account=settings.account_sid,
            host=settings.host,
            timeout=min(settings.timeout, self.context.timeout),
        )

    def _secrets(self) -> list[str]:
        settings = self.settings
        kept = (settings.auth_token, settings.api_key, settings.api_secret, settings.signing_secret)
        return [secret.get_secret_value() for secret in kept if secret is not None]


def status_url(base_url: str, settings: TwilioSettings) -> str | None:
    """Where Twilio shall tell what became of a message; None if it cannot get there from where it is."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if is_near(host):
        # A stand-in that is near may get to what is near.
        reached = bool(host) and settings.host is not None and is_near(urlsplit(settings.host).hostname or "")
    else:
        reached = parts.scheme in ("http", "https")
        if "_" in host:
            log.warning("twilio tells no statuses: it does not post to a host with _ in its name: %s", host)
            reached = False
    return f"{base_url.rstrip('/')}/callbacks/{Twilio.name}" if reached else None
