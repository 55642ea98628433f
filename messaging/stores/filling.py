"""Fills a store by its own methods, from rows as `Contents.dump` gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from messaging.nouns.campaign import Campaign
from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.documents import Document
from messaging.nouns.engagement import Engagement
from messaging.nouns.event import Event
from messaging.nouns.links import ShortLink
from messaging.nouns.message import Message
from messaging.nouns.order import Order
from messaging.nouns.template import TemplateVersion
from messaging.stores.base import Store

Rows = Sequence[Document]


def fill(store: Store, kind: str, rows: Rows) -> None:
    """Add rows of any kind but those of member lists, in one transaction. Raises InputError."""
    with store.transaction():
        _FILL[kind](store, rows)


def link_row(link: ShortLink) -> Document:
    """A short link with its code."""
    return {"code": link.code, **link.to_document()}


def _link(row: Document) -> ShortLink:
    return ShortLink.from_document(row["code"], {name: value for name, value in row.items() if name != "code"})


def _versions(store: Store, rows: Rows) -> None:
    for row in rows:
        store.put_version(TemplateVersion.from_document(row))


def _campaigns(store: Store, rows: Rows) -> None:
    for row in rows:
        store.campaigns.put(Campaign.from_document(row))


def _notes(store: Store, rows: Rows) -> None:
    for row in rows:
        store.put_note(row["key"], row["value"])


_FILL: Mapping[str, Callable[[Store, Rows], object]] = MappingProxyType(
    {
        "versions": _versions,
        "customers": lambda store, rows: store.customers.put(map(Customer.from_document, rows)),
        "consents": lambda store, rows: store.addresses.add_consents(map(Consent.from_document, rows)),
        "suppressions": lambda store, rows: store.addresses.suppress(map(Suppression.from_document, rows)),
        "orders": lambda store, rows: store.events.put_orders(map(Order.from_document, rows)),
        "events": lambda store, rows: store.events.add(list(map(Event.from_document, rows))),
        "erased_events": lambda store, rows: store.events.forget(row["key"] for row in rows),
        "campaigns": _campaigns,
        "messages": lambda store, rows: store.outbox.add(list(map(Message.from_document, rows))),
        "engagements": lambda store, rows: store.engagements.add(list(map(Engagement.from_document, rows))),
        "short_links": lambda store, rows: store.short_links.add(list(map(_link, rows))),
        "notes": _notes,
    }
)
