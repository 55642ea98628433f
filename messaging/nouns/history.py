"""A customer's history: what segments ask about beside the customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from messaging.nouns.consent import AddressStatus
from messaging.nouns.message import MessageClass
from messaging.nouns.order import Order


@dataclass(frozen=True, slots=True)
class MessageFact:
    """One message that was sent to the customer, and when a person (not a machine) last opened and clicked it."""

    template: str
    campaign: str | None
    sent_at: datetime | None
    opened_at: datetime | None = None
    clicked_at: datetime | None = None
    channel: str = ""
    topic: str = ""
    message_class: MessageClass = MessageClass.MARKETING


@dataclass(frozen=True, slots=True)
class EventFact:
    """One event that happened to the customer, and what it was about."""

    time: datetime
    source: str
    shop: str
    #: Kind (`order`, `product` …) -> field -> name.
    names: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What one customer did and was sent. Loaded only as far as an expression needs it (`HistoryNeeds`)."""

    orders: tuple[Order, ...] = ()
    #: Event type -> the times it happened.
    happened: Mapping[str, tuple[datetime, ...]] = field(default_factory=dict)
    #: Event type -> those that happened, with what they were about.
    told: Mapping[str, tuple[EventFact, ...]] = field(default_factory=dict)
    messages: tuple[MessageFact, ...] = ()
    #: Channel -> what is known about writing to the customer's address on it.
    addresses: Mapping[str, AddressStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryNeeds:
    """Which parts of the history an expression asks for: a store loads no more."""

    orders: bool = False
    happened: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    messages: bool = False
    addresses: bool = False

    def __or__(self, other: HistoryNeeds) -> HistoryNeeds:
        return HistoryNeeds(
            orders=self.orders or other.orders,
            happened=self.happened | other.happened,
            told=self.told | other.told,
            messages=self.messages or other.messages,
            addresses=self.addresses or other.addresses,
        )
