"""Events, and the orders they add up to."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby, islice

from messaging.nouns.documents import Document, time_to_text
from messaging.nouns.event import Event, EventState
from messaging.nouns.history import EventFact
from messaging.nouns.order import Order
from messaging.rules.identity import Identity
from messaging.rules.subjects import names_in, same
from messaging.stores.events import Events
from messaging.stores.tinydb.products import TinyProducts
from messaging.stores.tinydb.rows import Groups, MarkedGroups, copied
from messaging.stores.tinydb.table import JournalDB

_RECEIVED = EventState.RECEIVED.value
_FAILED = EventState.FAILED.value

#: Source, shop, kind, field and name of something that an event is about.
_Thing = tuple[str, str, str, str, str]


class _Received:
    """The keys of events whose effects are not there yet: in the order they came, or by when they may be given out."""

    fields = frozenset(["state", "next_at"])

    def __init__(self) -> None:
        self._ready: dict[str, None] = {}
        self._later: list[tuple[str, str]] = []

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before, after = _waits(old), _waits(new)
        if before == after:
            return
        if before == "":
            self._ready.pop(key, None)
        elif before is not None:
            del self._later[bisect_left(self._later, (before, key))]
        if after == "":
            self._ready[key] = None
        elif after is not None:
            insort(self._later, (after, key))

    def clear(self) -> None:
        self._ready.clear()
        self._later.clear()

    def __len__(self) -> int:
        return len(self._ready) + len(self._later)

    def due(self, now: str, limit: int) -> list[str]:
        late = [key for _, key in self._later[: bisect_right(self._later, (now, "\uffff"))][:limit]]
        return [*late, *islice(self._ready, limit - len(late))]


def _waits(document: Document | None) -> str | None:
    """Until when an event waits; empty if it does not, None if its effects are there."""
    return document.get("next_at", "") if document is not None and document["state"] == _RECEIVED else None


class TinyEvents(Events):
    """The `events` and `orders` tables."""

    def __init__(self, db: JournalDB) -> None:
        self._by_customer = MarkedGroups("customer_id", _marks, ("type", "data", "source", "shop"))
        self._received = _Received()
        self.products = products = TinyProducts(db.journal)
        self._table = db.journal_table(
            "events",
            indexes=(self._by_customer, self._received, products.requests, products.news),
            shared=("type", "source", "shop", "customer_id", "state", "received_at", "error", "worker", "next_at"),
        )
        self._orders_by_customer = Groups("customer_id")
        self._orders = db.journal_table(
            "orders",
            indexes=(self._orders_by_customer, products.baskets),
            shared=("customer_id", "currency", "source", "shop"),
        )
        products.told, products.orders, products.of_customer = self._table, self._orders, self._by_customer
        #: The keys of events that were forgotten: a shop that tells one of them again tells nothing new.
        self._erased = db.journal_table("erased_events")
        self._journal = db.journal

    def add(self, events: Sequence[Event]) -> list[Event | None]:
        known: list[Event | None] = []
        with self._journal.changing():
            for event in events:
                document = self._table.copy(event.key)
                if document is not None:
                    known.append(Event.from_document(document))
                elif event.key in self._erased.documents:
                    known.append(
                        replace(event, customer={}, data={}, state=EventState.DONE, worker=None, fingerprint="")
                    )
                else:
                    known.append(None)
                    self._table.put(event.key, event.to_document())
        return known

    def forget(self, keys: Iterable[str]) -> None:
        with self._journal.changing():
            keys = list(keys)
            there = any(key in self._table.documents for key in keys)
            self._drop(keys)
            if there:
                self._journal.scrub()

    def forgotten(self, keys: Iterable[str]) -> set[str]:
        with self._journal.reading():
            return {key for key in keys if key in self._erased.documents}

    def _drop(self, keys: Sequence[str]) -> None:
        self._table.drop(keys)
        for key in keys:
            self._erased.put(key, {})

    def get(self, keys: Iterable[str]) -> dict[str, Event]:
        with self._journal.reading():
            return {key: Event.from_document(document) for key, document in self._table.copies(keys)}

    def settle(self, key: str, state: EventState, *, customer_id: str | None = None, error: str | None = None) -> None:
        fields = {"state": state.value, "error": error, "worker": None, "next_at": None}
        if customer_id is not None:
            fields["customer_id"] = customer_id
        with self._journal.changing():
            self._table.patch([key], fields)

    def fill(self, event: Event) -> None:
        document = event.to_document()
        fields = {name: document.get(name) for name in ("type", "time", "customer", "data", "incomplete")}
        with self._journal.changing():
            self._table.patch([event.key], fields)

    def put_off(self, events: Iterable[Event], until: datetime) -> None:
        with self._journal.changing():
            for (attempts, error), group in groupby(events, key=lambda event: (event.attempts, event.error)):
                keys = [event.key for event in group]
                fields = {"next_at": time_to_text(until), "attempts": attempts or None, "error": error}
                self._table.patch((key for key in keys if self._waits(key)), fields)

    def _waits(self, key: str) -> bool:
        document = self._table.documents.get(key)
        return document is not None and document["state"] == _RECEIVED

    def received(self, *, now: datetime, limit: int = 1000) -> list[Event]:
        with self._journal.reading():
            keys = self._received.due(time_to_text(now) or "", limit)
            return [Event.from_document(document) for _, document in self._table.copies(keys)]

    def waiting(self) -> int:
        with self._journal.reading():
            return len(self._received)

    def page(
        self,
        *,
        customer_id: str | None = None,
        type: str | None = None,
        state: EventState | None = None,
        limit: int = 100,
    ) -> list[Event]:
        found: list[Event] = []
        with self._journal.reading():
            documents = self._table.rows.documents
            for key in reversed(documents if customer_id is None else self._of(customer_id, type)):
                document = documents[key]
                if type in (None, document["type"]) and state in (None, document["state"]):
                    if len(found) == limit:
                        break
                    found.append(Event.from_document(copied(document)))
        return found

    def _of(self, customer_id: str, type: str | None) -> Sequence[str]:
        """The keys of a customer's events, among them all of `type`."""
        if type is None:
            return self._by_customer.of(customer_id)
        return self._by_customer.marked(customer_id, type, self._table.documents)

    def about_the_same(self, event: Event, customer_id: str) -> list[Event]:
        named = names_in(event.data)
        kind = next((kind for kind in ("order", "cart") if kind in named), None)
        if kind is None:
            return []
        mine = named[kind]
        with self._journal.reading():
            found = [
                document
                for field, name in mine.items()
                for document in self._naming(customer_id, (event.source, event.shop, kind, field, name))
            ]
            return [
                Event.from_document(copied(document))
                for document in {id(document): document for document in found}.values()
                if (document["source"], document["shop"]) == (event.source, event.shop)
                and document["state"] != _FAILED
                and same(mine, names_in({kind: document["data"][kind]}).get(kind, {}))
            ]

    def _naming(self, customer_id: str, thing: _Thing) -> Iterator[Document]:
        """The customer's events that name a thing so."""
        _, _, kind, field, name = thing
        documents = self._table.documents
        for key in self._by_customer.marked(customer_id, thing, documents):
            data = (document := documents[key]).get("data")
            if data and kind in data and data[kind].get(field) == name:
                yield document

    def count(self) -> int:
        with self._journal.reading():
            return len(self._table.documents)

    def orders(self, keys: Iterable[str]) -> dict[str, Order]:
        with self._journal.reading():
            return {key: Order.from_document(document) for key, document in self._orders.copies(keys)}

    def put_orders(self, orders: Iterable[Order]) -> None:
        with self._journal.changing():
            for order in orders:
                self._orders.put(order.key, order.to_document())

    def orders_of(self, customer_ids: Sequence[str]) -> dict[str, tuple[Order, ...]]:
        with self._journal.reading():
            return {
                customer_id: tuple(sorted(map(Order.from_document, documents), key=_order_of_placing))
                for customer_id in customer_ids
                if (documents := self._documents_of(customer_id))
            }

    def _documents_of(self, customer_id: str) -> list[Document]:
        keys = self._orders_by_customer.of(customer_id)
        return [document for _, document in self._orders.copies(keys)]

    # For the other repositories, inside `reading` or `changing`.

    def happened(
        self, customer_ids: Sequence[str], types: Collection[str]
    ) -> dict[str, dict[str, tuple[datetime, ...]]]:
        """When events of `types` happened to each customer, in order of time."""
        return {
            customer_id: {
                type: tuple(datetime.fromisoformat(text) for text in sorted(document["time"] for document in told))
                for type, told in self._of_types(customer_id, types)
            }
            for customer_id in customer_ids
        }

    def told(self, customer_ids: Sequence[str], types: Collection[str]) -> dict[str, dict[str, tuple[EventFact, ...]]]:
        """Events of `types` that happened to each customer with what they were about, in order of time."""
        return {
            customer_id: {
                type: tuple(map(_fact, sorted(told, key=lambda document: (document["time"], document["id"]))))
                for type, told in self._of_types(customer_id, types)
            }
            for customer_id in customer_ids
        }

    def _of_types(self, customer_id: str, types: Collection[str]) -> Iterator[tuple[str, list[Document]]]:
        """A customer's events of each of `types` of which there are any."""
        documents = self._table.documents
        for type in types:
            found = [documents[key] for key in self._of(customer_id, type)]
            if told := [document for document in found if document["type"] == type]:
                yield type, told

    def forget_customer(self, identity: Identity) -> None:
        """Remove the orders of a customer, their events, and those that never got as far as being theirs."""
        nobodys = [
            key
            for key, document in self._table.documents.items()
            if "customer_id" not in document and identity.named_by(document.get("customer", {}))
        ]
        self._drop(list(self._by_customer.of(identity.customer_id)))
        self._table.drop(nobodys)
        self._orders.drop(list(self._orders_by_customer.of(identity.customer_id)))


def _marks(document: Document) -> Iterator[str | _Thing]:
    """What a customer's events are looked for by: their type, and the order or cart they are about."""
    yield document["type"]
    named = names_in(document.get("data", {}))
    for kind in ("order", "cart"):
        for field, name in named.get(kind, {}).items():
            yield document["source"], document["shop"], kind, field, name


def _fact(document: Document) -> EventFact:
    return EventFact(datetime.fromisoformat(document["time"]), document["source"], document["shop"], _names(document))


def _names(document: Document) -> dict[str, dict[str, str]]:
    return names_in({**document.get("data", {}), "event": {"id": document["id"]}})


def _order_of_placing(order: Order) -> tuple[bool, float, str]:
    placed = order.placed_at
    return placed is None, placed.timestamp() if placed else 0.0, order.key
