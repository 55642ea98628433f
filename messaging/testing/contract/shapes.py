"""How something that left is built, without the values in it: where a value got out of its place, this differs.

What a thing is told by the harmless one of two; the other is then read in the same way.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from messaging.testing.contract.reading import DELIMITERS, mail_parts, media_type_of, split

_TAG = re.compile(r"<\s*[/!?]?\s*([A-Za-z][\w:.-]*)")
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")
_LINE_END = re.compile(r"\r\n|\r|\n")
#: What no text has: then it is some other format, which only its author can read.
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")

Reading = Callable[[bytes], object]


def alike(tame: bytes, other: bytes) -> bool:
    """Whether both are built the same."""
    head, body = split(tame)
    if head is None:
        return _alike(tame, other, "")
    other_head, other_body = split(other)
    if other_head is None or _head(head) != _head(other_head):
        return False
    kinds = media_type_of(head), media_type_of(other_head)
    if all("multipart/" in kind for kind in kinds):  # each has a boundary of its own
        return _multipart(kinds[0], body) == _multipart(kinds[1], other_body)
    return body == other_body or _alike(body, other_body, kinds[0])


def _alike(tame: bytes, other: bytes, media_type: str) -> bool:
    read = _reading(tame, media_type)
    return read is None or read(tame) == read(other)


def _reading(body: bytes, media_type: str) -> Reading | None:
    """How a harmless one is to be read; None if that is not known."""
    text = body.decode("utf-8", "replace").strip()
    if "form-urlencoded" in media_type:
        return _form
    if _document(body) is not None:
        return _document
    if "xml" in media_type or text.startswith("<"):
        return _tags
    if _HEADER.match(body):
        return _mail
    if _BINARY.search(text):
        return None
    for delimiter in DELIMITERS:
        table = partial(_table, delimiter)
        if any(width > 1 for width in table(body)):
            return table
    return _lines


def _head(head: bytes) -> object:
    first, *rest = head.decode("utf-8", "replace").split("\r\n")
    method, target, _ = first.split(" ", 2)
    parts = urlsplit(target)
    query = sorted(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return method, parts.path.count("/"), query, bool(parts.fragment), sorted(_name(line) for line in rest)


def _name(header: str) -> str:
    return header.partition(":")[0].lower()


def _multipart(media_type: str, body: bytes) -> object:
    content = b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + body
    return [
        (part.get_content_type(), str(part.get("Content-Disposition")), sorted(name.lower() for name in part))
        for part in mail_parts(content)
    ]


def _mail(content: bytes) -> object:
    return [(part.get_content_type(), sorted(name.lower() for name in part)) for part in mail_parts(content)]


def _form(body: bytes) -> object:
    return sorted(name for name, _ in parse_qsl(body.decode("utf-8", "replace").strip(), keep_blank_values=True))


def _document(body: bytes) -> object:
    """Of JSON, or of lines of it; None if it is neither."""
    try:
        return sorted(_paths(orjson.loads(body), ""))
    except orjson.JSONDecodeError:
        pass
    try:
        return [sorted(_paths(orjson.loads(line), "")) for line in body.splitlines()] or None
    except orjson.JSONDecodeError:
        return None


def _paths(document: Any, path: str) -> Iterator[str]:
    yield f"{path}:{type(document).__name__}"
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _paths(value, f"{path}.{key}")
    elif isinstance(document, list):
        for value in document:
            yield from _paths(value, f"{path}[]")


def _tags(body: bytes) -> object:
    return _TAG.findall(body.decode("utf-8", "replace"))


def _table(delimiter: str, body: bytes) -> list[int]:
    """How many columns each row has."""
    try:
        return [len(row) for row in csv.reader(StringIO(body.decode("utf-8", "replace"), ""), delimiter=delimiter)]
    except csv.Error:
        return []


def _lines(body: bytes) -> int:
    return len(_LINE_END.split(body.decode("utf-8", "replace").strip()))
