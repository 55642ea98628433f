"""Magento's events in our words. Times are UTC and written without a zone; amounts are what the customer paid.

Each save of an order tells all of it, so what happened to it is one event, however often it is told: a subscription to
`_origData` spares telling it again. Parcels and refunds name their order by its id (`entity_id`) and say nothing of who
bought it: they are completed by what was told of the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from messaging import InputError, Request
from messaging_shops.items import item
from messaging_shops.money import amount, currency
from messaging_shops.people import first, person
from messaging_shops.reading import filled, mark, name, needed, rows, table, text
from messaging_shops.shop import Topic
from messaging_shops.telling import Told, happened_at, happening, of_order

#: An order that waits for its payment page, and one that came to nothing, are not placed.
_NOT_PLACED = ("pending_payment", "canceled")


def topic_of(body: Told) -> str:
    """`com.adobe.commerce.observer.sales_order_save_commit_after` is `sales_order_save_after`; so is an `eventName`."""
    event = _unwrapped(body)
    told = text(event.get("type")) or text(event.get("eventName"))
    if told is None:
        raise InputError("type: is missing")
    return told.rpartition(".")[2].replace("_commit_after", "_after")


def order_saved(body: Told, request: Request) -> Iterator[Told]:
    order = _thing(body, "order")
    state, before = text(order.get("state")), table(order.get("_origData"))
    created, changed = _at(request, order, "created_at"), _at(request, order, "updated_at")
    if state not in _NOT_PLACED:
        yield _ordered(order, "order.placed", created)
        if any(_number(line.get("qty_backordered")) > 0 for line in rows(order.get("items"))):
            yield _ordered(order, "order.backordered", created)
    if _is_paid(order) and not _is_paid({**order, **before}, told=bool(before)):
        yield _ordered(order, "order.paid", changed)
    if state == "canceled" and before.get("state") not in _NOT_PLACED:
        yield _ordered(order, "order.cancelled", changed)


def shipment_saved(body: Told, request: Request) -> Iterator[Told]:
    shipment = _thing(body, "shipment")
    if shipment.get("_isNew") is False:
        return
    tracks, lines = rows(shipment.get("tracks")), rows(shipment.get("items"))
    parents = (row.get("parent_id") for row in (*tracks, *lines))
    id = needed(name(shipment.get("entity_id"), *parents, shipment.get("increment_id")), "entity_id")
    yield _sent(request, shipment, id, "shipped", **tracked(tracks), **_packed(lines))


def track_saved(body: Told, request: Request) -> Iterator[Told]:
    """The number of a parcel comes behind it: who was written to about that parcel is not written to again."""
    track = _thing(body, "track")
    id = needed(track.get("parent_id"), "parent_id")
    yield _sent(request, track, id, "tracked", **tracked([track]))


def _sent(request: Request, told: Told, id: str, word: str, **shipment: Any) -> Told:
    asked = {"order": needed(told.get("order_id"), "order_id"), "shipment": id}
    return happening(
        f"shipment:{id}:{word}",
        "shipment.shipped",
        _at(request, told, "created_at"),
        incomplete=asked,
        shipment={"id": id, **shipment},
    )


def creditmemo_saved(body: Told, request: Request) -> Iterator[Told]:
    memo = _thing(body, "creditmemo")
    given = amount(memo.get("grand_total"))
    # 3 is a memo that was cancelled.
    if memo.get("_isNew") is False or name(memo.get("state")) == "3" or given is None or Decimal(given) <= 0:
        return
    id = needed(name(memo.get("entity_id"), memo.get("increment_id")), "entity_id")
    lines = [_line(row, "qty") for row in rows(memo.get("items")) if _number(row.get("price")) > 0]
    refund, asked = filled(id=id, amount=given, items=lines), {"order": needed(memo.get("order_id"), "order_id")}
    yield happening(f"refund:{id}", "order.refunded", _at(request, memo, "created_at"), incomplete=asked, refund=refund)


def customer_saved(body: Told, request: Request) -> Iterator[Told]:
    told = _thing(body, "customer")
    id = needed(name(told.get("entity_id"), told.get("id")), "entity_id")
    somebody = person(
        id=id,
        email=told.get("email"),
        first_name=told.get("firstname"),
        last_name=told.get("lastname"),
    )
    if told.get("_isNew") is True:
        yield happening(f"customer:{id}:created", "customer.created", _at(request, told, "created_at"), somebody)
    else:
        time = _at(request, told, "updated_at")
        yield happening(f"customer:{id}:{mark(time, somebody)}", "customer.updated", time, somebody)


def order_part(order: Told) -> dict[str, Any]:
    """The `order` of an event."""
    lines = rows(order.get("items"))
    id = needed(name(order.get("entity_id"), *(row.get("order_id") for row in lines)), "entity_id")
    return filled(
        id=id,
        number=name(order.get("increment_id"), id),
        total=amount(order.get("grand_total")),
        currency=currency(order.get("order_currency_code")),
        # Of a product with choices, the second line is the choice: without a price.
        items=[_line(row, "qty_ordered") for row in lines if not name(row.get("parent_item_id"))],
    )


def buyer(order: Told) -> dict[str, Any]:
    """Who bought it; a guest has no id."""
    addresses = rows(order.get("addresses"))
    billing = next((row for row in addresses if row.get("address_type") == "billing"), {})
    home = table(order.get("billing_address")) or billing
    return person(
        id=order.get("customer_id"),
        email=first(order.get("customer_email"), home.get("email")),
        phone=home.get("telephone"),
        first_name=first(order.get("customer_firstname"), home.get("firstname")),
        last_name=first(order.get("customer_lastname"), home.get("lastname")),
        country=home.get("country_id"),
        region=first(home.get("region_code"), home.get("region")),
        city=home.get("city"),
        postal_code=home.get("postcode"),
    )


def tracked(tracks: list[Told]) -> dict[str, Any]:
    """Of several numbers, the first."""
    track = next(iter(tracks), {})
    number = name(track.get("track_number"), track.get("number"))
    return (
        filled(carrier=first(track.get("title"), track.get("carrier_code")), tracking_number=number) if number else {}
    )


def _packed(lines: list[Told]) -> dict[str, Any]:
    """What is in a parcel, where its lines say how many."""
    packed = [row for row in lines if _number(row.get("qty")) > 0]
    return filled(items=[item(row.get("sku"), name=row.get("name"), quantity=_count(row, "qty")) for row in packed])


def _thing(body: Told, kind: str) -> Told:
    """What an event is about: `data.value` of I/O Events, `data.order` of a webhook, or the order inside of either."""
    data = table(_unwrapped(body).get("data"))
    value = table(data.get("value")) or data
    return table(value.get(kind)) or value


def _unwrapped(body: Told) -> Told:
    """The event itself: I/O Events deliver it as it is, or as `event` beside its `event_id`."""
    return body if "type" in body else table(body.get("event")) or body


def _at(request: Request, thing: Told, field: str) -> str:
    return happened_at(request, thing.get(field), thing.get("created_at"), utc=True)


def _ordered(order: Told, type: str, time: str) -> Told:
    return of_order(type, time, buyer(order), order_part(order))


def _is_paid(order: Told, *, told: bool = True) -> bool:
    total = _number(order.get("grand_total"))
    return told and total > 0 and _number(order.get("total_paid")) >= total


def _line(row: Told, quantity: str) -> dict[str, Any]:
    price = row.get("price") if amount(row.get("price_incl_tax")) is None else row.get("price_incl_tax")
    return item(row.get("sku"), name=row.get("name"), quantity=_count(row, quantity), price=price)


def _count(row: Told, field: str) -> int | float:
    count = _number(row.get(field))
    return int(count) if count == count.to_integral_value() else float(count)


def _number(value: object) -> Decimal:
    return Decimal(amount(value) or 0)


TOPICS: Mapping[str, Topic] = {
    "sales_order_save_after": Topic(
        ("order.placed", "order.paid", "order.backordered", "order.cancelled"), order_saved
    ),
    "sales_order_place_after": Topic(("order.placed", "order.paid", "order.backordered"), order_saved),
    "checkout_submit_all_after": Topic(("order.placed", "order.paid", "order.backordered"), order_saved),
    "sales_order_shipment_save_after": Topic(("shipment.shipped",), shipment_saved),
    "sales_order_shipment_track_save_after": Topic(("shipment.shipped",), track_saved, "the parcel's number"),
    "sales_order_creditmemo_save_after": Topic(("order.refunded",), creditmemo_saved),
    "customer_save_after": Topic(("customer.created", "customer.updated"), customer_saved),
}
