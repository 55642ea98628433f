"""The `webhook` adapter: posts each message to its receiver, signed, several at once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Literal

import orjson
from pydantic import Field, SecretStr, field_validator

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AddressRefused,
    Callback,
    Capabilities,
    HttpAnswer,
    NotSent,
    Receipt,
    RenderedMessage,
    Request,
    Unanswered,
    hand_over,
    one_by_one,
)
from messaging_webhook.callback import callback_of
from messaging_webhook.signing import key_of, sign

#: Bytes of a receiver's answer that are read: only its status counts.
_ANSWER = 10_000
#: Headers that are ours to write.
_OURS = ("host", "user-agent", "connection", "accept-encoding", "content-", "transfer-", "webhook-")


class WebhookSettings(AdapterSettings):
    """`[adapters.webhook]`"""

    #: `whsec_…`, the newest first: a request is signed with all of them, a callback must be with one. In a variable,
    #: with spaces between.
    secrets: tuple[SecretStr, ...] = Field(min_length=1, json_schema_extra={"env": "WEBHOOK_SECRETS"})
    #: Receivers with secrets of their own, by the customer's address: `"https://a.example/hook" = ["whsec_…"]`.
    receivers: dict[str, tuple[SecretStr, ...]] = Field(default_factory=dict)
    #: Post everything here, whatever the customer's address on the channel is.
    url: str | None = Field(None, json_schema_extra={"env": "WEBHOOK_URL"})
    #: What is posted: the template's `webhook.json` as it is, or as the `data` of a CloudEvents 1.0 envelope.
    format: Literal["body", "cloudevents"] = "body"
    #: CloudEvents only: who sends, as a URI reference.
    source: str = Field("/customer-messaging", min_length=1)
    #: Seconds to wait for an answer.
    timeout: float = Field(15.0, gt=0)
    #: How many requests are under way at once.
    connections: int = Field(16, ge=1, le=64)

    @field_validator("secrets", mode="before")
    @classmethod
    def _from_a_variable(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("secrets")
    @classmethod
    def _are_secrets(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        _keys(value)
        return value

    @field_validator("receivers")
    @classmethod
    def _have_secrets(cls, value: dict[str, tuple[SecretStr, ...]]) -> dict[str, tuple[SecretStr, ...]]:
        if not all(_keys(secrets) for secrets in value.values()):
            raise ValueError("a receiver has no secret")
        return value


class _Unsendable(Exception):
    """A message that cannot be a webhook, and why."""


class Webhook(Adapter):
    """Hands over one message a request; each receipt as it comes."""

    name: ClassVar[str] = "webhook"
    channel: ClassVar[str] = "webhook"
    # Receivers keep `webhook-id`, which is our message id and the same with every attempt.
    capabilities = Capabilities(idempotency_key=True, callbacks=True)
    Settings: ClassVar[type[AdapterSettings]] = WebhookSettings

    settings: WebhookSettings

    def __init__(self, settings: WebhookSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self._keys = _keys(settings.secrets)
        self._own = {address: _keys(secrets) for address, secrets in settings.receivers.items()}
        self._timeout = min(settings.timeout, context.timeout)
        many = settings.url is None
        self.capabilities = replace(self.capabilities, many_receivers=many)  # type: ignore[misc] # of this one

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        return hand_over(_in_turns(messages), one_by_one(self._send), width=self.settings.connections)

    def callback(self, request: Request) -> Callback:
        return callback_of(request, self._keys, self._own, channel=self.channel)

    def _send(self, message: RenderedMessage) -> Iterator[Receipt]:
        try:
            body, media_type = self._body(message)
            headers = self._headers(message, body, media_type)
            answer = self.context.http.request(
                "POST",
                self.settings.url or message.to,
                headers=headers,
                body=body,
                timeout=self._timeout,
                limit=_ANSWER,
            )
        except (_Unsendable, AddressRefused) as error:
            yield Receipt.refused(message.id, str(error))
        except NotSent as error:
            yield Receipt.try_again(message.id, error.message)
        except Unanswered as error:
            yield Receipt.unknown(message.id, error.message)
        else:
            if answer.status == 410 and self.settings.url:
                # It is the shop's one place that is gone: no customer is suppressed for it.
                yield Receipt.refused(message.id, "410: the receiver is gone: check [adapters.webhook] url")
            else:
                yield receipt_of(message.id, answer)

    def _body(self, message: RenderedMessage) -> tuple[bytes, str]:
        text = message.parts.get("body", "")
        try:
            orjson.loads(text)
        except ValueError:
            raise _Unsendable("the body is not JSON: the template needs a webhook.json") from None
        if self.settings.format == "body":
            return text.encode(), "application/json"
        envelope = {
            "specversion": "1.0",
            "id": message.id,
            "source": self.settings.source,
            "type": f"customer-messaging.{message.template}",
            "time": datetime.fromtimestamp(message.timestamp, UTC).isoformat(),
            "datacontenttype": "application/json",
        }
        # The data goes in as it is written: no digit of a number is read and written anew.
        return f'{json.dumps(envelope)[:-1]}, "data": {text}}}'.encode(), "application/cloudevents+json; charset=utf-8"

    def _headers(self, message: RenderedMessage, body: bytes, media_type: str) -> Mapping[str, str]:
        for name, value in message.headers.items():
            if name.lower().startswith(_OURS) or not value.isprintable() or not value.isascii():
                raise _Unsendable(f"a webhook cannot carry the header {name}")
        now = int(time.time())  # of this attempt, by the real clock: the receiver compares it with its own
        return {
            **message.headers,
            "Content-Type": media_type,
            "Webhook-Id": message.id,
            "Webhook-Timestamp": str(now),
            "Webhook-Signature": sign(self._own.get(message.to, self._keys), message.id, now, body),
        }


def _keys(secrets: Sequence[SecretStr]) -> list[bytes]:
    return [key_of(secret.get_secret_value()) for secret in secrets]


def receipt_of(message_id: str, answer: HttpAnswer) -> Receipt:
    """What a receiver's answer means for the message it was about.

    As Standard Webhooks has it: 2xx is success, 410 switches the receiver off, all else is a failure that may pass (a
    404 while they deploy) and is tried again by plan. It may have been taken all the same: `webhook-id` tells.
    """
    status = answer.status
    if 200 <= status < 300:
        return Receipt.accepted(message_id, delivered=True)
    if status == 410:
        return Receipt.refused(message_id, "410: the receiver is gone", suppress="gone")
    moved = ": redirects are not followed" if 300 <= status < 400 else ""
    return Receipt.try_again(message_id, f"the receiver answered {status}{moved}", answer.retry_after())


def _in_turns(messages: Sequence[RenderedMessage]) -> list[RenderedMessage]:
    """The first message of each receiver, then the second: nobody waits behind another's second one."""
    turns: Counter[str] = Counter()
    numbered = []
    for message in messages:
        numbered.append((turns[message.to], message))
        turns[message.to] += 1
    return [message for _, message in sorted(numbered, key=lambda pair: pair[0])]
