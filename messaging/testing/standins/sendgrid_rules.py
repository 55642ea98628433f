"""What SendGrid takes as a body of `POST /v3/mail/send`, as published: the API description, and the limits that only
the pages "Errors" and "Limitations" of the API reference name. Where two of them differ, the stricter one holds here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

#: "Limitations": the whole mail, its attachments in it.
MAX_BYTES = 30_000_000
MAX_RECIPIENTS = 1000
MAX_SUBSTITUTION_BYTES = 10_000
MAX_SUBSTITUTIONS = 150
MAX_CUSTOM_ARGS_BYTES = 10_000
MAX_AHEAD = 72 * 3600
#: SendGrid writes these itself.
RESERVED_HEADERS = frozenset(
    {
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    }
)

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_LABEL}")

#: What JSON calls them.
_NAMES: dict[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
    type(None): "null",
}
_MAILBOX = {"email": str, "name": str}
_SWITCH = {"enable": bool}
_PERSONALIZATION = {
    "from": _MAILBOX,
    "to": [_MAILBOX],
    "cc": [_MAILBOX],
    "bcc": [_MAILBOX],
    "subject": str,
    "headers": dict,
    "substitutions": dict,
    "dynamic_template_data": dict,
    "custom_args": dict,
    "send_at": int,
}
#: What a body may hold. A type, a list of what its items are, or an object's properties: others are refused.
_MAIL = {
    "personalizations": [_PERSONALIZATION],
    "from": _MAILBOX,
    "reply_to": _MAILBOX,
    "reply_to_list": [_MAILBOX],
    "subject": str,
    "content": [{"type": str, "value": str}],
    "attachments": [{"content": str, "type": str, "filename": str, "disposition": str, "content_id": str}],
    "template_id": str,
    "sections": dict,
    "headers": dict,
    "categories": [str],
    "custom_args": dict,
    "send_at": int,
    "batch_id": str,
    "asm": {"group_id": int, "groups_to_display": [int]},
    "ip_pool_name": str,
    "mail_settings": {
        "bypass_list_management": _SWITCH,
        "bypass_spam_management": _SWITCH,
        "bypass_bounce_management": _SWITCH,
        "bypass_unsubscribe_management": _SWITCH,
        "footer": {**_SWITCH, "text": str, "html": str},
        "sandbox_mode": _SWITCH,
    },
    "tracking_settings": {
        "click_tracking": {**_SWITCH, "enable_text": bool},
        "open_tracking": {**_SWITCH, "substitution_tag": str},
        "subscription_tracking": {**_SWITCH, "text": str, "html": str, "substitution_tag": str},
        "ganalytics": {
            **_SWITCH,
            **dict.fromkeys(("utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign"), str),
        },
    },
}


class Problem(NamedTuple):
    """One thing that is wrong, and where: `personalizations.3.to.0.email`."""

    message: str
    field: str | None

    def to_document(self) -> dict[str, str | None]:
        """As SendGrid writes it."""
        place = re.sub(r"\.\d+", "", self.field) if self.field else None
        return {"message": self.message, "field": self.field, "help": place and _HELP + place}


def problems(mail: Any, *, now: float) -> list[Problem]:
    """All that is wrong with a body; `now` in Unix seconds. What has the wrong shape is not looked into further."""
    misshapen = list(_shape(mail, _MAIL, ""))
    if misshapen:
        return misshapen
    return [
        *_personalizations(mail, now),
        *_sender(mail),
        *_subject(mail),
        *_content(mail),
        *_attachments(mail.get("attachments", [])),
        *_headers(mail.get("headers", {}), "headers"),
        *_categories(mail.get("categories", [])),
        *_send_at(mail, "send_at", now),
        *_groups(mail),
    ]


def _shape(value: Any, shape: Any, field: str) -> Iterator[Problem]:
    kind: type = shape if isinstance(shape, type) else type(shape)
    given: type = type(value)
    # JSON has no subclasses: true is no integer.
    if given is not kind:
        yield Problem(f"Invalid type. Expected: {_NAMES[kind]}, given: {_NAMES[given]}.", field or None)
    elif isinstance(shape, list):
        for number, item in enumerate(value):
            yield from _shape(item, shape[0], f"{field}.{number}")
    elif isinstance(shape, dict):
        for name, inner in value.items():
            place = f"{field}.{name}" if field else name
            if name in shape:
                yield from _shape(inner, shape[name], place)
            else:
                yield Problem(f"Additional property {name} is not allowed.", place)


def _personalizations(mail: Mapping[str, Any], now: float) -> Iterator[Problem]:
    found = mail.get("personalizations", [])
    if not found:
        yield Problem("You must have at least one personalization.", "personalizations")
    if len(found) > MAX_RECIPIENTS:
        yield Problem(
            f"The personalization block is limited to 1000 personalizations per API request. You have provided "
            f"{len(found)} personalizations. Please consider splitting this into multiple requests and resending "
            f"your request.",
            "personalizations",
        )
    if sum(len(one.get(kind, ())) for one in found for kind in ("to", "cc", "bcc")) > MAX_RECIPIENTS:
        yield Problem("There is a limit of 1000 total recipients (to + cc + bcc) per request.", "personalizations")
    dynamic = mail.get("template_id", "").startswith("d-")
    seen: set[str] = set()
    for number, one in enumerate(found):
        field = f"personalizations.{number}"
        if not one.get("to"):
            yield Problem(
                "The to array is required for all personalization objects, and must have at least one email object "
                "with a valid email address.",
                f"{field}.to",
            )
        yield from _recipients(one, field, seen)
        if "from" in one:
            yield from _from(one["from"], f"{field}.from")
        if one.get("subject") == "":
            yield Problem(_NO_SUBJECT, f"{field}.subject")
        yield from _headers(one.get("headers", {}), f"{field}.headers")
        yield from _substitutions(one.get("substitutions", {}), f"{field}.substitutions", dynamic=dynamic)
        yield from _custom_args(one, mail, field)
        yield from _send_at(one, f"{field}.send_at", now)
    if "custom_args" in mail:
        yield from _arguments(mail["custom_args"], "custom_args")
    if not all(isinstance(text, str) for text in mail.get("sections", {}).values()):
        yield Problem("The section values must be strings.", "sections")


def _recipients(one: Mapping[str, Any], field: str, seen: set[str]) -> Iterator[Problem]:
    here: set[str] = set()
    for kind in ("to", "cc", "bcc"):
        for index, mailbox in enumerate(one.get(kind, ())):
            place = f"{field}.{kind}.{index}"
            yield from _address(mailbox, place, "Does not contain a valid address.")
            if re.search(r"[;,]", mailbox.get("name", "")):
                yield Problem(
                    "The to.name, cc.name, and bcc.name personalizations cannot include either the ; or , characters.",
                    f"{place}.name",
                )
            address = mailbox.get("email", "").lower()
            if address in here:
                yield Problem(
                    f"Each email address in the personalization block should be unique between to, cc, and bcc. We "
                    f"found the first duplicate instance of [{mailbox['email']}] in the {field}.{kind} field.",
                    field,
                )
            elif address in seen:
                yield Problem(
                    f"Each unique email address in the personalizations array should only be included once. You have "
                    f"included [{mailbox['email']}] more than once.",
                    "personalizations",
                )
            here.add(address)
    seen |= here - {""}


def _address(mailbox: Mapping[str, Any], field: str, message: str) -> Iterator[Problem]:
    if not _ADDRESS.fullmatch(mailbox.get("email", "")):
        yield Problem(message, f"{field}.email")
    if re.search(r"[\r\n]", mailbox.get("name", "")):
        yield Problem("The name cannot contain CRLF characters.", f"{field}.name")


def _from(mailbox: Mapping[str, Any], field: str) -> Iterator[Problem]:
    yield from _address(mailbox, field, "The from email does not contain a valid address.")
    if not mailbox.get("name", "").isascii():
        yield Problem("Unicode encoding is not supported for the from field.", f"{field}.name")


def _sender(mail: Mapping[str, Any]) -> Iterator[Problem]:
    if "from" not in mail:
        yield Problem(
            "The from object must be provided for every email send. It is an object that requires the email "
            'parameter, but may also contain a name parameter. e.g. {"email" : "example@example.com"} or '
            '{"email" : "example@example.com", "name" : "Example Recipient"}.',
            "from.email",
        )
    else:
        yield from _from(mail["from"], "from")
    if "reply_to" in mail and "reply_to_list" in mail:
        yield Problem("Only one of reply_to and reply_to_list can be used.", "reply_to_list")
    answers = mail.get("reply_to_list", [])
    if len(answers) > MAX_RECIPIENTS or any(one in answers[:number] for number, one in enumerate(answers)):
        yield Problem("The reply_to_list must be unique, and has at most 1000 recipients.", "reply_to_list")
    for number, mailbox in enumerate(answers):
        yield from _address(mailbox, f"reply_to_list.{number}", "Does not contain a valid address.")
    if "reply_to" in mail:
        yield from _address(mail["reply_to"], "reply_to", "The reply_to email does not contain a valid address.")


_NO_SUBJECT = "The subject of your email must be a string at least one character in length."


def _subject(mail: Mapping[str, Any]) -> Iterator[Problem]:
    if mail.get("subject") == "":
        yield Problem(_NO_SUBJECT, "subject")
    everywhere = all("subject" in one for one in mail.get("personalizations", ()))
    if "subject" not in mail and "template_id" not in mail and not everywhere:
        yield Problem(
            "The subject is required. You can get around this requirement if you use a template with a subject "
            "defined or if every personalization has a subject defined.",
            "subject",
        )


def _content(mail: Mapping[str, Any]) -> Iterator[Problem]:
    found = mail.get("content")
    if found is None:
        if "template_id" not in mail:
            yield Problem("Unless a valid template_id is provided, the content parameter is required.", "content")
        return
    if not found:
        yield Problem("There must be at least one defined content block.", "content")
    for number, one in enumerate(found):
        if not one.get("type"):
            yield Problem("Your content type must be a string with length of at least one character.", _n(number))
        elif re.search(r"[;,\r\n]", one["type"]):
            yield Problem("The content type cannot contain ';', or CRLF characters.", _n(number))
        if not one.get("value"):
            yield Problem(
                "The content value must be a string at least one character in length.", f"content.{number}.value"
            )
    kinds = [one.get("type", "") for one in found]
    if kinds != sorted(kinds, key=lambda kind: {"text/plain": 0, "text/html": 1}.get(kind, 2)):
        yield Problem(
            "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: "
            "text/plain needs to be first, followed by text/html, followed by any other content.",
            "content",
        )


def _n(number: int) -> str:
    return f"content.{number}.type"


def _attachments(found: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    for number, one in enumerate(found):
        field = f"attachments.{number}"
        if not one.get("content"):
            yield Problem(
                "The attachment content must be a string at least one character in length.", f"{field}.content"
            )
        else:
            try:
                base64.b64decode(one["content"], validate=True)
            except (binascii.Error, ValueError):
                yield Problem("The attachment content must be base64 encoded.", f"{field}.content")
        if "filename" not in one:
            yield Problem("filename is required.", f"{field}.filename")
        if one.get("type") == "":
            yield Problem("The attachment type must be a string and at least one character in length.", f"{field}.type")
        if one.get("disposition", "inline") not in ("inline", "attachment"):
            yield Problem(
                f'The disposition of your attachment can be either "inline" or "attachment". You provided '
                f"{one['disposition']}.",
                f"{field}.disposition",
            )
        for name in ("filename", "type", "content_id"):
            if re.search(r"[\r\n]", one.get(name, "")):
                yield Problem(f"The {name} of your attachment cannot contain CRLF characters.", f"{field}.{name}")


def _headers(found: Mapping[str, Any], field: str) -> Iterator[Problem]:
    if not all(isinstance(text, str) for text in found.values()):
        yield Problem("The header values must be strings.", field)
    elif any(re.search(r"[\r\n]", text) for text in found.values()):
        yield Problem("The header values cannot contain CRLF characters.", field)
    if len({name.lower() for name in found}) < len(found):
        yield Problem("The headers cannot contain duplicate keys.", field)
    for name in found:
        if not re.fullmatch(r"[\x21-\x39\x3b-\x7e]+", name):
            yield Problem("Header keys cannot contain non-ASCII characters and empty spaces.", field)
        elif name.lower() in RESERVED_HEADERS:
            yield Problem(f"Header cannot be one of the reserved keys. You provided {name}.", f"{field}.{name}")


def _substitutions(found: Mapping[str, Any], field: str, *, dynamic: bool) -> Iterator[Problem]:
    if found and dynamic:
        yield Problem("Substitutions may not be used with dynamic templating", field)
    if not all(isinstance(text, str) for text in found.values()):
        yield Problem(
            "The substitution values must be an object of key/value pairs, where the values are all strings.", field
        )
    elif len(found) > MAX_SUBSTITUTIONS:
        yield Problem("Substitutions are limited to 150 items per personalization block.", field)
    elif found and _size(found) > MAX_SUBSTITUTION_BYTES:
        yield Problem("Substitutions are limited to 10000 bytes per personalization block.", field)


def _custom_args(one: Mapping[str, Any], mail: Mapping[str, Any], field: str) -> Iterator[Problem]:
    if "custom_args" in one:
        yield from _arguments(one["custom_args"], f"{field}.custom_args")
    merged = {**mail.get("custom_args", {}), **one.get("custom_args", {})}
    if _size(merged) >= MAX_CUSTOM_ARGS_BYTES:
        yield Problem(
            "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes per "
            "personalization.",
            f"{field}.custom_args",
        )


def _arguments(found: Mapping[str, Any], field: str) -> Iterator[Problem]:
    if not found:
        yield Problem("custom_args cannot be empty.", field)
    if not all(isinstance(text, str) for text in found.values()):
        yield Problem("All values of custom arguments object must be strings.", field)


def _categories(found: Sequence[str]) -> Iterator[Problem]:
    if len(found) > 10:
        yield Problem(
            f"There is a limit of 10 categories for each email that is sent. You provided {len(found)} categories.",
            "categories",
        )
    for number, one in enumerate(found):
        field = f"categories.{number}"
        if len(one) > 255:
            yield Problem("Each category must not be longer than 255 characters.", field)
        if not one.isascii():
            yield Problem("Categories can not contain non-ASCII characters.", field)
        if one in found[:number]:
            yield Problem(
                f"The categories must be a unique list, and you have included {one} more than once.", "categories"
            )


def _send_at(where: Mapping[str, Any], field: str, now: float) -> Iterator[Problem]:
    if where.get("send_at", 0) > now + MAX_AHEAD:
        yield Problem("Scheduling more than 72 hours in advance is forbidden.", field)


def _groups(mail: Mapping[str, Any]) -> Iterator[Problem]:
    if "asm" in mail:
        if "group_id" not in mail["asm"]:
            yield Problem("The ASM group ID must be an integer.", "asm.group_id")
        if len(mail["asm"].get("groups_to_display", ())) > 25:
            yield Problem(
                "There is a limit of 25 unsubscribe groups that can be displayed to a user at a time.",
                "asm.groups_to_display",
            )
    if not 2 <= len(mail.get("ip_pool_name", "ok")) <= 64:
        yield Problem("The name of your IP pool must have 2 to 64 characters.", "ip_pool_name")


def _size(value: Mapping[str, Any]) -> int:
    """Bytes of it as UTF-8 JSON: more than its texts have, so whoever stays below is surely within the limit."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
