"""Shopify's checkouts, which are carts whose owner may have said who they are; and variants that are back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from messaging import Request
from messaging_shops.money import amount
from messaging_shops.reading import filled, mark, name, needed, rows, web_address
from messaging_shops.shop import Topic
from messaging_shops.shopify_words import buyer, is_foreign, line_items, money, paid_in
from messaging_shops.telling import Told, happened_at, happening


def _cart(checkout: Told) -> dict[str, Any]:
    """Its `token` is its name: newer versions post no id. Lines tell amounts in one currency only."""
    foreign = is_foreign(checkout)
    return filled(
        id=needed(name(checkout.get("token"), checkout.get("id")), "token"),
        total=money(checkout, "total_price", foreign),
        currency=paid_in(checkout),
        items=line_items(rows(checkout.get("line_items")), foreign),
        url=web_address(checkout.get("abandoned_checkout_url")),
    )


def checkout(told: Told, request: Request) -> Iterator[Told]:
    cart, customer = _cart(told), buyer(told)
    if told.get("completed_at"):
        return  # bought: the order tells the rest
    # The address often comes with a later update: until then there is nobody to tell of.
    begun = happened_at(request, told.get("created_at"))
    yield happening(f"checkout:{cart['id']}:started", "checkout.started", begun, customer, cart=cart)
    changed = happened_at(request, told.get("updated_at"), told.get("created_at"))
    # Several changes may be told of one second.
    word = mark(changed, customer, cart)
    yield happening(f"checkout:{cart['id']}:{word}", "cart.updated", changed, customer, cart=cart)


def restocked(variant: Told, request: Request) -> Iterator[Told]:
    id, time = needed(variant.get("id"), "id"), happened_at(request, variant.get("updated_at"))
    product = filled(
        id=name(variant.get("product_id"), id),
        sku=name(variant.get("sku"), id),
        name=name(variant.get("title")),
        price=amount(variant.get("price")),
    )
    yield happening(f"variant:{id}:in_stock:{time}", "product.restocked", time, product=product)


TOPICS: Mapping[str, Topic] = {
    "checkouts/create": Topic(("checkout.started", "cart.updated"), checkout),
    "checkouts/update": Topic(("checkout.started", "cart.updated"), checkout),
    "variants/in_stock": Topic(("product.restocked",), restocked),
}
