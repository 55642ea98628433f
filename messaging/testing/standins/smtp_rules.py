"""What a strict mail server takes as a message: RFC 5322, the line rules of RFC 5321, and 8BITMIME (RFC 6152)."""

from __future__ import annotations

import re
from collections import Counter
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32, default
from email.utils import getaddresses, parsedate_to_datetime

#: RFC 5322 2.1.1, without the line's end.
_LONGEST_LINE = 998
#: RFC 5322 3.6: these may stand once; Date and From must.
_ONCE = (
    *("date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id"),
    *("in-reply-to", "references", "subject", "mime-version", "content-type", "content-transfer-encoding"),
)
_HEADER = re.compile(rb"[!-9;-~]+:.*", re.DOTALL)


def problem(content: bytes, *, eight_bit: bool, utf8: bool) -> str | None:
    """The first thing that is wrong with a message's content, as it came over the wire; None if nothing is.

    `eight_bit`: it was announced with BODY=8BITMIME; `utf8`: with SMTPUTF8.
    """
    if re.search(rb"\r(?!\n)|(?<!\r)\n", content):
        return "a bare CR or LF (RFC 5321 2.3.8)"
    lines = content.split(b"\r\n")
    if any(len(line) > _LONGEST_LINE for line in lines):
        return f"a line of more than {_LONGEST_LINE} octets (RFC 5322 2.1.1)"
    if b"\0" in content:
        return "a NUL (RFC 5322 2.2)"
    head, divided, _ = content.partition(b"\r\n\r\n")
    if not divided:
        return "no empty line after the headers (RFC 5322 2.1)"
    if not content.isascii() and not eight_bit:
        return "octets beyond ASCII without BODY=8BITMIME (RFC 6152)"
    if not head.isascii() and not utf8:
        return "a header beyond ASCII without SMTPUTF8 (RFC 6531)"
    for line in re.sub(rb"\r\n(?=[ \t])", b"", head).split(b"\r\n"):
        if not _HEADER.fullmatch(line):
            return "a line among the headers that is none (RFC 5322 2.2)"
    if re.search(rb"\r\n[ \t]+(?:\r\n|$)", head):
        return "a folded line with nothing in it (RFC 5322 2.2)"
    return _headers_problem(BytesParser(policy=compat32).parsebytes(content))


def _headers_problem(message: Message) -> str | None:
    counts = Counter(name.lower() for name in message)
    for name in _ONCE:
        if counts[name] > 1:
            return f"{counts[name]} times {name} (RFC 5322 3.6)"
    for name in ("date", "from"):
        if not counts[name]:
            return f"no {name} (RFC 5322 3.6)"
    try:
        parsedate_to_datetime(str(message["date"]))
    except ValueError:
        return "a date that is none (RFC 5322 3.3)"
    for name in ("from", "to"):
        found = [address for _, address in getaddresses([str(value) for value in message.get_all(name, [])])]
        if len(found) > 1 or any("@" not in address for address in found):
            return f"a {name} that is not one address (RFC 5322 3.6)"
    if counts["message-id"] and not re.fullmatch(r"<[^<>\s@]+@[^<>\s@]+>", str(message["message-id"]).strip()):
        return "a message-id that is none (RFC 5322 3.6.4)"
    return None


def summary(content: bytes) -> dict[str, object]:
    """What a test wants to see of a message: its headers decoded, its text and html."""
    message = BytesParser(policy=default).parsebytes(content)
    parts = {}
    for kind in ("plain", "html"):
        body = message.get_body(preferencelist=(kind,))
        parts["text" if kind == "plain" else kind] = None if body is None else body.get_content()
    return {"headers": [[name, str(value)] for name, value in message.items()], **parts}
