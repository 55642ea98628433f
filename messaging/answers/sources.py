"""What an event source must answer. Whether an envelope is one is seen where events come in (`rules.envelope`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging.answers import Wrong, listed, nothing, shown
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource

#: Events that one request may hold.
MOST = 10_000
#: Bytes of a reply.
_LONGEST_REPLY = 100_000


def verified(source: EventSource, request: Request) -> None:
    """It is genuine: nothing was raised, nor answered, as a `False` would be taken for a yes."""
    said = source.verify(request)
    nothing("verify", said)
    if said is not None:
        raise Wrong(f"it answered {shown(said)}: verify raises messaging.RequestRejected, or answers nothing")


def documents(source: EventSource, request: Request, shop: str) -> list[dict[str, Any]]:
    """The events of a request, as no other shop's."""
    found = listed("it", source.events(request), MOST)
    return [{**_document(each), "source": source.name, "shop": shop} for each in found]


def whole(source: EventSource, thin: Mapping[str, Any]) -> dict[str, Any] | None:
    """The whole of an event, if it is one."""
    said = source.complete(thin)
    return None if said is None else _document(said)


def reply(source: EventSource, request: Request) -> bytes | None:
    """What the shop wants to read."""
    said = source.answer(request)
    if said is not None and not isinstance(said, bytes):
        raise Wrong(f"it answered {type(said).__name__}, not bytes")
    if said is not None and len(said) > _LONGEST_REPLY:
        raise Wrong(f"it answered more than {_LONGEST_REPLY:,} bytes")
    return said


def _document(said: object) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        raise Wrong(f"it made {type(said).__name__}, no event (a mapping)")
    return dict(said)
