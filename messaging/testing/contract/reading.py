"""What is in the bytes that arrived, however they were put: texts in JSON, forms, XML, mail, base64, addresses.

Not a parser of any of them: it looks for texts.
"""

from __future__ import annotations

import base64
import binascii
import csv
import html
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from functools import lru_cache
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

_START = re.compile(rb"[A-Z]+ (\S+) HTTP/1\.1\r\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
#: What is written as in an address: no blanks, no line breaks.
_FORM = re.compile(r"[^=&\s]+=[^&\s]*(?:&[^=&\s]+=[^&\s]*)*")
#: What stands between the columns of a table.
DELIMITERS = (",", "\t", ";", "|")


def says(raw: bytes, text: str) -> bool:
    """Whether `text` is in it, in any of the usual ways."""
    return _plain(text) in _readable(raw)


@lru_cache(maxsize=4096)
def _readable(raw: bytes) -> str:
    return "\n\0\n".join(map(_plain, texts(raw)))


def texts(raw: bytes) -> list[str]:
    """Every text that can be read out of it."""
    return list(dict.fromkeys(_texts(raw)))


def _texts(raw: bytes) -> Iterator[str]:
    head, body = split(raw)
    if head is None:
        yield from _body(raw, "")
        return
    shown = head.decode("utf-8", "replace")
    yield shown
    yield unquote(shown)
    for value in fields_of(shown.partition("?")[2].partition(" ")[0]):
        yield from _inside(value, 1)
    for line in shown.split("\r\n")[1:]:
        yield from _inside(line.partition(":")[2].strip(), 0)
    yield from _body(body, media_type_of(head))


def _body(body: bytes, media_type: str) -> Iterator[str]:
    text = body.decode("utf-8", "replace")
    yield text
    if "multipart/" in media_type:
        yield from _mail(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + body)
    elif re.match(rb"[A-Za-z-]+:", body):
        yield from _mail(body)
    yield from _inside(text.strip(), 0)


def _inside(text: str, depth: int) -> Iterator[str]:
    """What a text holds once it is decoded. What was taken out of something is not decoded for its own sake: a text
    that was escaped twice stays escaped.
    """
    if depth > 3 or not text:
        return
    yield text
    if text[0] in '[{"':
        try:
            document = orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        else:
            for each in _strings(document):
                yield from _inside(each, depth + 1)
            return
    if text[0] == "<" or (not depth and ("&" in text or "<" in text)):
        yield html.unescape(text)
    if '"' in text:
        yield from _cells(text)
    if "%" in text and not depth:
        yield unquote(text)
    if _FORM.fullmatch(text):
        for value in fields_of(text):
            yield from _inside(value, depth + 1)
    if _BASE64.fullmatch(text.removeprefix("Basic ").replace("\n", "")):
        try:
            decoded = base64.b64decode(text.removeprefix("Basic ").translate(_URL_SAFE) + "==")
        except binascii.Error:
            return
        yield from _body(decoded, "")


_URL_SAFE = str.maketrans("-_", "+/")


def fields_of(form: str) -> list[str]:
    """The values in a form, as it stands in a body or an address."""
    return [value for _, value in parse_qsl(form, keep_blank_values=True)]


def _cells(text: str) -> Iterator[str]:
    """What stands in quotes in a table, whatever stands between its columns."""
    for delimiter in DELIMITERS:
        if delimiter in text:
            try:
                yield from (cell for row in csv.reader(StringIO(text, ""), delimiter=delimiter) for cell in row)
            except csv.Error:
                continue  # it is no table


def _strings(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from _strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from _strings(value)


def _mail(content: bytes) -> Iterator[str]:
    for part in mail_parts(content):
        for name, value in part.items():
            yield f"{name}: {value}"
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield payload.decode(part.get_content_charset() or "utf-8", "replace")


def mail_parts(content: bytes) -> list[EmailMessage]:
    try:
        message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        return [part for part in message.walk() if isinstance(part, EmailMessage)]
    except (MessageError, LookupError, ValueError, TypeError):
        return []


def split(raw: bytes) -> tuple[bytes | None, bytes]:
    if not _START.match(raw):
        return None, raw
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


def media_type_of(head: bytes) -> str:
    found = re.search(rb"(?im)^content-type:[ \t]*(.*?)\r?$", head)
    return found[1].decode("latin-1").strip() if found else ""


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
