"""Products, over the tables of events and orders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from messaging.nouns.documents import Document
from messaging.nouns.event import Event, EventState
from messaging.rules.products import product_of
from messaging.rules.subjects import names_in, same
from messaging.stores.products import ORDERS_ASKED, Products
from messaging.stores.tinydb.baskets import COUNTED, Baskets, Told
from messaging.stores.tinydb.rows import Groups
from messaging.stores.tinydb.storage import JournalStorage
from messaging.stores.tinydb.table import JournalTable

_FAILED = EventState.FAILED.value


class Requests:
    """The keys of events about a product, by type and each of its names."""

    fields = frozenset(["data", "type", "state"])

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], dict[str, None]] = {}

    def of(self, type: str, source: str, shop: str, names: Mapping[str, str]) -> list[str]:
        """The keys of those that share a name."""
        groups = (self._keys.get((type, source, shop, *name), {}) for name in names.items())
        return list(dict.fromkeys(key for group in groups for key in group))

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before, after = _products(old), _products(new)
        if before == after:
            return
        for name in before:
            del self._keys[name][key]
            if not self._keys[name]:
                del self._keys[name]
        for name in after:
            self._keys.setdefault(name, {})[key] = None

    def clear(self) -> None:
        self._keys.clear()


class TinyProducts(Products):
    """Its indexes are of the tables that `TinyEvents` makes, and sets here."""

    orders: JournalTable
    told: JournalTable
    of_customer: Groups

    def __init__(self, journal: JournalStorage) -> None:
        self._journal = journal
        self.requests = Requests()
        self.baskets = Baskets(lambda: self.orders.documents)
        self.news = Told(self.baskets)

    def events(self, type: str, event: Event) -> list[Event]:
        mine = names_in(event.data).get("product", {})
        with self._journal.reading():
            keys = self.requests.of(type, event.source, event.shop, mine)
            found = [Event.from_document(document) for _, document in self.told.copies(keys)]
        about_it = (each for each in found if same(mine, names_in(each.data)["product"]))
        return sorted(about_it, key=lambda each: (each.time, each.key))

    def bought_with(self, source: str, shop: str, skus: Collection[str]) -> dict[str, int]:
        with self._journal.reading():
            return dict(self.baskets.beside(source, shop, skus))

    def get(self, source: str, shop: str, sku: str) -> dict[str, Any] | None:
        article, known = (source, shop, sku), self.baskets.products
        with self._journal.reading():
            if article not in known:
                if len(known) >= COUNTED:
                    known.clear()
                keys = islice(self.baskets.orders(article), ORDERS_ASKED)
                orders = sorted((self.orders.documents[key] for key in keys), key=lambda each: each["placed_at"])
                known[article] = product_of(sku, (told for order in orders for told in self._told_of(order)))
            found = known[article]
            return None if found is None else dict(found)

    def _told_of(self, order: Document) -> list[tuple[str, Mapping[str, Any]]]:
        """Whose an order is, with what its events tell of it, in order of time."""
        customer_id = order.get("customer_id", "")
        names = {"number": order["number"], "id": order["id"]}
        events = self.told.documents
        found = [
            document
            for key in self.of_customer.of(customer_id)
            if (document := events[key])["source"] == order.get("source")
            and document["shop"] == order.get("shop")
            and same(names, names_in(document.get("data", {})).get("order", {}))
        ]
        found.sort(key=lambda each: (each["time"], each["id"]))
        return [(customer_id, each["data"]["order"]) for each in found]


def _products(document: Document | None) -> list[tuple[str, ...]]:
    if document is None or document["state"] == _FAILED or "product" not in document.get("data", {}):
        return []
    place = (document["type"], document["source"], document["shop"])
    return [(*place, *name) for name in names_in(document["data"]).get("product", {}).items()]
