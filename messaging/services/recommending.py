"""What others bought together with it: counted from the shop's own orders.

A product is worth as much as there are orders that have it beside a product that the message is about (those of its
order, of its cart, or the product itself; else what the customer bought last), added up over these. Never what the
customer has or is looking at already; none that fewer orders than `SUPPORT` speak for, or whose name is one customer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from messaging.nouns.order import Order
from messaging.rendering.environment import MOST_RECOMMENDED
from messaging.stores.base import Store

#: Orders that must have a product beside the others.
SUPPORT = 2
#: The customer's last orders that count as what they bought last.
LAST_ORDERS = 10

#: Source and shop: article numbers mean something only there.
Shop = tuple[str, str]


class Recommender:
    """Recommends."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def products(self, customer_id: str, context: Mapping[str, Any]) -> list[dict[str, Any]]:
        """At most `MOST_RECOMMENDED` products for a message to a customer, the best first: `sku`, `name`, and what is
        known of `price`, `currency`, `url`, `image`.
        """
        orders = self._store.events.orders_of([customer_id]).get(customer_id, ())
        ranked = [
            (-count, sku, shop)
            for shop, skus in _basis(context, orders).items()
            for sku, count in self._beside(shop, skus, orders).items()
            if count >= SUPPORT
        ]
        ranked.sort()
        return self._told([(sku, shop) for _, sku, shop in ranked])

    def _beside(self, shop: Shop, skus: set[str], orders: Sequence[Order]) -> dict[str, int]:
        """How many orders have each other product beside one of `skus`, but for what the customer has."""
        has = skus | {sku for order in orders if _is_of(order, shop) and order.counts for sku in order.skus}
        found = self._store.products.bought_with(*shop, skus)
        return {sku: count for sku, count in found.items() if sku not in has}

    def _told(self, ranked: Sequence[tuple[str, Shop]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for sku, shop in ranked:
            if len(found) == MOST_RECOMMENDED:
                break
            product = self._store.products.get(*shop, sku)
            if product is not None:
                found.append(product)
        return found


def _basis(context: Mapping[str, Any], orders: Sequence[Order]) -> dict[Shop, set[str]]:
    """What recommendations go by: article numbers by shop."""
    event = context.get("event")
    if isinstance(event, Mapping):
        skus = {sku for part in ("order", "cart", "product") for sku in _skus(context.get(part))}
        if skus:
            return {(str(event.get("source")), str(event.get("shop"))): skus}
    basis: dict[Shop, set[str]] = {}
    for order in [order for order in orders if order.counts][-LAST_ORDERS:]:
        basis.setdefault((order.source, order.shop), set()).update(order.skus)
    return basis


def _skus(part: object) -> set[str]:
    if not isinstance(part, Mapping):
        return set()
    items = part.get("items")
    found = [part, *(items if isinstance(items, list) else ())]
    return {str(item["sku"]) for item in found if isinstance(item, Mapping) and item.get("sku")}


def _is_of(order: Order, shop: Shop) -> bool:
    return (order.source, order.shop) == shop
