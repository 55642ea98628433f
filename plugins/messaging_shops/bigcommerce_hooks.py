"""What BigCommerce's hooks tell: a type, when, and what to ask the store for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from messaging import InputError, Request
from messaging_shops.reading import name, needed, table, unix
from messaging_shops.shop import Topic
from messaging_shops.telling import Told, happening

#: Statuses of an order whose checkout is not through: Incomplete, Pending.
OPEN = (0, 1)
#: Declined and cancelled.
_ENDED = (5, 6)
#: What an order has that was paid: it is shipped, partly or wholly, waits to be, or is completed.
_PAID = (2, 3, 8, 9, 10, 11)
#: What another status tells. A part that is refunded comes by a hook of its own.
_TYPES: Mapping[int, str] = {
    2: "order.shipped",
    3: "order.partially_shipped",
    4: "order.refunded",
    5: "order.cancelled",
    6: "order.cancelled",
    8: "order.ready_for_pickup",
    10: "order.delivered",
}


def created(body: Told, request: Request) -> Iterator[Told]:
    """It may be placed and paid by now, or still be at the checkout: that is seen when it is asked for."""
    order = _about(body)
    yield _event(body, request, "order.placed", order=order)
    yield _event(body, request, "order.paid", order=order)


def status_updated(body: Told, request: Request) -> Iterator[Told]:
    status = table(_data(body).get("status"))
    before, now = status.get("previous_status_id"), status.get("new_status_id")
    if not isinstance(now, int):
        raise InputError("data.status.new_status_id: is missing")
    order, from_checkout = _about(body), before in OPEN
    if from_checkout and now not in (*OPEN, *_ENDED):
        yield _event(body, request, "order.placed", order=order)
    if now in _PAID and before not in _PAID:
        yield _event(body, request, "order.paid", order=order)
    if now in _TYPES and not (from_checkout and now in _ENDED):
        yield _event(body, request, _TYPES[now], order=order)


def updated(body: Told, request: Request) -> Iterator[Told]:
    yield _event(body, request, "order.updated", order=_about(body))


def refunded(body: Told, request: Request) -> Iterator[Told]:
    refund = needed(table(_data(body).get("refund")).get("refund_id"), "data.refund.refund_id")
    yield _event(body, request, "order.refunded", order=_about(body), refund=refund)


def shipped(body: Told, request: Request) -> Iterator[Told]:
    order = needed(_data(body).get("orderId"), "data.orderId")
    yield _event(body, request, "shipment.shipped", order=order, shipment=_about(body))


def shipment_updated(body: Told, request: Request) -> Iterator[Told]:
    """Its number may have been added since."""
    order = needed(_data(body).get("orderId"), "data.orderId")
    yield _event(body, request, "shipment.updated", order=order, shipment=_about(body))


def abandoned(body: Told, request: Request) -> Iterator[Told]:
    yield _event(body, request, "cart.updated", cart=_about(body))


def converted(body: Told, request: Request) -> Iterator[Told]:
    yield _event(body, request, "order.placed", order=needed(_data(body).get("orderId"), "data.orderId"))


def customer_created(body: Told, request: Request) -> Iterator[Told]:
    yield _event(body, request, "customer.created", customer=_about(body))


def customer_updated(body: Told, request: Request) -> Iterator[Told]:
    yield _event(body, request, "customer.updated", customer=_about(body))


def subscribed(body: Told, request: Request) -> Iterator[Told]:
    yield _event(body, request, "consent.changed", subscriber=_about(body))


def _data(body: Told) -> Mapping[str, Any]:
    return table(body.get("data"))


def _about(body: Told) -> str:
    return needed(_data(body).get("id"), "data.id")


def _event(body: Told, request: Request, type: str, **asked: str) -> Told:
    """The hash is the same each time the store tells the same thing; what happens again has another second."""
    told_at = body.get("created_at")
    id = f"{needed(body.get('hash'), 'hash')}:{name(told_at) or ''}:{type}"
    return happening(id, type, unix(told_at) or request.received_at.isoformat(), incomplete=asked)


TOPICS: Mapping[str, Topic] = {
    "store/order/created": Topic(("order.placed", "order.paid"), created),
    "store/order/statusUpdated": Topic(
        ("order.placed", "order.paid", *dict.fromkeys(_TYPES.values())), status_updated, "by its new status"
    ),
    "store/order/updated": Topic(("order.updated",), updated),
    "store/order/refund/created": Topic(("order.refunded",), refunded),
    "store/shipment/created": Topic(("shipment.shipped",), shipped),
    "store/shipment/updated": Topic(("shipment.updated",), shipment_updated, "a number that was added, or corrected"),
    "store/cart/abandoned": Topic(("cart.updated",), abandoned, "an hour after the cart was changed last"),
    "store/cart/converted": Topic(("order.placed",), converted),
    "store/customer/created": Topic(("customer.created",), customer_created),
    "store/customer/updated": Topic(("customer.updated",), customer_updated),
    "store/subscriber/created": Topic(("consent.changed",), subscribed),
    "store/subscriber/updated": Topic(("consent.changed",), subscribed),
}
