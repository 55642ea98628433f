"""The adapter that is right: by HTTP, one by one, with a key, lookups and callbacks. The wrong ones are made of it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from messaging import (
    Adapter,
    AdapterSettings,
    AdapterUnusable,
    Callback,
    Capabilities,
    Engagement,
    EngagementKind,
    HttpAnswer,
    InputError,
    NotSent,
    Receipt,
    RenderedMessage,
    Request,
    RequestRejected,
    Unanswered,
)


class PigeonSettings(AdapterSettings):
    """`[adapters.pigeon]`"""

    url: str
    token: SecretStr


class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    capabilities = Capabilities(idempotency_key=True, lookup=True, callbacks=True)
    Settings: ClassVar[type[AdapterSettings]] = PigeonSettings

    settings: PigeonSettings

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            yield self.send(message)

    def send(self, message: RenderedMessage) -> Receipt:
        if message.headers:
            return Receipt.refused(message.id, "a pigeon carries no headers")
        try:
            answer = self.ask("POST", "/messages", self.body(message), {"Idempotency-Key": message.id})
        except NotSent as error:
            return Receipt.try_again(message.id, error.message)
        except Unanswered as error:
            return Receipt.unknown(message.id, error.message)
        return self.receipt(message.id, answer)

    def body(self, message: RenderedMessage) -> bytes:
        return json.dumps({"to": message.to, "text": message.parts["body"], "ref": message.id}).encode()

    def receipt(self, message_id: str, answer: HttpAnswer) -> Receipt:
        if answer.status in (200, 201, 202) and id_in(answer):
            return Receipt.accepted(message_id, id_in(answer))
        if answer.status < 300:
            return Receipt.unknown(message_id, f"the loft answered {answer.status} and named no message")
        if answer.status in (401, 403):
            raise AdapterUnusable("pigeon: the token is refused", hint="check PIGEON_TOKEN")
        if answer.status == 429:
            return Receipt.try_again(message_id, "the loft is busy", answer.retry_after())
        if answer.status < 500:
            return Receipt.refused(message_id, f"the loft answered {answer.status}")
        return Receipt.unknown(message_id, f"the loft answered {answer.status}")

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> HttpAnswer:
        authorization = f"Bearer {self.settings.token.get_secret_value()}"
        return self.context.http.request(
            method,
            f"{self.settings.url}{path}",
            headers={"Authorization": authorization, "Content-Type": "application/json", **(headers or {})},
            body=body,
            timeout=self.context.timeout,
            trusted=True,
        )

    def lookup(self, message_id: str) -> Receipt | None:
        try:
            answer = self.ask("GET", f"/messages/{quote(message_id, safe='')}")
        except (NotSent, Unanswered):
            return None
        if answer.status == 404:
            return Receipt.try_again(message_id, "the loft does not know it")
        known = answer.status == 200 and id_in(answer)
        return Receipt.accepted(message_id, known) if known else None

    def callback(self, request: Request) -> Callback:
        signed_at = request.header("Pigeon-Time")
        self.verify(request, signed_at)
        try:
            document = request.json()
            told = Engagement(
                id=str(document["event"]),
                kind=EngagementKind.DELIVERED,
                at=datetime.fromtimestamp(int(signed_at), UTC),
                message_id=str(document["ref"]),
                raw=document,
            )
        except (LookupError, TypeError):
            raise InputError("it is no news of a pigeon") from None
        return Callback(engagements=[told])

    def verify(self, request: Request, signed_at: str) -> None:
        expected = signature(self.settings.token.get_secret_value(), signed_at, request.body)
        if not hmac.compare_digest(expected.encode(), request.header("Pigeon-Signature").encode()):
            raise RequestRejected("its signature is wrong")
        if abs(int(signed_at) - request.received_at.timestamp()) > 300:
            raise RequestRejected("it is old")


def id_in(answer: HttpAnswer) -> str | None:
    """What the loft calls the message."""
    try:
        found = answer.json()["id"]
    except (InputError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


def signature(token: str, at: str, body: bytes) -> str:
    return hmac.new(token.encode(), at.encode() + b"." + body, "sha256").hexdigest()
