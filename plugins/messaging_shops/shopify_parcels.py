"""Shopify's fulfillments (a parcel each) and what carriers say of them.

They name their order by its id, and say little or nothing of who bought it: so the events are completed by what was
told when the order was placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from messaging import Request
from messaging_shops.people import first, person
from messaging_shops.reading import filled, instant, mark, name, needed, rows, web_address
from messaging_shops.shop import Topic
from messaging_shops.shopify_words import line_items
from messaging_shops.telling import Told, happened_at, happening

#: What a carrier says -> our word for it. Labels that were bought or printed are no news. That a parcel left is told by
#: its fulfillment, which has its number; a carrier's word may come before that, and has none.
STATUSES: Mapping[str, str] = {
    "carrier_picked_up": "shipment.in_transit",
    "in_transit": "shipment.in_transit",
    "out_for_delivery": "shipment.out_for_delivery",
    "attempted_delivery": "shipment.delivery_attempted",
    "ready_for_pickup": "shipment.ready_for_pickup",
    "delayed": "shipment.delayed",
    "delivered": "shipment.delivered",
    "picked_up": "shipment.delivered",
}
_SAID = tuple(dict.fromkeys(STATUSES.values()))
_TYPES = ("shipment.shipped", "shipment.updated", *_SAID)
#: Fulfillments that came to nothing.
_FAILED = ("cancelled", "error", "failure")


def goes_out(whole: Mapping[str, Any]) -> bool:
    """Whether any of the lines of an order or fulfillment is sent: a download or a gift card is not."""
    lines = rows(whole.get("line_items"))
    return not lines or any(line.get("requires_shipping") is not False for line in lines)


def parcels(order: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parcels of an order that have left, the last at the end."""
    sent = [row for row in rows(order.get("fulfillments")) if row.get("status") not in _FAILED and goes_out(row)]
    return sorted(sent, key=lambda row: instant(row.get("created_at")) or "")


def parcel(fulfillment: Mapping[str, Any]) -> dict[str, Any]:
    """The `shipment` of an event. Of several numbers, the first; what its lines cost is the order's to tell."""
    numbers, urls = (fulfillment.get(key) for key in ("tracking_numbers", "tracking_urls"))
    return filled(
        id=name(fulfillment.get("id")),
        carrier=first(fulfillment.get("tracking_company")),
        tracking_number=name(fulfillment.get("tracking_number"), *_list(numbers)),
        tracking_url=web_address(fulfillment.get("tracking_url"), *_list(urls)),
        eta=instant(fulfillment.get("estimated_delivery_at")),
        items=[
            {key: line[key] for key in ("sku", "name", "quantity") if key in line}
            for line in line_items(rows(fulfillment.get("line_items")))
        ],
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _event(type: str, time: str, shipment: Told, **more: Any) -> Told:
    id = f"fulfillment:{shipment['id']}:{type.partition('.')[2]}"
    return happening(id, type, time, shipment=shipment, **more)


def shipments(fulfillment: Told, request: Request, **more: Any) -> Iterator[Told]:
    """That a parcel left, and what its carrier said last; before that, the number that it got since.

    `more` is what is known of it beside: whose it is.
    """
    if fulfillment.get("status") in _FAILED or not goes_out(fulfillment):
        return
    needed(fulfillment.get("id"), "id")
    shipment = parcel(fulfillment)
    yield _event("shipment.shipped", happened_at(request, fulfillment.get("created_at")), shipment, **more)
    type = STATUSES.get(str(fulfillment.get("shipment_status")))
    created, changed = (instant(fulfillment.get(key)) for key in ("created_at", "updated_at"))
    if type is not None:
        yield _event(type, happened_at(request, changed), shipment, **more)
    elif changed is not None and changed != created and "tracking_number" in shipment:
        # Somebody may have added it since, or corrected it.
        id = f"fulfillment:{shipment['id']}:number:{mark(shipment['tracking_number'], shipment.get('tracking_url'))}"
        yield happening(id, "shipment.updated", changed, shipment=shipment, **more)


def made(told: Told, request: Request) -> Iterator[Told]:
    """`fulfillments/create`: its number is as it left."""
    return (event for event in fulfillment(told, request) if event["type"] != "shipment.updated")


def fulfillment(told: Told, request: Request) -> Iterator[Told]:
    """`#1001.2` is the second parcel of order `#1001`. The recipient may be somebody else than the buyer."""
    order, whole = needed(told.get("order_id"), "order_id"), first(told.get("name")) or ""
    number = whole.rpartition(".")[0]
    known = {"order": {"id": order, "number": number}, "customer": person(email=told.get("email"))} if number else {}
    return shipments(told, request, incomplete={"order": order}, **known)


def carrier(told: Told, request: Request) -> Iterator[Told]:
    """`fulfillment_events/create`"""
    type = STATUSES.get(str(told.get("status")))
    if type is None:
        return
    order = needed(told.get("order_id"), "order_id")
    id = needed(told.get("fulfillment_id"), "fulfillment_id")
    shipment = filled(id=id, eta=instant(told.get("estimated_delivery_at")))
    time = happened_at(request, told.get("happened_at"), told.get("created_at"))
    yield _event(type, time, shipment, incomplete={"order": order})


TOPICS: Mapping[str, Topic] = {
    "fulfillments/create": Topic(tuple(type for type in _TYPES if type != "shipment.updated"), made),
    "fulfillments/update": Topic(_TYPES, fulfillment),
    "fulfillment_events/create": Topic(_SAID, carrier),
}
