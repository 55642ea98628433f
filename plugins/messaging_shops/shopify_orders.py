"""Shopify's orders.

Each delivery holds the whole order as it is. What happened to it has an id and, wherever Shopify tells one, a time of
its own: so a happening is one event, whichever topic tells it, and `orders/updated` makes up for what was missed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from messaging import Request
from messaging_shops.reading import name, rows
from messaging_shops.shop import Topic
from messaging_shops.shopify_parcels import goes_out, parcel, parcels, shipments
from messaging_shops.shopify_people import consents
from messaging_shops.shopify_refunds import refunded
from messaging_shops.shopify_words import buyer, is_foreign, order_part
from messaging_shops.telling import Told, happened_at, of_order

#: Parcels and refunds of one order that `orders/updated` tells of, the latest.
_LAST = 100
#: What is paid so soon was paid as it was placed.
_AT_ONCE = timedelta(minutes=10)


def _event(order: Told, type: str, time: str, **more: Any) -> Told:
    return of_order(type, time, buyer(order), order_part(order), **more)


def _placed(order: Told, request: Request) -> Told:
    return _event(order, "order.placed", happened_at(request, order.get("created_at")))


def _cancelled(order: Told, request: Request) -> Told:
    times = order.get("cancelled_at"), order.get("updated_at")
    return _event(order, "order.cancelled", happened_at(request, *times))


def _shipped(order: Told, request: Request, *, whole: bool) -> Told:
    """The last parcel is named: a message about it is the message about the order that it made whole."""
    last: Mapping[str, Any] = next(iter(parcels(order)[-1:]), {})
    time = happened_at(request, last.get("created_at"), order.get("updated_at"))
    if whole:
        return _event(order, "order.shipped", time, shipment=parcel(last))
    return _event(order, "order.partially_shipped", time, shipment=parcel(last), which=name(last.get("id"), time))


def _paid(order: Told, request: Request, *, at_once: bool) -> Told:
    """An order that is paid as it is placed is told of by two topics: by both, it was at the same time."""
    placed = happened_at(request, order.get("processed_at"), order.get("created_at"))
    changed = happened_at(request, order.get("updated_at"))
    at_once = at_once or datetime.fromisoformat(changed) - datetime.fromisoformat(placed) < _AT_ONCE
    return _event(order, "order.paid", placed if at_once else changed)


def created(order: Told, request: Request) -> Iterator[Told]:
    yield _placed(order, request)
    if order.get("financial_status") == "paid":
        yield _paid(order, request, at_once=True)
    customer = order.get("customer")
    if isinstance(customer, dict):
        yield from consents(customer, request)


def paid(order: Told, request: Request) -> Iterator[Told]:
    yield _paid(order, request, at_once=False)


def cancelled(order: Told, request: Request) -> Iterator[Told]:
    """The topic is not signed: the order has to say so, too."""
    if order.get("cancelled_at"):
        yield _cancelled(order, request)


def fulfilled(order: Told, request: Request) -> Iterator[Told]:
    if goes_out(order):
        yield _shipped(order, request, whole=True)


def partially_fulfilled(order: Told, request: Request) -> Iterator[Told]:
    yield _shipped(order, request, whole=False)


def updated(order: Told, request: Request) -> Iterator[Told]:
    """All that has happened to it and has a time of its own. When it was paid is not told, so that is left out."""
    yield _placed(order, request)
    yield from cancelled(order, request)
    about: dict[str, Any] = {"customer": buyer(order), "order": order_part(order)}
    for fulfillment in parcels(order)[-_LAST:]:
        yield from shipments(fulfillment, request, **about)
    if parcels(order) and order.get("fulfillment_status") in ("fulfilled", "partial"):
        yield _shipped(order, request, whole=order["fulfillment_status"] == "fulfilled")
    for refund in rows(order.get("refunds"))[-_LAST:]:
        yield from refunded(refund, request, foreign=is_foreign(order), **about)


TOPICS: Mapping[str, Topic] = {
    "orders/create": Topic(("order.placed", "order.paid", "consent.changed"), created),
    "orders/paid": Topic(("order.paid",), paid),
    "orders/fulfilled": Topic(("order.shipped",), fulfilled),
    "orders/partially_fulfilled": Topic(("order.partially_shipped",), partially_fulfilled),
    "orders/cancelled": Topic(("order.cancelled",), cancelled),
    "orders/updated": Topic(
        (
            "order.placed",
            "order.cancelled",
            "shipment.shipped",
            "shipment.updated",
            "shipment.in_transit",
            "shipment.out_for_delivery",
            "shipment.ready_for_pickup",
            "shipment.delivered",
            "shipment.delivery_attempted",
            "shipment.delayed",
            "order.partially_shipped",
            "order.shipped",
            "order.refunded",
        ),
        updated,
    ),
}
