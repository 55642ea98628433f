"""What an adapter must be, and what it must answer."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType, NoneType
from typing import Any

from messaging.answers import Kinds, Wrong, fields, listed, shown, text
from messaging.nouns.adapter import Adapter, Callback, Capabilities, Measure, Receipt, RenderedMessage, Verdict
from messaging.nouns.documents import storable
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.request import Request

#: Events that one request of a provider's may tell, and one mail that came back.
MOST_TOLD, MOST_IN_A_MAIL = 100_000, 1000
#: Messages that go in one request, at most.
LARGEST_BATCH = 100_000
#: Characters of an event's id.
_LONGEST_ID = 500

_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}(; ?charset=[\w-]{1,40})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")

_OR_NONE = (str, NoneType)
_CAPABILITIES: Kinds = MappingProxyType(
    {"batch_size": (int,), **dict.fromkeys(("idempotency_key", "lookup", "many_receivers", "callbacks"), (bool,))}
)
_RECEIPT: Kinds = MappingProxyType(
    {
        "verdict": (Verdict,),
        "provider_id": _OR_NONE,
        "reason": _OR_NONE,
        "suppress": _OR_NONE,
        "after": (timedelta, NoneType),
        "delivered": (bool,),
    }
)
_MEASURE: Kinds = MappingProxyType(
    {"units": (int,), "price": (Decimal, NoneType), "currency": _OR_NONE, "note": _OR_NONE}
)
_CALLBACK: Kinds = MappingProxyType({"answer": (str,), "media_type": (str,), "speaks_for": _OR_NONE})
_ENGAGEMENT: Kinds = MappingProxyType(
    {
        "id": (str,),
        "kind": (EngagementKind,),
        "at": (datetime,),
        "message_id": _OR_NONE,
        "customer_id": _OR_NONE,
        "channel": _OR_NONE,
        "address": _OR_NONE,
        "source": (str,),
        "slot": _OR_NONE,
        "permanent": (bool,),
        "soft": (bool,),
        "machine": (bool,),
        "reasons": (tuple, list),
        "raw": (dict,),
    }
)


def capabilities(of: str, told: object) -> Capabilities:
    """What an adapter can do."""
    if not isinstance(told, Capabilities):
        raise Wrong(f"{of}.capabilities is {shown(told)}, no messaging.Capabilities")
    fields(f"{of} has capabilities", told, _CAPABILITIES)
    if not 1 <= told.batch_size <= LARGEST_BATCH:
        raise Wrong(f"{of} has capabilities whose batch_size is {told.batch_size}, not 1 to {LARGEST_BATCH:,}")
    return told


def made(adapter: object, kind: type[Adapter]) -> Adapter:
    """One that is ready to deliver."""
    if not isinstance(adapter, kind):
        raise Wrong(f"it made {shown(adapter)}, no {kind.__name__}")
    if not (hasattr(adapter, "settings") and hasattr(adapter, "context")):
        raise Wrong("it has no settings and context: call super().__init__(settings, context)")
    if (adapter.name, adapter.channel) != (kind.name, kind.channel):
        raise Wrong("it changed its name or channel, which are its class's")
    capabilities("it", adapter.capabilities)
    return adapter


def receipt(what: str, said: object, asked: Container[str]) -> Receipt:
    """The answer for one of the messages that are `asked` for."""
    if not isinstance(said, Receipt):
        raise Wrong(f"{what} {type(said).__name__}, not a Receipt")
    if not isinstance(said.message_id, str) or said.message_id not in asked:
        raise Wrong(f"{what} a receipt that was not asked for or a second one: {shown(said.message_id)}")
    fields(f"{what} a receipt", said, _RECEIPT)
    told = (said.provider_id, said.reason, said.suppress)
    kept = tuple(map(text, told))
    if kept == told:
        return said  # as nearly all: a copy would cost more than all the rest
    return replace(said, provider_id=kept[0], reason=kept[1], suppress=kept[2])


def found(said: object, message_id: str) -> Receipt | None:
    """What `lookup` says of a message, if it can tell."""
    return None if said is None else receipt("it answered", said, (message_id,))


def measures(adapter: Adapter, messages: Sequence[RenderedMessage]) -> list[Measure]:
    """What those of the messages come to that are counted."""
    return list(_measures(adapter, messages))


def _measures(adapter: Adapter, messages: Sequence[RenderedMessage]) -> Iterator[Measure]:
    for message in messages:
        said = adapter.measure(message)
        if said is None:
            continue
        if not isinstance(said, Measure):
            raise Wrong(f"it answered {type(said).__name__}, not a Measure")
        fields("it answered a Measure", said, _MEASURE)
        if said.units < 0 or (said.price is not None and not said.price.is_finite()):
            raise Wrong(f"it answered {shown(said)}, which is no number of units or no price")
        if said.price is not None and not _CURRENCY.fullmatch(said.currency or ""):
            raise Wrong(f"it answered a price whose currency is {shown(said.currency)}, not one like EUR")
        yield replace(said, note=text(said.note))


def callback(adapter: Adapter, request: Request) -> Callback:
    """What a provider told."""
    said = adapter.callback(request)
    if not isinstance(said, Callback):
        raise Wrong(f"it answered {type(said).__name__}, not a Callback")
    fields("it answered a Callback", said, _CALLBACK)
    if not _MEDIA_TYPE.fullmatch(said.media_type):
        raise Wrong(f"it answered a Callback whose media_type is {shown(said.media_type)}")
    told = [engagement(each) for each in listed("it", said.engagements, MOST_TOLD)]
    return replace(said, engagements=[replace(each, source=adapter.name) for each in told])


def mail(kind: type[Adapter], content: bytes, now: datetime) -> list[Engagement]:
    """What a mail told that came back."""
    return [engagement(each) for each in listed("it", kind.read_mail(content, now), MOST_IN_A_MAIL)]


def engagement(said: Any) -> Engagement:
    """One thing that came back."""
    if not isinstance(said, Engagement):
        raise Wrong(f"it made {type(said).__name__}, not an Engagement")
    fields("it made an Engagement", said, _ENGAGEMENT)
    if not 0 < len(said.id) <= _LONGEST_ID:
        raise Wrong(f"it made an Engagement whose id has no or more than {_LONGEST_ID} characters: {shown(said.id)}")
    if said.at.tzinfo is None:
        raise Wrong(f"it made an Engagement whose time has no zone: {shown(said.id)}")
    try:
        at = said.at.astimezone(UTC)
    except (OverflowError, ValueError):
        raise Wrong(f"it made an Engagement whose time is out of all bounds: {shown(said.id)}") from None
    return replace(
        said,
        at=at,
        id=storable(said.id),
        message_id=text(said.message_id),
        customer_id=text(said.customer_id),
        channel=text(said.channel),
        address=text(said.address),
        slot=text(said.slot),
        reasons=tuple(text(str(reason)) or "" for reason in listed("it", said.reasons)),
        raw=storable(said.raw),
    )
