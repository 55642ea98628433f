"""SendGrid's event webhook: what it tells of a message, signed as it signs (Event Webhook Reference)."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from messaging.errors import InputError

#: Events in one post; SendGrid posts at 768 kB.
_BATCH = 1000
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
_GROUP = {"asm_group_id": 10, "url": "https://shop.example/", "useragent": _BROWSER, "ip": "203.0.113.10"}

#: Word -> the event's name, and what it holds beside what each does.
_EVENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "processed": ("processed", {}),
    "deferred": ("deferred", {"response": "400 try again later", "attempt": "1"}),
    "delivered": ("delivered", {"response": "250 OK", "ip": "203.0.113.9", "tls": 1}),
    "bounce": (
        "bounce",
        {"type": "bounce", "reason": "550 5.1.1 no such user", "status": "5.1.1"}
        | {"bounce_classification": "Invalid Address"},
    ),
    "blocked": (
        "bounce",
        {"type": "blocked", "reason": "550 5.7.1 blocked for now", "status": "5.7.1"}
        | {"bounce_classification": "Reputation"},
    ),
    "expired": ("bounce", {"type": "expired", "reason": "deferred for more than 72 hours", "status": "4.4.7"}),
    "late-bounce": (
        "bounce",
        {"type": "bounce", "reason": "550 5.1.1 no such user", "status": "5.1.1"}
        | {"bounce_classification": "Invalid Address"},
    ),
    "dropped": ("dropped", {"reason": "Invalid", "status": "5.0.0"}),
    "open": ("open", {"useragent": _BROWSER, "ip": "203.0.113.10", "sg_machine_open": False}),
    "machine-open": ("open", {"useragent": "Mozilla/5.0", "ip": "203.0.113.11", "sg_machine_open": True}),
    "click": (
        "click",
        {"url": "https://shop.example/", "url_offset": {"index": 0, "type": "html"}}
        | {"useragent": _BROWSER, "ip": "203.0.113.10"},
    ),
    "spamreport": ("spamreport", {}),
    "unsubscribe": ("unsubscribe", {}),
    "group_unsubscribe": ("group_unsubscribe", _GROUP),
    "group_resubscribe": ("group_resubscribe", _GROUP),
}

#: An address whose local part begins with one of these words (`bounce@…`, `bounce+7@…`) has this happen to it.
_FATES: dict[str, tuple[str, ...]] = {
    "bounce": ("processed", "bounce"),
    "blocked": ("processed", "blocked"),
    "deferred": ("processed", "deferred", "delivered"),
    "dropped": ("dropped",),
    "late-bounce": ("processed", "delivered", "late-bounce"),
    **{
        word: ("processed", "delivered", word)
        for word in ("open", "machine-open", "click", "spamreport", "unsubscribe")
    },
}

#: Event -> the list that its address is put on, and what a later message to it is dropped for.
SUPPRESSING = {
    "bounce": ("bounces", "Bounced Address"),
    "late-bounce": ("bounces", "Bounced Address"),
    "spamreport": ("spam_reports", "Spam Reporting Address"),
    "unsubscribe": ("unsubscribes", "Unsubscribed Address"),
}


def fate(address: str) -> tuple[str, ...]:
    """What happens to a message, by its address alone."""
    return _FATES.get(address.partition("@")[0].partition("+")[0].lower(), ("processed", "delivered"))


def event(word: str, message: Mapping[str, Any], /, **more: Any) -> dict[str, Any]:
    """One event of a message; `more` replaces what it would hold, and None leaves it out.

    Raises:
        InputError: there is no such event.
    """
    if word not in _EVENTS:
        raise InputError(f"SendGrid has no event {word!r}", hint=f"there are {', '.join(_EVENTS)}")
    name, details = _EVENTS[word]
    told = {
        **message["custom_args"],
        "email": message["to"],
        "timestamp": int(time.time()),
        "smtp-id": f"<{message['id']}@standin.example>",
        "event": name,
        "category": message["categories"] or None,
        "sg_event_id": base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode(),
        "sg_message_id": message["id"],
        **details,
        **more,
    }
    if word == "late-bounce":
        # It came back by mail, days later: SendGrid has forgotten which message it was.
        told |= {"sg_message_id": None, "smtp-id": None}
    return {key: value for key, value in told.items() if value is not None}


class Signer:
    """Signs posts with a key of its own, ECDSA over P-256 and SHA-256."""

    def __init__(self) -> None:
        try:
            from cryptography.hazmat.primitives import serialization
            from cryptography.hazmat.primitives.asymmetric import ec
        except ImportError:
            raise InputError(
                "SendGrid's signatures need the package cryptography", hint="install it: pip install cryptography"
            ) from None
        self._key = ec.generate_private_key(ec.SECP256R1())
        der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        #: As SendGrid shows it: base64 of the DER.
        self.public_key = base64.b64encode(self._key.public_key().public_bytes(*der)).decode()

    def headers(self, body: bytes, at: datetime | None = None) -> dict[str, str]:
        """The headers of a post with that body, signed now, or as if at another time."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        timestamp = str(int(time.time() if at is None else at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "Content-Type": "application/json",
            "User-Agent": "SendGrid Event API",
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }


def bodies(events: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Events as SendGrid posts them: arrays, the end of a line behind each."""
    told = list(events)
    return [
        json.dumps(told[at : at + _BATCH], separators=(",", ":")).encode() + b"\r\n"
        for at in range(0, len(told), _BATCH)
    ]
