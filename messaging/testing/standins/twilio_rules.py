"""What Twilio takes as a new message, as published: the Message resource, the error dictionary, the magic numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_BODY = 1600
#: The alphabet of GSM 03.38, and what takes two septets of it.
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWO = frozenset("^{}\\[~]|€\f")
_SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")

#: What the fields of a new message look like, as the API description says.
_FORMS = {
    "MessagingServiceSid": r"MG[0-9a-fA-F]{32}",
    "ApplicationSid": r"AP[0-9a-fA-F]{32}",
    "ContentSid": r"HX[0-9a-fA-F]{32}",
    "ValidityPeriod": r"[0-9]{1,5}",
    "Attempt": r"[0-9]{1,9}",
    "MaxPrice": r"[0-9]+(?:\.[0-9]+)?",
    "ScheduleType": r"fixed",
    "ContentRetention": r"retain|discard",
    "AddressRetention": r"retain|obfuscate",
    "TrafficType": r"free",
    "RiskCheck": r"enable|disable",
    **dict.fromkeys(("SmartEncoded", "ShortenUrls", "ProvideFeedback", "ForceDelivery", "SendAsMms"), r"true|false"),
}

#: Code -> (HTTP status, what is said). From https://www.twilio.com/docs/api/errors.
ERRORS: dict[int, tuple[int, str]] = {
    20001: (400, "Invalid parameter"),
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21211: (400, "The 'To' number is not a valid phone number."),
    21212: (400, "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID."),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number."),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' number is not a valid, message-capable Twilio phone number for this destination."),
    21608: (400, "The number is unverified. Trial accounts cannot send messages to unverified numbers."),
    21609: (400, "The 'StatusCallback' URL is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (429, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number is not currently reachable using the 'From' phone number via SMS."),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit."),
    21635: (400, "'To' number cannot be a landline"),
}
#: Code -> what is said of a message that was accepted and did not arrive.
LATER: dict[int, str] = {
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
    63014: "Message delivery blocked by the recipient",
}
#: Twilio's own magic numbers (Test Credentials).
_MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
_MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}


class Refused(Exception):
    """The request is refused with this code."""

    def __init__(self, code: int, message: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


class Segments(NamedTuple):
    """A text as the network counts it (GSM 03.38 and 03.40)."""

    parts: int
    encoding: str


def segments(text: str) -> Segments:
    """The parts it goes in: 160 septets or 153 each, else 70 UTF-16 units or 67 each; nothing is split in two."""
    if all(character in _GSM or character in _GSM_TWO for character in text):
        sizes, single, joined, encoding = [1 + (one in _GSM_TWO) for one in text], 160, 153, "GSM-7"
    else:
        sizes, single, joined, encoding = [1 + (ord(one) > 0xFFFF) for one in text], 70, 67, "UCS-2"
    if sum(sizes) <= single:
        return Segments(1, encoding)
    count, left = 1, joined
    for size in sizes:
        if size > left:
            count, left = count + 1, joined
        left -= size
    return Segments(count, encoding)


def later_code(number: str) -> int | None:
    """The code that a message to this number fails with once it was accepted: `+150055` and the code."""
    code = _code_in(number)
    return code if code in LATER else None


def check(fields: Mapping[str, str]) -> None:
    """See that a message can be made of these fields.

    Raises:
        Refused: it cannot.
    """
    to, sender, service = (fields.get(name, "") for name in ("To", "From", "MessagingServiceSid"))
    if not to:
        raise Refused(21604)
    if not re.fullmatch(r"\+[1-9]\d{6,14}", to):
        raise Refused(21211, f"Invalid 'To' Phone Number: {to}")
    if not sender and not service:
        raise Refused(21603)
    if sender and not _SENDER.fullmatch(sender):
        raise Refused(21212)
    body = fields.get("Body", "")
    if not body and not fields.get("MediaUrl") and not fields.get("ContentSid"):
        raise Refused(21602)
    if _units(body) > MAX_BODY:
        raise Refused(21617)
    _check_options(fields)
    code = _MAGIC_FROM.get(sender) or _MAGIC_TO.get(to) or _code_in(to)
    if code in ERRORS:
        raise Refused(code)


def _check_options(fields: Mapping[str, str]) -> None:
    callback = fields.get("StatusCallback")
    if callback is not None:
        parts = urlsplit(callback)
        # Underscores are what hosts often have and Twilio does not take.
        if parts.scheme not in ("http", "https") or not parts.hostname or "_" in parts.hostname:
            raise Refused(21609)
    for name, value in fields.items():
        if name in _FORMS and not re.fullmatch(_FORMS[name], value):
            raise Refused(20001, f"{name} is invalid: {value}")
    if not 1 <= int(fields.get("ValidityPeriod", "1")) <= 36_000:
        raise Refused(20001, "ValidityPeriod must be an integer from 1 to 36000")
    if "SendAt" in fields or "ScheduleType" in fields:
        if not fields.get("MessagingServiceSid"):
            raise Refused(20001, "ScheduleType needs a MessagingServiceSid")
        try:
            datetime.fromisoformat(fields.get("SendAt", ""))
        except ValueError:
            raise Refused(20001, "SendAt must be in ISO 8601 format") from None


def _units(text: str) -> int:
    """Characters as Twilio counts them against the limit: UTF-16 units."""
    return len(text.encode("utf-16-le", "replace")) // 2


def _code_in(number: str) -> int | None:
    """The code that is written into a number of the range of magic numbers: `+15005530003`."""
    match = re.fullmatch(r"\+150055(\d{5})", number)
    return int(match[1]) if match else None
