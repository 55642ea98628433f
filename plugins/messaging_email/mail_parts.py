"""A mail taken apart, however broken or hostile: its own header fields, what it says, and what it returns.

Not Python's `email`: that recurses as deep as the mail is nested and raises on headers and charsets that bounces really
have. This looks at a bounded piece of the mail, once, and never raises.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

#: Octets that are looked at: a report stands before the mail that it returns.
LONGEST = 256 * 1024
#: Parts and levels that are looked at.
_MOST_PARTS = 40
_DEEPEST = 6
_LONGEST_VALUE = 2000
_FIELD = re.compile(r"([!-9;-~]+)[ \t]*:[ \t]*(.*)")
_END_OF_HEAD = re.compile(rb"^\r?\n", re.MULTILINE)
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]+)"|([^\s;"]+))""", re.IGNORECASE)
_CHARSET = re.compile(r"""charset\s*=\s*"?([\w.:-]+)""", re.IGNORECASE)
#: Charsets that mail has; Python knows others that take quadratic time (punycode).
_OF_MAIL = re.compile(r"utf-?(?:8|16|32)|(?:us-)?ascii|iso-|latin|windows-|cp\d|koi8|gb|big5|euc|shift|ks_c|tis", re.I)
_TAGS = re.compile(r"<(?:/?[a-zA-Z!][^<>@]*)>")
#: A returned mail in plain text: a field that each mail has, at the start of a line, and more of them below it.
_RETURNED = re.compile(
    r"^(?:> ?)?(?:Return-Path|Received|From|To|Subject|Date|Message-ID|X-[\w-]+|MIME-Version|DKIM-Signature)[ \t]?:.*\n"
    r"(?:[ \t]+\S.*\n)*"
    r"(?:(?:> ?)?[A-Za-z][\w-]*[ \t]?:.*\n(?:[ \t]+\S.*\n)*){2}",
    re.MULTILINE | re.IGNORECASE,
)

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a mail is made of."""

    #: The mail's own header fields, names in lower case; of several of one name, the first.
    fields: Fields
    #: What it says for people, in the order it stands there.
    text: str
    #: The text of each part that a machine is to read, by media type.
    machine: tuple[tuple[str, str], ...]
    #: The fields of the mail that it returns.
    returned: Fields


def take_apart(mail: bytes) -> Parts:
    """The parts of a mail."""
    head, body = _split(mail[:LONGEST])
    fields = _fields(head)
    said: list[str] = []
    machine: list[tuple[str, str]] = []
    returned: Fields = {}
    for number, (kind, text) in enumerate(_walk(fields, body, 0)):
        if number == _MOST_PARTS:
            break
        if kind in ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global"):
            returned = returned or _fields(text)
        elif kind.startswith("message/"):
            machine.append((kind, text))
        elif kind == "text/html":
            said.append(_TAGS.sub(" ", text))
        elif kind.startswith("text/"):
            said.append(text)
    text = "\n".join(said)
    if match := _RETURNED.search(text):
        if not returned:
            returned = _fields(text[match.start() :])
        text = text[: match.start()]
    return Parts(fields=fields, text=text, machine=tuple(machine), returned=returned)


def field_groups(text: str) -> list[dict[str, str]]:
    """Groups of fields with empty lines between them, as delivery reports have them (RFC 3464 2.1)."""
    return [group for piece in re.split(r"\n[ \t]*\n", text) if (group := _fields(piece.strip("\n")))]


def _walk(fields: Fields, body: bytes, depth: int) -> Iterator[tuple[str, str]]:
    """The leaves of a part: media type and text."""
    told = fields.get("content-type", "text/plain")
    kind = told.partition(";")[0].strip().lower()
    boundary = _BOUNDARY.search(told)
    if kind.startswith("multipart/") and boundary and depth < _DEEPEST:
        mark = b"--" + (boundary[1] or boundary[2]).encode("latin-1", "replace")
        pieces = re.split(
            rb"^" + re.escape(mark) + rb"(?:--)?[ \t]*\r?$", body, maxsplit=_MOST_PARTS, flags=re.MULTILINE
        )
        if len(pieces) == 1:
            yield "text/plain", _decode(body, {})
        for piece in pieces[1:]:
            head, content = _split(piece.removeprefix(b"\r").removeprefix(b"\n"))
            yield from _walk(_fields(head), content, depth + 1)
        return
    if kind.startswith("multipart/"):
        kind = "text/plain"
    yield kind, _decode(body, fields)


def _split(data: bytes) -> tuple[str, bytes]:
    """Header and body."""
    end = _END_OF_HEAD.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    return head.decode("utf-8", "replace").replace("\r\n", "\n"), body


def _fields(head: str) -> dict[str, str]:
    """Header fields up to the first empty line, unfolded; lines that belong to none are passed over."""
    fields: dict[str, str] = {}
    last = None
    for line in head.split("\n"):
        if not line.strip():
            if fields:
                break
            continue
        if line[0] in " \t":
            if last is not None:
                fields[last] = f"{fields[last]} {line.strip()}"[:_LONGEST_VALUE]
            continue
        match = _FIELD.match(line.lstrip(">"))
        last = match[1].lower() if match else None
        if match and last is not None:
            if last in fields:
                last = None
            else:
                fields[last] = match[2].strip()[:_LONGEST_VALUE]
    return fields


def _decode(body: bytes, fields: Fields) -> str:
    encoding = fields.get("content-transfer-encoding", "").strip().lower()
    if encoding == "quoted-printable":
        body = a2b_qp(body)
    elif encoding == "base64":
        digits = b"".join(body.split())
        try:
            body = a2b_base64(digits[: len(digits) // 4 * 4])  # it may be cut short
        except Base64Error:
            pass  # then it is shown as it stands
    charset = _CHARSET.search(fields.get("content-type", ""))
    name = charset[1] if charset and _OF_MAIL.match(charset[1]) else "utf-8"
    try:
        text = body.decode(name, "replace")
    except (LookupError, ValueError):  # none that we know
        text = body.decode("latin-1")
    return text.replace("\r\n", "\n")
