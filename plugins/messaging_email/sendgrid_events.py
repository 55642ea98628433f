"""SendGrid's event webhook: its signature, and its events in the common words (Event Webhook Reference).

A post is an array of events. The same events may come more than once, also in other company: `sg_event_id` tells.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any

import orjson

from messaging import Engagement, EngagementKind, InputError, Request, RequestRejected
from messaging_email.statuses import is_full

_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
#: Seconds that SendGrid's clock may be ahead of ours.
_AHEAD = 300
#: A public key on P-256 as DER (RFC 5480): this, and the 64 bytes of its point.
_KEY_BEGIN = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_KEY_LENGTH = len(_KEY_BEGIN) + 64
_LONGEST_ID = 100

_KINDS = {
    "delivered": EngagementKind.DELIVERED,
    "deferred": EngagementKind.DEFERRED,
    "bounce": EngagementKind.BOUNCED,
    "dropped": EngagementKind.BOUNCED,
    "spamreport": EngagementKind.COMPLAINED,
    "unsubscribe": EngagementKind.UNSUBSCRIBED,
    "group_unsubscribe": EngagementKind.UNSUBSCRIBED,
    "group_resubscribe": EngagementKind.RESUBSCRIBED,
    "open": EngagementKind.OPENED,
    "click": EngagementKind.CLICKED,
}
#: Why SendGrid did not even try: what it knows of the address from before.
_DROPPED = {
    "spam reporting address": EngagementKind.COMPLAINED,
    "unsubscribed address": EngagementKind.UNSUBSCRIBED,
}
_DEAD = ("bounced address", "invalid")
#: What is worth knowing of an address, also where the mail was none of ours.
_MOVING = (
    EngagementKind.BOUNCED,
    EngagementKind.COMPLAINED,
    EngagementKind.UNSUBSCRIBED,
    EngagementKind.RESUBSCRIBED,
)


def key_of(text: str) -> bytes:
    """The verification key as SendGrid shows it, as DER.

    Raises:
        ValueError: it is none.
    """
    try:
        key = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_LENGTH or not key.startswith(_KEY_BEGIN):
        raise ValueError("must be the verification key that SendGrid shows: MFkw… and so on, 124 characters")
    return key


def verify(request: Request, key: bytes, *, window: float) -> datetime:
    """Check that SendGrid signed the request, at most `window` seconds ago; return when.

    Raises:
        RequestRejected: it did not, or that was too long ago.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    signature, timestamp = request.header(_SIGNATURE), request.header(_TIMESTAMP)
    if not signature or re.fullmatch(r"[0-9]{1,11}", timestamp) is None:
        raise RequestRejected("the request is not signed", hint="switch on SendGrid's Signed Event Webhook")
    wrong = RequestRejected("the signature is wrong", hint="check SENDGRID_WEBHOOK_VERIFICATION_KEY")
    try:
        public = load_der_public_key(key)
        given = base64.b64decode(signature, validate=True)
        if not isinstance(public, EllipticCurvePublicKey) or not compare_digest(
            base64.b64encode(given), signature.encode()
        ):
            raise wrong
        public.verify(given, timestamp.encode() + request.body, ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise wrong from None
    age = request.received_at.timestamp() - int(timestamp)
    if age > window or age < -_AHEAD:
        raise RequestRejected(f"the request was signed {age:.0f} seconds ago", hint="check the clock, or replay_window")
    return datetime.fromtimestamp(int(timestamp), UTC)


def engagements(request: Request, signed_at: datetime, *, secret: str) -> Iterator[Engagement]:
    """What the events of a post tell; those that have no common word are left out. `secret` is not kept with them.

    Raises:
        InputError: it is no array of events.
    """
    events = replace(request, body=request.body.replace(secret.encode(), b"(hidden)")).json()
    if not isinstance(events, list):
        raise InputError("the body is not an array of events")
    for event in events:
        told = _engagement(event, request.received_at, signed_at) if isinstance(event, dict) else None
        if told is not None:
            yield told


def _engagement(event: Mapping[str, Any], received_at: datetime, signed_at: datetime) -> Engagement | None:
    name = event.get("event")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        return None
    reason = str(event.get("reason") or "").strip().lower()
    if name == "dropped":
        kind = _DROPPED.get(reason, kind)
    # custom_args stand beside the event's own fields.
    message_id, email = event.get("message_id"), event.get("email")
    known = isinstance(message_id, str) and bool(message_id)
    if not known and (kind not in _MOVING or not isinstance(email, str) or "@" not in email):
        return None
    permanent = _is_permanent(event, reason)
    machine = name == "open" and event.get("sg_machine_open") is True
    return Engagement(
        id=_id(event),
        kind=kind,
        # A clock that is ahead must not decide over what comes later.
        at=min(_time(event.get("timestamp")) or signed_at, received_at),
        message_id=str(message_id) if known else None,
        channel=None if known else "email",
        address=None if known else str(email).strip().lower(),
        permanent=permanent,
        soft=kind is EngagementKind.BOUNCED and not permanent and is_full(event.get("status")),
        machine=machine,
        reasons=("sendgrid: machine open",) if machine else (),
        raw=event,
    )


def _is_permanent(event: Mapping[str, Any], reason: str) -> bool:
    """Whether the address can never be reached: `blocked` and `expired` say nothing about it."""
    if event["event"] == "dropped":
        return reason in _DEAD
    kind = event.get("type")
    if event["event"] == "bounce":
        return kind == "bounce" or (kind is None and str(event.get("status") or "").startswith("5"))
    return False


def _id(event: Mapping[str, Any]) -> str:
    given = event.get("sg_event_id")
    if isinstance(given, str) and 0 < len(given) <= _LONGEST_ID:
        return given
    return sha256(orjson.dumps(event, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _time(timestamp: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(str(timestamp)), UTC)
    except (ValueError, OverflowError, OSError):
        return None
