"""Bodies as a shop might send them one day: cut short, with a field missing, odd, huge, or twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

#: What a field may turn out to be.
_ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    [],
    {},
    [None],
    {"id": None},
    -1,
    True,
    10**30,
    "9" * 400,
    "\ud800\0",
    "Z" * 70_000,
)
_MISSING = object()
#: Fields of a body that are changed, at most.
_FIELDS = 60


def mutated(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What is changed, and the body."""
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
    places = list(_places(document))
    for place in places[:: max(1, len(places) // _FIELDS)]:
        name = ".".join(map(str, place))
        yield f"without {name}", _written(_changed(document, place, _MISSING))
        for odd in _ODD:
            yield f"with {name} = {str(odd)[:20]!a}", _written(_changed(document, place, odd))
        yield (
            f"with {name} nested deeply",
            _written(_changed(document, place, "@")).replace(b'"@"', b"[" * 900 + b"]" * 900),
        )


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    inside: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value[:2]))
    for key, inner in inside:
        yield from _places(inner, (*place, key))


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


def _written(document: Any) -> bytes:
    return json.dumps(document).encode()
