"""A source and a rule that are right, and what their authors tell the suites."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from messaging import (
    Decision,
    DeliveryError,
    EventSource,
    InputError,
    Message,
    MessageFacts,
    NotBefore,
    Request,
    RequestRejected,
    Secrets,
    SourceSettings,
    hookimpl,
)
from messaging.testing import RuleContract, SourceContract
from messaging.testing.standins.http import Answer, as_json

SECRET = "s3cret-of-the-shop"


class TeaSettings(SourceSettings):
    secrets: Secrets = Field(min_length=1)


class TeaShop(EventSource):
    name = "tea"
    Settings = TeaSettings

    def verify(self, request: Request) -> None:
        keys = [secret.get_secret_value().encode() for secret in self.settings.secrets]
        told = request.header("Tea-Signature").encode()
        fits = [hmac.compare_digest(hmac.digest(key, request.body, "sha256").hex().encode(), told) for key in keys]
        if not any(fits):
            raise RequestRejected("its signature is wrong")

    def events(self, request: Request) -> Iterable[Mapping[str, Any]]:
        order = request.json()
        try:
            yield {
                "id": f"order-{order['id']}-placed",
                "type": "order.placed",
                "time": order["at"],
                "customer": {"email": order["email"]},
                "data": {"order": {"id": str(order["id"]), "number": str(order["id"]), "total": order["total"]}},
            }
        except (LookupError, TypeError):
            raise InputError("it is no order") from None


class TeaContract(SourceContract):
    source = TeaShop

    def settings(self) -> Mapping[str, Any]:
        return {"secrets": [SECRET]}

    def bodies(self) -> Sequence[bytes]:
        order = b'{"id": %d, "at": "2026-03-02T10:00:00Z", "email": "ann@example.com", "total": "12.50"}'
        return [order % 1, order % 2]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        return {"Tea-Signature": hmac.digest(SECRET.encode(), body, "sha256").hex()}


class ThinTea(TeaShop):
    """Its shop tells an order's id, and has to be asked for the rest."""

    def events(self, request: Request) -> Iterable[Mapping[str, Any]]:
        for event in super().events(request):
            order = event["data"]["order"]["id"]
            yield {"id": event["id"], "type": event["type"], "time": event["time"], "incomplete": {"order": order}}

    def complete(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        number = event["incomplete"]["order"]
        answer = self.context.http.request("GET", f"https://tea.example/orders/{number}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise DeliveryError(f"tea.example answers {answer.status}")
        order = answer.json()
        try:
            return {
                "customer": {"email": order["email"]},
                "data": {"order": {"id": number, "number": number, "total": order["total"]}},
            }
        except (LookupError, TypeError):
            raise InputError("it is no order") from None

    def answer(self, request: Request) -> bytes | None:
        return request.query().get("challenge", "").encode("utf-8", "replace") or None


class ThinTeaContract(TeaContract):
    source = ThinTea

    def shop_api(self, method: str, request: Request) -> Answer:
        return as_json({"email": "ann@example.com", "total": "12.50"})


class Patient:
    """Lets promotions wait for an hour from when they were planned."""

    @hookimpl
    def check_messages(self, messages: Sequence[Message], facts: MessageFacts) -> Sequence[Decision]:
        hour = timedelta(hours=1)
        return [
            NotBefore(message_id=message.id, time=message.created_at + hour, reason="a promotion can wait")
            for message in messages
            if message.message_class == "marketing" and facts.now < message.created_at + hour
        ]


class PatientContract(RuleContract):
    plugin = Patient()
