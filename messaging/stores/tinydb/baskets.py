"""What was bought together: which orders have an article, how many have it beside each other one, and what it is.

The counts of an article are made when somebody first asks for them, and kept up from then on. What it is, is kept
until something else is told of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from messaging.nouns.documents import Document
from messaging.stores.products import LARGEST

#: An article where its number means something: source, shop, sku.
Article = tuple[str, str, str]

#: Articles whose counts are kept up.
COUNTED = 5_000


class Baskets:
    """An index over the orders that count: placed, and not cancelled as a whole."""

    fields = frozenset(["skus", "placed_at", "cancelled_at", "source", "shop"])

    def __init__(self, orders: Callable[[], Mapping[str, Document]]) -> None:
        """`orders` are the documents it is over."""
        self._documents = orders
        self._orders: dict[Article, dict[str, None]] = {}
        self._beside: dict[Article, Counter[str]] = {}
        #: What the articles are that somebody asked for.
        self.products: dict[Article, dict[str, Any] | None] = {}

    def orders(self, article: Article) -> Iterable[str]:
        """The keys of the orders that have an article, the last to come first."""
        return reversed(self._orders.get(article, {}))

    def beside(self, source: str, shop: str, skus: Collection[str]) -> Counter[str]:
        """How many orders have each other article beside each of `skus`, added up over these."""
        total: Counter[str] = Counter()
        for sku in sorted(skus):
            total.update(self._counted((source, shop, sku)))
        return total

    def _counted(self, article: Article) -> Counter[str]:
        found = self._beside.get(article)
        if found is None:
            found, documents = Counter(), self._documents()
            for key in self._orders.get(article, ()):
                found.update(documents[key]["skus"].keys())
            del found[article[2]]
            if len(self._beside) >= COUNTED:
                del self._beside[next(iter(self._beside))]
            self._beside[article] = found
        return found

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before, after = _articles(old), _articles(new)
        self.told(before | after)
        if before != after:
            self._take(key, before, -1)
            self._take(key, after, 1)

    def told(self, articles: Iterable[Article]) -> None:
        """Something was told of these."""
        if self.products:
            for article in articles:
                self.products.pop(article, None)

    def _take(self, key: str, articles: Collection[Article], step: int) -> None:
        for article in articles:
            if step > 0:
                self._orders.setdefault(article, {})[key] = None
            else:
                del self._orders[article][key]
                if not self._orders[article]:
                    del self._orders[article]
            counts = self._beside.get(article)
            for other in articles if counts is not None else ():
                if counts is not None and other != article:
                    counts[other[2]] += step
                    if not counts[other[2]]:
                        del counts[other[2]]

    def clear(self) -> None:
        self._orders.clear()
        self._beside.clear()
        self.products.clear()


class Told:
    """An index over the events: what they tell of articles is news."""

    fields = frozenset(["customer_id", "data"])

    def __init__(self, baskets: Baskets) -> None:
        self._baskets = baskets

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        if self._baskets.products:
            for document in (old, new):
                self._baskets.told(_named(document))

    def clear(self) -> None:
        self._baskets.products.clear()


def _named(event: Document | None) -> Iterable[Article]:
    order = event.get("data", {}).get("order") if event is not None else None
    if event is None or not isinstance(order, Mapping):
        return ()
    return [(event["source"], event["shop"], item["sku"]) for item in order.get("items", ()) if item.get("sku")]


def _articles(order: Document | None) -> frozenset[Article]:
    """What is in an order that counts."""
    if order is None or "placed_at" not in order or "cancelled_at" in order:
        return frozenset()
    skus, source, shop = order.get("skus", {}), order.get("source", ""), order.get("shop", "")
    return frozenset((source, shop, sku) for sku in skus) if len(skus) <= LARGEST else frozenset()
