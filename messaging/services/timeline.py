"""What happened with one customer, in order of time: their events, what was sent to them, what came back, what they
agreed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from messaging.nouns.consent import ALL_TOPICS
from messaging.nouns.customer import Customer
from messaging.nouns.documents import Document, time_to_text, without_empty
from messaging.nouns.engagement import Engagement
from messaging.nouns.event import Event, EventState
from messaging.nouns.message import Message
from messaging.services.customers import former_addresses
from messaging.services.triggering import Untold
from messaging.stores.base import Address, Store

_ALL = 10_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: datetime
    #: `event`, `message`, `consent`, `suppression`, or the kind of an engagement: `clicked`, `bounced`.
    kind: str
    #: What, in a few words.
    what: str
    #: How it ended, or why.
    note: str = ""
    #: The event's, message's or engagement's id, by which it can be shown.
    id: str | None = None
    #: More, for programs.
    details: dict[str, Any] = field(default_factory=dict)

    def to_document(self) -> Document:
        return without_empty(
            {
                "time": time_to_text(self.at),
                "kind": self.kind,
                "what": self.what,
                "note": self.note or None,
                "id": self.id,
                **self.details,
            }
        )


def timeline(store: Store, customer: Customer, untold: Iterable[Untold] = ()) -> list[Entry]:
    """All that is known to have happened with `customer`, the oldest first; what is still to come stands last.

    A message stands at the time it left; one that did not, where it was due. `untold` stands with its events.
    """
    waits: dict[str, list[str]] = {}
    for each in untold:
        waits.setdefault(each.event.key, []).append(f"{each.template} waits for {each.path}")
    events = store.events.page(customer_id=customer.id, limit=_ALL)
    messages = store.outbox.page(customer_id=customer.id, limit=_ALL)
    came_back = store.engagements.of_messages([message.id for message in messages])
    templates = {message.id: message.template for message in messages}
    # Of one moment: what they agreed to, what happened, what it sent, what came back.
    entries = [
        *_decisions(store, {*_addresses(customer, messages), *former_addresses(store, customer.id)}),
        *(_event(event, waits.get(event.key, ())) for event in events),
        *map(_message, messages),
        *(_engagement(one, templates) for ones in came_back.values() for one in ones),
    ]
    return sorted(entries, key=lambda entry: entry.at)


def _event(event: Event, waits: Iterable[str]) -> Entry:
    note = event.error or "" if event.state is EventState.FAILED else "; ".join(waits) if event.live else "history"
    if event.state is EventState.RECEIVED:
        note = "not worked off yet"
    names = {name: part for name in ("order", "shipment", "cart", "product") if (part := event.data.get(name))}
    about = ", ".join(
        f"{name} {value}"
        for name, part in names.items()
        if (value := next((part[field] for field in ("number", "id", "tracking_number", "sku") if part.get(field)), ""))
    )
    return Entry(
        event.time,
        "event",
        f"{event.type}{f': {about}' if about else ''}",
        note,
        event.id,
        {"source": event.source, "shop": event.shop, "state": event.state.value},
    )


def _message(message: Message) -> Entry:
    because = f" ({message.reason})" if message.reason else ""
    return Entry(
        message.sent_at or message.due_at,
        "message",
        f"{message.template} by {message.channel}",
        f"{message.state.value}{because}",
        message.id,
        {
            "state": message.state.value,
            "campaign": message.campaign,
            "event": message.context["event"]["id"] if message.context and "event" in message.context else None,
        },
    )


def _engagement(engagement: Engagement, templates: dict[str, str]) -> Entry:
    link = f", link {engagement.slot}" if engagement.slot else ""
    by = f"by a machine: {', '.join(engagement.reasons)}" if engagement.machine else ""
    return Entry(
        engagement.at,
        engagement.kind.value,
        f"{templates.get(engagement.message_id or '', 'a message')}{link}",
        by,
        engagement.message_id,
        {"machine": engagement.machine or None, "source": engagement.source},
    )


def _decisions(store: Store, addresses: set[Address]) -> Iterator[Entry]:
    for (channel, _), status in store.addresses.status(addresses).items():
        for consent in status.consents:
            topic = "everything" if consent.topic == ALL_TOPICS else consent.topic
            word = "agreed to" if consent.granted else "withdrew from"
            yield Entry(consent.at, "consent", f"{word} {topic} by {channel}", consent.source)
        if status.suppression is not None:
            stop = status.suppression
            yield Entry(stop.at, "suppression", f"nothing more by {channel}", f"{stop.reason} {stop.source}".strip())


def _addresses(customer: Customer, messages: list[Message]) -> Iterator[Address]:
    for channel in ("email", "sms", *customer.addresses):
        if address := customer.address(channel):
            yield channel, address
    yield from ((message.channel, message.address) for message in messages if message.address)
