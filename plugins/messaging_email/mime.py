"""A message as the bytes of a mail (RFC 5322, RFC 2045), written from a skeleton: no tree of objects.

Pure: the same message gives the same bytes. Line ends are CRLF everywhere; nothing a customer said reaches
the headers unguarded, and the headers are read back before they leave.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import count

from messaging import RenderedMessage
from messaging_email import headers
from messaging_email.addresses import Address, read_address, read_named
from messaging_email.headers import Unmailable

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAIL_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
#: RFC 5321 4.5.3.1.6: octets in a line, without its end.
_LONGEST_LINE = 998
#: Of a message's id in a boundary, which has at most 70 characters (RFC 2046 5.1.1) and stands on a line of 78.
_LONGEST_STEM = 56
#: Fields that are ours to write; a message that brings one along is refused.
_OURS = frozenset(
    {
        *("date", "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "message-id", "mime-version"),
        *("return-path", "received", "content-type", "content-transfer-encoding", "content-disposition"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail ready to be handed over."""

    #: Of the envelope (RFC 5321): bare addresses.
    sender: str
    recipient: str
    #: CRLF only, ending with one. Not dot-stuffed.
    content: bytes
    #: Its Message-ID, without brackets.
    message_id: str
    #: An address or header is in UTF-8: goes to servers with SMTPUTF8 only (RFC 6531).
    needs_utf8: bool


def write_letter(message: RenderedMessage, *, eight_bit: bool = True) -> Letter:
    """Write `message` as a mail; without `eight_bit`, every octet of the content is below 128.

    Raises:
        Unmailable: an address is wrong, a header is not safe, or there is neither text nor html.
    """
    if _ID.fullmatch(message.id) is None:
        raise Unmailable("the message's id is not made of letters, digits, _ and -")
    sender = read_named(message.from_)
    recipient = read_address(message.to, "the recipient's address")
    reply_to = read_named(message.reply_to, "reply_to") if message.reply_to else None
    mail_id = message.mail_id or message.id
    if len(mail_id) > 64 or _MAIL_ID.fullmatch(mail_id) is None:
        raise Unmailable("the message's mail_id cannot stand in a Message-ID")
    message_id = f"{mail_id}@{sender.domain}"
    head = b"".join(
        (
            _date(int(message.timestamp)),
            _sender(sender),
            f"To: {recipient.spec}\r\n".encode(),
            headers.mailbox("Reply-To", reply_to.name, reply_to.spec) if reply_to else b"",
            headers.unstructured("Subject", message.parts.get("subject", "")),
            f"Message-ID: <{message_id}>\r\n".encode("ascii"),
            b"MIME-Version: 1.0\r\n",
            *(_extra(name, value) for name, value in message.headers.items()),
        )
    )
    expected = ["Date", "From", "To", "Reply-To", "Subject", "Message-ID", "MIME-Version", *message.headers]
    if not reply_to:
        expected.remove("Reply-To")
    if headers.names(head) != expected:
        raise Unmailable("the headers are not safe to send")
    mailboxes = (sender, recipient, reply_to) if reply_to else (sender, recipient)
    return Letter(
        sender=sender.spec,
        recipient=recipient.spec,
        content=head + _body(message, eight_bit),
        message_id=message_id,
        needs_utf8=not all(mailbox.is_ascii for mailbox in mailboxes),
    )


def _body(message: RenderedMessage, eight_bit: bool) -> bytes:
    """The Content-* fields, the empty line and the content."""
    parts = [
        _part(kind, text, eight_bit)
        for kind, text in ((b"plain", message.parts.get("text")), (b"html", message.parts.get("html")))
        if text
    ]
    if not parts:
        raise Unmailable("there is neither a text nor an html part")
    if len(parts) == 1:
        body = parts[0]
        return body if body.endswith(b"\r\n") else body + b"\r\n"
    plain, html = parts  # in this order: the last is the one to prefer (RFC 2046 5.1.4)
    stem = boundary = b"=_" + message.id[:_LONGEST_STEM].encode("ascii")
    for number in count(1):
        if b"--" + boundary not in plain and b"--" + boundary not in html:
            break
        boundary = b"%b_%d" % (stem, number)
    return b"".join(
        (
            b'Content-Type: multipart/alternative;\r\n boundary="%b"\r\n\r\n' % boundary,
            b"--%b\r\n" % boundary,
            plain,
            b"\r\n--%b\r\n" % boundary,
            html,
            b"\r\n--%b--\r\n" % boundary,
        )
    )


def _part(kind: bytes, text: str, eight_bit: bool) -> bytes:
    """One part with its Content-* fields."""
    data = text.encode("utf-8", "replace")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = data.replace(b"\n", b"\r\n")
    if b"\0" in data or _has_long_line(data) or not (eight_bit or data.isascii()):
        # Not base64: filters hold plain text in base64 against a mail, and it would be no faster to read.
        encoding, data = b"quoted-printable", _quoted_printable(data)
    else:
        encoding = b"7bit" if data.isascii() else b"8bit"
    return b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n" % (kind, encoding) + data


def _has_long_line(data: bytes) -> bool:
    """Whether a line is longer than mail may carry; looks only where a line has to have ended."""
    start, reach = 0, _LONGEST_LINE + len(b"\r\n")
    while len(data) - start > _LONGEST_LINE:
        end = data.rfind(b"\n", start, start + reach)
        if end < 0:
            return True
        start = end + 1
    return False


def _quoted_printable(data: bytes) -> bytes:
    # b2a_qp ends its soft line breaks the way the first line it sees ends.
    return b2a_qp(data + b"\r\n", istext=True).removesuffix(b"\r\n")


@lru_cache(maxsize=64)
def _date(seconds: int) -> bytes:
    return f"Date: {format_datetime(datetime.fromtimestamp(seconds, UTC))}\r\n".encode("ascii")


@lru_cache(maxsize=256)
def _sender(sender: Address) -> bytes:
    return headers.mailbox("From", sender.name, sender.spec)


def _extra(name: str, value: str) -> bytes:
    if name.lower() in _OURS:
        raise Unmailable(f"header {name} cannot be set by a message")
    return headers.verbatim(name, value)
