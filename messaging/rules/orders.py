"""Fold events into orders.

Events come late, twice and out of order, so folding is a law, not a story: the order is the same for every
permutation of its events with any repeats. A moment is the earliest time it was told; what can change
(total, items, promised day) is what the latest event says, by the event's time, and of two at one time the
greater value; refunds are a set by their ids. Whose it is says the event that happened first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from messaging.nouns.event import Event
from messaging.nouns.order import Order, Refund, order_key
from messaging.rules.event_types import names

#: Event type -> the moment of the order it tells.
MOMENTS: Mapping[str, str] = {name: kind.moment for name, kind in names() if kind.moment is not None}
#: Event types that give back the order's total when they name no refund.
WHOLE_REFUNDS = frozenset({"order.refunded", "refund.created"})


def order_name(event: Event) -> str | None:
    """What the event calls its order: its number, unique within a shop; None if it is about no order."""
    order = _told(event)
    return order.get("number") or order.get("id") if order is not None else None


def _told(event: Event) -> Mapping[str, Any] | None:
    """What the event says of its order. A refund that names none stands for an order of its own, never placed."""
    order, refund = event.data.get("order"), event.data.get("refund")
    if isinstance(order, Mapping):
        return order
    return {"number": f"refund {refund.get('id') or event.id}"} if isinstance(refund, Mapping) else None


def order_of(event: Event) -> str | None:
    """The key of the order that an event is about, if it is about one."""
    name = order_name(event)
    return None if name is None else order_key(event.source, event.shop, name)


def fold(order: Order | None, event: Event, *, currency: str | None = None) -> Order:
    """`order` with what `event` tells of it.

    `currency` is that of totals which name none. Raises `ValueError` if the event is about no order.
    """
    told = _told(event)
    key = order_of(event)
    if key is None or told is None:
        raise ValueError(f"{event.type} is about no order")
    number = str(told.get("number") or told["id"])
    if order is None:
        order = Order(key=key, id=number, number=number, refunds={}, skus={})
    order = replace(order, source=event.source, shop=event.shop)
    changes: dict[str, Any] = _customer(order, event)
    if told.get("id") and (order.id == number or told["id"] > order.id):
        changes["id"] = told["id"]
    moment = MOMENTS.get(event.type)
    if moment is not None:
        known = getattr(order, moment)
        changes[moment] = event.time if known is None else min(known, event.time)
    changes |= _total(order, told, event.time, currency) | _items(order, told, event.time)
    changes |= _eta(order, event) | _backorder(order, event, told) | _refund(order, event)
    return replace(order, **changes)


def _customer(order: Order, event: Event) -> dict[str, Any]:
    if event.customer_id is None:
        return {}
    told = (event.time, event.customer_id)
    if order.customer_id is not None and (order.customer_at or told[0], order.customer_id) <= told:
        return {}
    return {"customer_id": event.customer_id, "customer_at": event.time}


def _total(order: Order, told: Mapping[str, Any], at: datetime, currency: str | None) -> dict[str, Any]:
    if told.get("total") is None:
        # Of a refund whose order never comes, the currency still counts.
        bare = told.get("currency") if order.data_at is None else None
        return {"currency": max(bare, order.currency or "")} if bare else {}
    new = (at, Decimal(told["total"]), told.get("currency") or currency or "")
    if order.data_at is not None and new <= (order.data_at, order.total, order.currency or ""):
        return {}
    return {"data_at": at, "total": new[1], "currency": new[2] or None}


def _items(order: Order, told: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    if not told.get("items"):
        return {}
    skus: dict[str, int] = {}
    for item in told["items"]:
        if item.get("sku"):
            skus[item["sku"]] = skus.get(item["sku"], 0) + math.ceil(item.get("quantity", 1))
    if order.items_at is not None and (at, sorted(skus.items())) <= (
        order.items_at,
        sorted(order.skus.items()),
    ):
        return {}
    return {"items_at": at, "skus": skus}


def _eta(order: Order, event: Event) -> dict[str, Any]:
    shipment = event.data.get("shipment")
    text = shipment.get("eta") if isinstance(shipment, Mapping) else None
    if not text:
        return {}
    eta = _day_or_time(text)
    if order.eta_at is not None and order.eta is not None and (event.time, eta) <= (order.eta_at, order.eta):
        return {}
    return {"eta": eta, "eta_at": event.time}


def _backorder(order: Order, event: Event, told: Mapping[str, Any]) -> dict[str, Any]:
    """Till when it has to wait: the latest day that the order or one of its items names."""
    texts = [part.get("backordered_until") for part in (told, *(told.get("items") or ()))]
    until = max((_day_or_time(text) for text in texts if text), default=None)
    if until is None:
        return {}
    before = (order.until_at, order.backordered_until)
    if before[0] is not None and before[1] is not None and (event.time, until) <= before:
        return {}
    return {"backordered_until": until, "until_at": event.time}


def _day_or_time(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return datetime.fromisoformat(text).astimezone(UTC)


def _refund(order: Order, event: Event) -> dict[str, Any]:
    refund = event.data.get("refund")
    if isinstance(refund, Mapping):
        # Without an id of its own, a refund is known by the event that told it.
        key = refund.get("id") or f"event {event.id}"
        told = Refund(Decimal(refund["amount"]), event.time, refund.get("currency"))
        known = order.refunds.get(key, told)
        currency = max(told.currency or "", known.currency or "") or None
        both = Refund(max(told.amount, known.amount), min(told.at, known.at), currency)
        return {"refunds": {**order.refunds, key: both}}
    if event.type in WHOLE_REFUNDS:
        return {"refunded_whole_at": min(event.time, order.refunded_whole_at or event.time)}
    return {}
