"""WooCommerce's orders: each delivery holds the whole order as it is, and its status says how far it has come.

What happened is told by the times of its own that an order has (`*_gmt`: the others are the site's, without a zone),
and by its status: so a happening is one event, however often an update repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from messaging import InputError, Request
from messaging_shops.money import amount
from messaging_shops.reading import instant, name, rows
from messaging_shops.shop import Topic
from messaging_shops.telling import Told, happened_at, happening, of_order
from messaging_shops.woocommerce_words import buyer, order_part, parcels

#: Status -> what it tells, beside that the order was placed. The last four are of plugins that many shops have.
STATUSES: Mapping[str, str] = {
    "completed": "order.shipped",
    "cancelled": "order.cancelled",
    "refunded": "order.refunded",
    "shipped": "order.shipped",
    "partial-shipped": "order.partially_shipped",
    "delivered": "order.delivered",
    "ready-pickup": "order.ready_for_pickup",
}
#: Nobody has ordered yet: the customer is at the payment page, left it, or the payment failed.
_NOT_YET = ("pending", "failed", "cancelled", "checkout-draft", "auto-draft", "draft", "new", "trash")
#: Where a customer who is at the payment page came from: not an order that the shop wrote for them.
_TILLS = ("checkout", "store-api")
#: Types by which parcels are known to have left.
_LEFT = ("order.shipped", "order.partially_shipped", "order.delivered")
#: Ways of delivery by which nothing is sent.
_PICKUP = ("local_pickup", "pickup_location")
#: Refunds of one order that are told of.
_LAST = 100


def order(told: Told, request: Request, statuses: Mapping[str, str] | None = None) -> Iterator[Told]:
    """All that has happened to an order, as far as it shows. `statuses` are the shop's own, by status."""
    if "id" not in told and "order" in told:
        raise InputError("an order of the legacy API: give the webhook the version WP REST API Integration v3")
    shown = _Order(told, request, statuses or {})
    yield from shown.begun()
    yield from shown.parcels()
    yield from shown.refunds()
    yield from shown.standing()


@dataclass(frozen=True)
class _Order:
    """An order as it is."""

    told: Told
    request: Request
    own: Mapping[str, str]

    @cached_property
    def part(self) -> dict[str, Any]:
        return order_part(self.told)

    @cached_property
    def customer(self) -> dict[str, Any]:
        return buyer(self.told)

    @property
    def about(self) -> dict[str, Any]:
        return {"customer": self.customer, "order": self.part}

    @cached_property
    def created(self) -> str:
        return self.at("date_created_gmt")

    @cached_property
    def changed(self) -> str:
        return self.at("date_modified_gmt", "date_created_gmt")

    @cached_property
    def status(self) -> str:
        return str(self.told.get("status"))

    @cached_property
    def type(self) -> str | None:
        """What its status tells."""
        return self.own.get(self.status, STATUSES.get(self.status))

    @cached_property
    def left(self) -> list[tuple[str, dict[str, Any]]]:
        """The parcels that left, and when: a number alone may be a label that was bought."""
        return parcels(self.told, self.changed) if self.type in _LEFT else []

    def at(self, *fields: str) -> str:
        return happened_at(self.request, *map(self.told.get, fields), utc=True)

    def event(self, type: str, time: str, **more: Any) -> Told:
        return of_order(type, time, **self.about, **more)

    @cached_property
    def paid(self) -> str | None:
        return instant(self.told.get("date_paid_gmt"), utc=True)

    def begun(self) -> Iterator[Told]:
        if self.status not in _NOT_YET or self.type == "order.placed" or self.paid is not None:
            yield self.event("order.placed", self.created)
        elif self.told.get("created_via") in _TILLS:
            yield from self.till()
        if self.paid is not None:
            yield self.event("order.paid", self.paid)

    def till(self) -> Iterator[Told]:
        """Who is at the payment page has a cart. WooCommerce itself cancels what nobody paid for: then it is empty, and
        no link leads back there."""
        cart = {key: value for key, value in self.part.items() if key != "number"}
        id = f"checkout:{cart['id']}"
        if self.status == "pending":
            yield happening(f"{id}:started", "checkout.started", self.created, self.customer, cart=cart)
        elif self.status == "cancelled":
            yield happening(f"{id}:over", "cart.updated", self.changed, self.customer, cart={**cart, "items": []})

    def parcels(self) -> Iterator[Told]:
        for time, shipment in self.left:
            yield happening(f"parcel:{shipment['id']}", "shipment.shipped", time, **self.about, shipment=shipment)

    def refunds(self) -> Iterator[Told]:
        for refund in rows(self.told.get("refunds"))[-_LAST:]:
            id, given = name(refund.get("id")), amount(refund.get("total"))
            if id is not None and given is not None and Decimal(given) != 0:
                told = {"id": id, "amount": format(abs(Decimal(given)), "f")}
                yield happening(f"refund:{id}", "order.refunded", self.changed, **self.about, refund=told)

    def standing(self) -> Iterator[Told]:
        """What its status tells. The last parcel is named: a message about it is the one that all has left."""
        if self.type in (None, "order.placed") or (self.type == "order.refunded" and rows(self.told.get("refunds"))):
            return
        done = self.status == "completed"
        if done and self.status not in self.own and not (self.left or self._goes_out()):
            return  # a download, or picked up
        last = self.left[-1][1] if self.left else None
        which = last["id"] if last is not None and self.type == "order.partially_shipped" else None
        time = self.at("date_completed_gmt", "date_modified_gmt", "date_created_gmt") if done else self.changed
        yield self.event(str(self.type), time, shipment=last, which=which)

    def _goes_out(self) -> bool:
        lines = self.told.get("shipping_lines")
        return lines is None or any(line.get("method_id") not in _PICKUP for line in rows(lines))


#: Each of an order's topics tells the same: all of it that shows.
ORDER = Topic(
    (
        "order.placed",
        "order.paid",
        "shipment.shipped",
        "order.partially_shipped",
        "order.shipped",
        "order.delivered",
        "order.ready_for_pickup",
        "order.refunded",
        "order.cancelled",
        "checkout.started",
        "cart.updated",
    ),
    order,
)
TOPICS: Mapping[str, Topic] = {"order.created": ORDER, "order.updated": ORDER, "order.restored": ORDER}
