"""A message as the body of SendGrid's `POST /v3/mail/send`: plain dictionaries, no I/O.

What concerns one recipient stands in the personalization, so that more of them can share a request (`sendgrid_batch`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from messaging import AdapterUnusable, RenderedMessage
from messaging_email import headers
from messaging_email.addresses import Address, read_address, read_named
from messaging_email.headers import Unmailable

#: SendGrid writes these itself and refuses a request that sets them (API reference, "headers").
_THEIRS = frozenset(
    {
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    }
)
#: Type of a content -> the part of the message that it is, in the order that SendGrid asks for.
PARTS = {"text/plain": "text", "text/html": "html"}
#: Links and the pixel are ours already; counting them twice would rewrite them twice.
_NO_TRACKING = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
    "ganalytics": {"enable": False},
}


def mail_body(message: RenderedMessage, *, sandbox: bool = False) -> dict[str, Any]:
    """The request for one message; with `sandbox`, SendGrid checks it and sends nothing.

    Raises:
        Unmailable: an address is wrong, a header is not safe, or there is no subject, or neither text nor html.
        AdapterUnusable: SendGrid does not support the sender.
    """
    content = {kind: encodable(text) for kind, part in PARTS.items() if (text := message.parts.get(part))}
    if not content:
        raise Unmailable("there is neither a text nor an html part")
    return shared_body(message, [personalization(message)], subject_of(message), content, sandbox=sandbox)


def shared_body(
    message: RenderedMessage,
    personalizations: list[dict[str, Any]],
    subject: str,
    content: Mapping[str, str],
    *,
    sandbox: bool,
) -> dict[str, Any]:
    """The request for messages that have all but their personalizations in common with `message`; `content` by type."""
    parties = parties_of(message.from_, message.reply_to)
    body = {
        "personalizations": personalizations,
        "from": parties["from"],
        "subject": subject,
        "content": [{"type": kind, "value": text} for kind, text in content.items()],
        "tracking_settings": _NO_TRACKING,
        **parties,
    }
    if sandbox:
        body["mail_settings"] = {"sandbox_mode": {"enable": True}}
    return body


def subject_of(message: RenderedMessage) -> str:
    """The subject, guarded.

    Raises:
        Unmailable: there is none.
    """
    subject = headers.guard(message.parts.get("subject", ""))
    if not subject:
        raise Unmailable("SendGrid takes no mail without a subject")
    return subject


def personalization(message: RenderedMessage) -> dict[str, Any]:
    """What concerns the recipient.

    Raises:
        Unmailable: the address is wrong, or a header is not safe.
    """
    recipient = read_address(message.to, "the recipient's address")
    # Only our opaque id: SendGrid keeps custom_args for long and cannot redact them.
    found: dict[str, Any] = {
        "to": [_mailbox(recipient)],
        "custom_args": {"message_id": message.id},
    }
    for name, value in message.headers.items():
        if name.lower() in _THEIRS:
            raise Unmailable(f"header {name} cannot be set through SendGrid")
        headers.verbatim(name, value)
    if message.headers:
        found["headers"] = dict(message.headers)
    return found


@lru_cache(256)
def parties_of(from_: str, reply_to: str | None) -> Mapping[str, dict[str, str]]:
    """The sender, and who gets the answers, as a request names them.

    Raises:
        Unmailable: an address is wrong.
        AdapterUnusable: SendGrid does not support the sender.
    """
    parties = {"from": _sender(read_named(from_))}
    if reply_to:
        parties["reply_to"] = _mailbox(read_named(reply_to, "reply_to"))
    return parties


def _sender(address: Address) -> dict[str, str]:
    # "Unicode encoding is not supported for the `from` field" (API reference). Encoded words (RFC 2047) are no way
    # around it: nothing says that SendGrid leaves them whole, and readers saw question marks (sendgrid-nodejs 1457).
    if not (address.is_ascii and address.name.isascii()):
        raise AdapterUnusable(
            "sendgrid: the sender has letters beyond ASCII, which SendGrid does not support",
            hint="write [brand] from, or the template's, without them",
        )
    return _mailbox(address)


def _mailbox(address: Address) -> dict[str, str]:
    if not address.is_ascii:
        raise Unmailable("SendGrid takes no addresses beyond ASCII")
    return {"email": address.spec, "name": address.name} if address.name else {"email": address.spec}


def encodable(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON cannot carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text
