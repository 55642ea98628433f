"""What Twilio posts to `/callbacks/twilio`: what became of a message, and what phones write.

Signed is the address as Twilio was given it, followed by each field of the form, sorted by name; of a JSON body the
address holds the SHA-256. https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from messaging import Callback, Engagement, EngagementKind, InputError, Request, RequestRejected
from messaging_sms.codes import DEAD, OPTED_OUT, SOFT
from messaging_sms.keywords import Word, word_of

_ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_KINDS = {Word.STOP: EngagementKind.UNSUBSCRIBED, Word.START: EngagementKind.RESUBSCRIBED}
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_ID = re.compile(r"[0-9a-f]{32}")
_XML = '<?xml version="1.0" encoding="UTF-8"?>'

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Signed:
    """How Twilio signs: its secret, and by which algorithm. That a request names another counts for nothing."""

    secret: str
    algorithm: Literal["sha1", "sha256"]

    def check(self, request: Request) -> None:
        """
        Raises:
            RequestRejected: the request is not Twilio's.
        """
        told = request.header("X-Twilio-Signature")
        if not told:
            raise RequestRejected("the request is not genuine: it has no signature")
        named = _named(request.header("X-Twilio-Webhooks-Signature-Settings"))
        if named != self.algorithm:
            raise RequestRejected(
                "the request is not genuine: it is signed by another scheme",
                hint=f"[adapters.twilio] signature is {self.algorithm!r}",
            )
        digest = request.query().get("bodySHA256")
        tail = "" if digest is not None else _signed_fields(request)
        genuine = [self._fits(url + tail, told) for url in _addresses(request.url)]
        whole = digest is None or _same(digest.lower(), sha256(request.body).hexdigest())
        if not (any(genuine) and whole):
            raise RequestRejected("the request is not genuine: its signature is wrong")

    def _fits(self, text: str, told: str) -> bool:
        expected = hmac.digest(self.secret.encode(), text.encode("utf-8", "surrogatepass"), self.algorithm)
        return _same(b64encode(expected).decode("ascii"), told)


def callback_of(request: Request, signed: Signed, *, channel: str, help: str | None) -> Callback:
    """The engagement that a request tells, and what Twilio reads back.

    Raises:
        RequestRejected: it is not Twilio's.
        InputError: it is not what Twilio sends.
    """
    signed.check(request)
    fields = _fields(request)
    sid = fields.get("MessageSid") or fields.get("SmsSid")
    if not sid:
        raise InputError("MessageSid: is missing")
    # An answer has a text; a status has none.
    if "Body" in fields and "MessageStatus" not in fields:
        return _answered(sid, fields, request, channel=channel, help=help)
    return Callback(engagements=_became(sid, fields, request, channel=channel), answer=_twiml(), media_type="text/xml")


def _signed_fields(request: Request) -> str:
    """The form as it is signed: of a field that is there more than once each value counts once, in order."""
    try:
        pairs = request.form() if request.body else []
    except InputError as error:
        raise RequestRejected(f"the request is not genuine: {error.message}") from None
    return "".join(name + value for name, value in sorted(set(pairs)))


def _became(sid: str, fields: Fields, request: Request, *, channel: str) -> list[Engagement]:
    """What became of a message. What was told before stays: a status that comes late takes nothing back."""
    status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
    code = _code(fields)
    address = _number(fields.get("To"))
    message = request.query().get("message_id", "")
    known = message if _ID.fullmatch(message) else None

    def told(kind: EngagementKind, *, permanent: bool = False, message_id: str | None = None) -> Engagement:
        return Engagement(
            id=f"{sid}:{status}" if kind is not EngagementKind.UNSUBSCRIBED else f"{sid}:{status}:{code}",
            kind=kind,
            at=request.received_at,
            message_id=message_id,
            channel=None if message_id else channel,
            address=None if message_id else address,
            permanent=permanent,
            soft=kind is EngagementKind.BOUNCED and code in SOFT,
            raw=dict(fields),
        )

    if status == "delivered":
        return [told(EngagementKind.DELIVERED, message_id=known)]
    if status not in ("undelivered", "failed"):
        return []
    found = [told(EngagementKind.BOUNCED, permanent=code in DEAD, message_id=known)]
    if code in OPTED_OUT and address is not None:
        # It is about the number, whatever this message was about.
        found.append(told(EngagementKind.UNSUBSCRIBED, permanent=True))
    return found


def _answered(sid: str, fields: Fields, request: Request, *, channel: str, help: str | None) -> Callback:
    """What a phone wrote."""
    # Twilio's word goes first, also where a shop chose words of its own; then it has answered the phone itself.
    theirs = fields.get("OptOutType", "")
    word = Word(theirs) if theirs in Word.__members__ else word_of(fields["Body"])
    number = _number(fields.get("From"))
    engagements = []
    if number is not None:
        kind = _KINDS.get(word, EngagementKind.REPLIED) if word else EngagementKind.REPLIED
        engagements.append(
            Engagement(
                id=f"{sid}:received",
                kind=kind,
                at=request.received_at,
                channel=channel,
                address=number,
                # The whole number wants nothing, order messages neither; Twilio lets none through.
                permanent=kind is EngagementKind.UNSUBSCRIBED,
                raw=dict(fields),
            )
        )
    answer = help if word is Word.HELP and not theirs else None
    return Callback(engagements=engagements, answer=_twiml(answer), media_type="text/xml")


def _twiml(text: str | None = None) -> str:
    """What Twilio does next: nothing, or it answers the phone."""
    if not text:
        return f"{_XML}<Response/>"
    return f"{_XML}<Response><Message>{escape(text, quote=False)}</Message></Response>"


def _fields(request: Request) -> dict[str, str]:
    if "json" not in request.header("Content-Type"):
        return dict(request.form())
    document = request.json()
    if not isinstance(document, dict):
        raise InputError("the body is no object")
    return {name: value if isinstance(value, str) else str(value) for name, value in document.items()}


def _code(fields: Fields) -> int | None:
    code = fields.get("ErrorCode", "")
    return int(code) if re.fullmatch(r"[0-9]{1,6}", code) else None


def _number(text: str | None) -> str | None:
    """A number that can be written to; a short code, or a name, is nobody's."""
    return text if text is not None and _NUMBER.fullmatch(text) else None


def _named(header: str) -> str:
    """The algorithm that a request says it is signed by; without the header, the older one."""
    for part in header.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return _ALGORITHMS.get(value.strip().upper(), "")
    return "sha1"


def _addresses(url: str) -> list[str]:
    """The address with and without its port: Twilio is not of one mind which of them it signs."""
    parts = urlsplit(url)
    host = parts.netloc
    bare = re.sub(r":\d+$", "", host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return [url, _at(parts, url, bare), _at(parts, url, f"{bare}:{port}")]


def _at(parts: SplitResult, url: str, host: str) -> str:
    # Only the host is exchanged: read and written anew, the rest might not be the same to the letter.
    return url.replace(f"//{parts.netloc}", f"//{host}", 1)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
