"""What is in the bytes that arrived, however they were put: texts in JSON, forms, XML, mail, base64, addresses.

Not a parser of any of them: it looks for texts, and compares how two requests are built.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

import orjson

_START = re.compile(rb"[A-Z]+ (\S+) HTTP/1\.1\r\n")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_TAG = re.compile(r"<\s*[/!?]?\s*([A-Za-z][\w:.-]*)")


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
    head, body = _split(raw)
    if head is None:
        yield from _body(raw, "")
        return
    shown = head.decode("utf-8", "replace")
    yield shown
    yield unquote(shown)
    for line in shown.split("\r\n")[1:]:
        yield from _inside(line.partition(":")[2].strip(), 1)
    yield from _body(body, _media_type(head))


def _body(body: bytes, media_type: str) -> Iterator[str]:
    text = body.decode("utf-8", "replace")
    yield text
    if "multipart/" in media_type:
        yield from _mail(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + body)
    elif re.match(rb"[A-Za-z-]+:", body):
        yield from _mail(body)
    yield from _inside(text.strip(), 0)


def _inside(text: str, depth: int) -> Iterator[str]:
    """What a text holds once it is decoded."""
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
    if "&" in text or "<" in text:
        yield html.unescape(text)
    if "%" in text or "=" in text or "+" in text:
        yield unquote(text)
        yield unquote_plus(text)
        if "=" in text and "\n" not in text:
            for _, value in parse_qsl(text, keep_blank_values=True):
                yield from _inside(value, depth + 1)
    if _BASE64.fullmatch(text.removeprefix("Basic ").replace("\n", "")):
        try:
            decoded = base64.b64decode(text.removeprefix("Basic ").translate(_URL_SAFE) + "==")
        except binascii.Error:
            return
        yield from _body(decoded, "")


_URL_SAFE = str.maketrans("-_", "+/")


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
    for part in _parts(content):
        for name, value in part.items():
            yield f"{name}: {value}"
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield payload.decode(part.get_content_charset() or "utf-8", "replace")


def _parts(content: bytes) -> list[EmailMessage]:
    try:
        message = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
        return [part for part in message.walk() if isinstance(part, EmailMessage)]
    except (MessageError, LookupError, ValueError, TypeError):
        return []


def shape(raw: bytes) -> object:
    """How it is built, without its values: where a value got out of its place, this differs."""
    head, body = _split(raw)
    if head is None:
        if re.match(rb"[A-Za-z-]+:", body):
            return [(part.get_content_type(), sorted(name.lower() for name in part)) for part in _parts(body)]
        return _built(body, "")
    first, *rest = head.decode("utf-8", "replace").split("\r\n")
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    query = sorted(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    names = sorted(line.partition(":")[0].lower() for line in rest)
    return method, parts.path.count("/"), query, bool(parts.fragment), names, _built(body, _media_type(head))


def _built(body: bytes, media_type: str) -> object:
    text = body.decode("utf-8", "replace").strip()
    if "multipart/" in media_type:
        content = b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + body
        return [re.sub(r"boundary=.*", "", str(part.get("Content-Disposition"))) for part in _parts(content)]
    if "form-urlencoded" in media_type:
        return sorted(name for name, _ in parse_qsl(text, keep_blank_values=True))
    try:
        return sorted(_paths(orjson.loads(text), ""))
    except orjson.JSONDecodeError:
        return _TAG.findall(text) if "xml" in media_type or text.startswith("<") else None


def _paths(document: Any, path: str) -> Iterator[str]:
    yield f"{path}:{type(document).__name__}"
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _paths(value, f"{path}.{key}")
    elif isinstance(document, list):
        for value in document:
            yield from _paths(value, f"{path}[]")


def _split(raw: bytes) -> tuple[bytes | None, bytes]:
    if not _START.match(raw):
        return None, raw
    head, _, body = raw.partition(b"\r\n\r\n")
    return head, body


def _media_type(head: bytes) -> str:
    found = re.search(rb"(?im)^content-type:[ \t]*(.*?)\r?$", head)
    return found[1].decode("latin-1").strip() if found else ""


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
