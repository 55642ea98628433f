"""Shopify's fulfillments (a parcel each) and what carriers say of them.

They name their order by its id, and say little or nothing of who bought it: so the events are completed by what was
told when the order was placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from messaging import Request
from messaging_shops.people import first, person
from messaging_shops.reading import filled, instant, name, needed, rows, web_address
from messaging_shops.shop import Told, Topic, happened_at
from messaging_shops.shopify_words import line_items

#: What a carrier says -> our word for it. Labels that were bought or printed are no news.
STATUSES: Mapping[str, str] = {
    "carrier_picked_up": "shipment.shipped",
    "in_transit": "shipment.shipped",
    "out_for_delivery": "shipment.out_for_delivery",
    "attempted_delivery": "shipment.delivery_attempted",
    "ready_for_pickup": "shipment.ready_for_pickup",
    "delayed": "shipment.delayed",
    "delivered": "shipment.delivered",
    "picked_up": "shipment.delivered",
}
_TYPES = tuple(dict.fromkeys(STATUSES.values()))
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
        tracking_number=name(fulfillment.get("tracking_number")) or _first_of(numbers, name),
        tracking_url=web_address(fulfillment.get("tracking_url")) or _first_of(urls, web_address),
        eta=instant(fulfillment.get("estimated_delivery_at")),
        items=[
            {key: line[key] for key in ("sku", "name", "quantity") if key in line}
            for line in line_items(rows(fulfillment.get("line_items")))
        ],
    )


def _first_of(values: object, read: Any) -> str | None:
    return read(values[0]) if isinstance(values, list) and values else None


def _event(id: str, type: str, time: str, shipment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"fulfillment:{id}:{type.partition('.')[2]}",
        "type": type,
        "time": time,
        "data": {"shipment": shipment},
    }


def shipments(fulfillment: Mapping[str, Any], request: Request) -> Iterator[dict[str, Any]]:
    """That a parcel left, and what its carrier said last; of nobody yet."""
    if fulfillment.get("status") in _FAILED or not goes_out(fulfillment):
        return
    id, shipment = needed(fulfillment.get("id"), "id"), parcel(fulfillment)
    left = happened_at(request, fulfillment.get("created_at"))
    yield _event(id, "shipment.shipped", left, shipment)
    type = STATUSES.get(str(fulfillment.get("shipment_status")), "shipment.shipped")
    if type != "shipment.shipped":
        yield _event(id, type, happened_at(request, fulfillment.get("updated_at")), shipment)


def fulfillment(told: Told, request: Request) -> Iterator[Told]:
    """`#1001.2` is the second parcel of order `#1001`. The recipient may be somebody else than the buyer."""
    order, whole = needed(told.get("order_id"), "order_id"), first(told.get("name")) or ""
    number = whole.rpartition(".")[0]
    known = {"order": {"id": order, "number": number}} if number else {}
    customer = person(email=told.get("email")) if known else {}
    for event in shipments(told, request):
        yield {**event, "customer": customer, "data": {**event["data"], **known}, "incomplete": {"order": order}}


def carrier(told: Told, request: Request) -> Iterator[Told]:
    """`fulfillment_events/create`"""
    type = STATUSES.get(str(told.get("status")))
    if type is None:
        return
    order = needed(told.get("order_id"), "order_id")
    id = needed(told.get("fulfillment_id"), "fulfillment_id")
    shipment = filled(id=id, eta=instant(told.get("estimated_delivery_at")))
    time = happened_at(request, told.get("happened_at"), told.get("created_at"))
    yield {**_event(id, type, time, shipment), "incomplete": {"order": order}}


TOPICS: Mapping[str, Topic] = {
    "fulfillments/create": Topic(_TYPES, fulfillment),
    "fulfillments/update": Topic(_TYPES, fulfillment),
    "fulfillment_events/create": Topic(_TYPES, carrier),
}
