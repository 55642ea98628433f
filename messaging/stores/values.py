"""What may be kept: plain JSON, checked before anything is written.

orjson is quick but forgiving: it writes NaN as null and knows dates and UUIDs. So what it wrote is read back
and compared, which costs about a microsecond a row; only if the two differ is the value searched for what is
wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from messaging.errors import InputError
from messaging.nouns.documents import Document

_PLAIN = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS
#: How JSON writes the character U+0000, which PostgreSQL cannot keep.
_NUL = b"\\u0000"


def pack(document: Mapping[str, Any], where: str) -> tuple[bytes, Document]:
    """The JSON of `document`, and the document as a later start will read it: nobody else has a hold on it.

    Raises:
        InputError: a value is not plain JSON (NaN, a lone surrogate, U+0000, a set, bytes, a date …); names
        the
            field, after `where`.
    """
    try:
        encoded = orjson.dumps(document, option=_PLAIN)
    except TypeError as error:
        check(document, where)
        raise InputError(f"{where}: cannot be kept: {error}") from None
    copy = orjson.loads(encoded)
    if copy != document or _NUL in encoded:
        check(document, where)
    return encoded, copy


def check_text(text: str, where: str) -> None:
    """Refuse text that not every store can keep.

    Raises:
        InputError: it has U+0000 or a lone surrogate.
    """
    if "\0" in text:
        raise InputError(f"{where}: has the character U+0000", hint="remove it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: has half a surrogate pair", hint="send it as valid UTF-8") from None


def clean_text(text: str) -> str:
    """`text` with what cannot be kept replaced: for what providers say, which must be recorded."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def check(value: object, where: str) -> None:
    """Search `value` for what cannot be kept, and refuse it by the name of its field.

    Raises:
        InputError: see `pack`.
    """
    todo: list[tuple[object, str]] = [(value, where)]
    while todo:
        item, place = todo.pop()
        if isinstance(item, str):
            check_text(item, place)
        elif isinstance(item, float) and not math.isfinite(item):
            raise InputError(f"{place}: {item} is not a number JSON knows")
        elif isinstance(item, int) and not -(2**63) <= item < 2**64:
            raise InputError(f"{place}: a whole number of more than 64 bits", hint="send it as text")
        elif isinstance(item, dict):
            for key, inner in item.items():
                if not isinstance(key, str):
                    raise InputError(f"{place}: the key {key!r} is not text")
                check_text(key, f"{place}: a key")
                todo.append((inner, f"{place}.{key}"))
        elif isinstance(item, (list, tuple)):
            todo += [(inner, f"{place}[{position}]") for position, inner in enumerate(item)]
        elif not (item is None or isinstance(item, (bool, int, float))):
            raise InputError(f"{place}: {type(item).__name__} is not a JSON value")
