"""An event: something that happened in a shop. Known by (source, shop, id)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from messaging.ids import digest
from messaging.nouns.documents import Document, time_from_text, time_to_text, without_empty


class EventState(StrEnum):
    """How far an event has come."""

    RECEIVED = "received"  # safe in the store, its effects not yet (all) there
    DONE = "done"  # folded into its order, its triggers planned
    FAILED = "failed"  # its effects could not be worked out: `error` says why, it blocks nothing


@lru_cache(4096)  # asked for a dozen times on the way of an event
def event_key(source: str, shop: str, id: str) -> str:
    """An event's identity in the store."""
    return digest("event", source, shop, id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One happening, as a source told it."""

    #: Unique within (source, shop).
    id: str
    #: Dotted lower-case words: `order.placed`.
    type: str
    #: When it happened, by the source's clock.
    time: datetime
    #: Which kind of sender told it: `api` unless it says otherwise.
    source: str = "api"
    #: Which of several shops.
    shop: str = "default"
    #: `id`, `email`, `phone` and profile fields, as sent.
    customer: Mapping[str, Any]
    #: `order`, `shipment`, `refund`, `cart`, `product`, as sent.
    data: Mapping[str, Any]
    #: What its source needs to ask the shop for the rest; None: it is whole.
    incomplete: Mapping[str, Any] | None = None
    #: Ours, once the customer is known.
    customer_id: str | None = None
    #: Whether it may trigger messages; history does not.
    live: bool = True
    received_at: datetime | None = None
    state: EventState = EventState.RECEIVED
    error: str | None = None
    #: Who works its effects out, while it is received: nobody else does as long as they live.
    worker: str | None = None
    #: How often the shop was asked for the rest of it, and when it is asked again.
    attempts: int = 0
    next_at: datetime | None = None
    #: Hash of the canonical body: the same id with another hash is another happening under a used name.
    fingerprint: str = ""

    @property
    def key(self) -> str:
        """The event's identity in the store."""
        return event_key(self.source, self.shop, self.id)

    @property
    def happened_at(self) -> datetime:
        """When it happened; what a clock ahead of ours told happened when we were told."""
        return self.time if self.received_at is None else min(self.time, self.received_at)

    def to_document(self) -> Document:
        return without_empty(
            {
                "id": self.id,
                "type": self.type,
                "time": time_to_text(self.time),
                "source": self.source,
                "shop": self.shop,
                "customer": dict(self.customer),
                "data": dict(self.data),
                "incomplete": dict(self.incomplete) if self.incomplete is not None else None,
                "customer_id": self.customer_id,
                "live": self.live,
                "received_at": time_to_text(self.received_at),
                "state": self.state.value,
                "error": self.error,
                "worker": self.worker,
                "attempts": self.attempts or None,
                "next_at": time_to_text(self.next_at),
                "fingerprint": self.fingerprint,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Event:
        values = {"customer": {}, "data": {}, **document}
        values["time"] = time_from_text(values["time"])
        for name in ("received_at", "next_at"):
            values[name] = time_from_text(values.get(name))
        values["state"] = EventState(values["state"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of an event that was taken in."""

    key: str
    state: EventState
    #: Whether it was not known before.
    new: bool
    customer_id: str | None = None
    #: Messages it planned, moved to another time, and cancelled.
    planned: int = 0
    moved: int = 0
    cancelled: int = 0
    #: Why it failed.
    error: str | None = None
    #: What of it could not be used: a phone number that is none, a trigger that finds no time.
    warnings: tuple[str, ...] = ()

    def to_document(self) -> Document:
        """As JSON; what says nothing is left out."""
        return without_empty(
            {
                "key": self.key,
                "state": self.state.value,
                "new": self.new,
                "customer": self.customer_id,
                "messages": {"planned": self.planned, "moved": self.moved, "cancelled": self.cancelled},
                "error": self.error,
                "warnings": list(self.warnings),
            }
        )
