"""Bodies as a shop might send them one day: cut short, with a field missing, odd, huge, or twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, product
from typing import Any

_MISSING, _DEEP = object(), "@"
#: What a field may turn out to be.
_ODD: tuple[Any, ...] = (
    _MISSING, _DEEP, None, "", "x", [], {}, [None], {"id": None}, -1, True, 10**400, "\ud800\0", "Z" * 70_000
)  # fmt: skip


def mutated(body: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    """What is changed, and the body; about `most` of them, each field in some way."""
    for part in (1, len(body) // 3, len(body) // 2, len(body) - 1):
        yield f"cut after {part} bytes", body[:part]
    yield "said twice", body + body
    yield "with a byte order mark", b"\xef\xbb\xbf" + body
    yield "in UTF-16", body.decode("utf-8", "replace").encode("utf-16")
    try:
        document = json.loads(body)
    except ValueError:
        return
    yield "in a list", json.dumps([document]).encode()
    changes = list(product(_places(document), _ODD))
    step = max(1, len(changes) // most)
    step += step % len(_ODD) == 0  # so that it is not the same change everywhere
    for place, odd in islice(changes, 0, None, step):
        yield _told(place, odd), _written(_changed(document, place, odd), odd)


def _told(place: tuple[Any, ...], odd: Any) -> str:
    name = ".".join(map(str, place))
    if odd is _MISSING:
        return f"without {name}"
    return f"with {name} nested deeply" if odd == _DEEP else f"with {name} = {str(odd)[:20]!a}"


def _written(document: Any, odd: Any) -> bytes:
    text = json.dumps(document).encode()
    return text.replace(b'"@"', b"[" * 900 + b"]" * 900) if odd == _DEEP else text


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _places(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield from _places(inner, (*place, index))


def _changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    key, *rest = place
    copy = value.copy()
    if rest:
        copy[key] = _changed(value[key], tuple(rest), new)
    elif new is _MISSING:
        del copy[key]
    else:
        copy[key] = new
    return copy
