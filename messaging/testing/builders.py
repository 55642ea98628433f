"""Customers, messages and signed requests to test with: what is not said is filled in, and always the same."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from messaging.ids import message_id
from messaging.nouns.adapter import RenderedMessage
from messaging.nouns.customer import Customer
from messaging.nouns.message import Lane, Message, MessageClass

if TYPE_CHECKING:
    from messaging.testing.standins.sendgrid_events import Signer

#: The business time of everything here: a Monday.
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

_FIELDS = frozenset(field.name for field in fields_of(RenderedMessage))
#: Area codes whose numbers 555-0100 to 555-0199 are kept for fiction.
_AREAS: tuple[int, ...] = (
    201,
    202,
    203,
    205,
    206,
    207,
    208,
    209,
    210,
    212,
    213,
    214,
    215,
    216,
    217,
    218,
    219,
    224,
    225,
    228,
)
_AREAS += (229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302)
#: What `address_on` makes, in whatever it stands.
ADDRESS = re.compile(r"q7x[0-9]{5}q(?:@example\.com)?|\+?1[0-9]{3}55501[0-9]{2}")


def address_on(channel: str, number: int = 1) -> str:
    """An address that reaches nobody: of example.com, a number kept for fiction, else a word."""
    if channel == "email":
        return f"q7x{number:05}q@example.com"
    if channel == "sms":
        return f"+1{_AREAS[number // 100 % len(_AREAS)]}55501{number % 100:02}"
    if channel == "webhook":
        return f"https://shop.example/q7x{number:05}q"
    return f"q7x{number:05}q"


def make_customer(number: int = 1, **fields: Any) -> Customer:
    """A customer with an address on each channel; `fields` replace what she would have."""
    values: dict[str, Any] = {
        "id": f"c{number}",
        "email": address_on("email", number),
        "phone": address_on("sms", number),
        "first_name": "Ann",
        "country": "AT",
        "timezone": "Europe/Vienna",
        "created_at": NOW,
    }
    return Customer(**{**values, **fields})


def make_message(number: int = 1, *, channel: str = "email", **fields: Any) -> RenderedMessage:
    """A message as an adapter gets it. Keywords that are no field of it are its parts: `make_message(subject="Hi")`.

    Parts that are named replace those it would have; None leaves one out.
    """
    parts = {name: fields.pop(name) for name in list(fields) if name not in _FIELDS}
    email = channel == "email"
    values: dict[str, Any] = {
        "id": message_id("kit", str(number), channel),
        "channel": channel,
        "to": address_on(channel, number),
        "message_class": MessageClass.MARKETING,
        "template": "letter",
        "from_": "Our shop <shop@example.com>",
        "headers": {"List-Unsubscribe": f"<https://shop.example/u/{number}>"} if email else {},
        "timestamp": NOW.timestamp(),
        "parts": {name: text for name, text in {**parts_of(channel, "Hello"), **parts}.items() if text is not None},
    }
    return RenderedMessage(**{**values, **fields})


def parts_of(channel: str, text: str) -> dict[str, str]:
    """The parts of a message that says `text`, as the core would have rendered it."""
    if channel == "email":
        from markupsafe import escape

        return {"subject": "Fresh tea", "text": text, "html": f"<p>{escape(text)}</p>"}
    if channel == "webhook":
        import orjson

        return {"body": orjson.dumps({"text": text}).decode()}
    return {"text" if channel == "sms" else "body": text}


def make_planned(number: int = 1, **fields: Any) -> Message:
    """A row of the outbox as checks get it: planned, of a campaign, due now."""
    channel = fields.get("channel", "email")
    values: dict[str, Any] = {
        "id": message_id("campaign:spring", f"c{number}", channel),
        "origin": "campaign:spring",
        "customer_id": f"c{number}",
        "channel": channel,
        "address": address_on(channel, number),
        "template": "promotion",
        "version": "ab" * 16,
        "message_class": MessageClass.MARKETING,
        "topic": "offers",
        "lane": Lane.CAMPAIGN,
        "campaign": "spring",
        "due_at": NOW,
        "created_at": NOW,
    }
    return Message(**{**values, **fields})


def sign_sendgrid(key: Signer, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """The headers with which SendGrid would post that body; `key` is a `SendGridKey()`. `at`: by default now."""
    return key.headers(body, at)


def sign_twilio(
    secret: str, url: str, fields: Mapping[str, str], scheme: Literal["sha1", "sha256"] = "sha1"
) -> dict[str, str]:
    """The headers with which Twilio would post that form to that address; `sha256` is the scheme with a shared key."""
    from messaging.testing.standins.twilio import sign

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if scheme == "sha256":
        headers["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_sharedkey_test,algorithm=HMAC_SHA256"
    return {**headers, "X-Twilio-Signature": sign(secret, url, fields, scheme)}


def sign_standard_webhook(
    secret: str, body: bytes, at: datetime | None = None, *, id: str = "msg_kit_1"
) -> dict[str, str]:
    """The headers of a Standard Webhooks request with that body; `secret` is `whsec_…`. `at`: by default now."""
    seconds = int((at or datetime.now(UTC)).timestamp())
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.digest(key, f"{id}.{seconds}.".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "Webhook-Id": id,
        "Webhook-Timestamp": str(seconds),
        "Webhook-Signature": f"v1,{base64.b64encode(signature).decode()}",
    }
