"""What a template sees of an event about an order or cart: its data, completed by what else was told of that.

Shops tell in pieces: the parcel without the order's items, the delivery without the carrier. What the event says
itself stays; what it leaves out is taken from the others, the latest word first, by the time at which things
happened. One thing is always the latest word: the day that is promised. And some are worked out: `order.unshipped`,
what of the order is in no parcel yet, and `order.undelivered`, what has not arrived, both only where the shop tells
what is in its parcels, and only if something is left; and `refund.whole`, whether with it all money is back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from messaging.nouns.event import Event
from messaging.rules.event_types import names_of
from messaging.rules.orders import WHOLE_REFUNDS
from messaging.rules.subjects import bare, context_of, made_plain, names_in, same

#: Types that are about parcels, beside those that begin with `shipment.`: they show the order's only parcel.
_OF_PARCELS = frozenset(
    (
        "order.partially_shipped",
        "order.shipped",
        "order.ready_for_pickup",
        "order.delivered",
    )
)
_LEFT = frozenset(("shipment.shipped", "order.partially_shipped"))

Item = Mapping[str, Any]


@dataclass(slots=True, eq=False)
class _Parcel:
    """What was told of one parcel, the latest word of each."""

    names: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    left: bool = False
    arrived: bool = False

    def hear(self, event: Event, shipment: Mapping[str, Any]) -> None:
        self.told |= _filled(shipment)
        self.left |= event.type in _LEFT
        self.arrived |= event.type == "shipment.delivered"


def context_with(event: Event, others: Iterable[Event]) -> dict[str, Any]:
    """The context of `event`, with what `others`, which are about the same order or cart, add to it."""
    context = context_of(event)
    by_key = {each.key: each for each in (*others, event)}
    told = sorted(by_key.values(), key=lambda each: (each.time, each.key))
    if not isinstance(event.data.get("order"), Mapping):
        return {**context, "cart": _cart(event, told)} if isinstance(event.data.get("cart"), Mapping) else context
    order: dict[str, Any] = {}
    for each in told:
        order |= _filled(each.data.get("order"))
    order |= _filled(event.data["order"])
    parcels, loose = _parcels(told)
    shipment = _shipment(event, told, parcels, loose)
    if shipment is not None:
        shipment |= _with_details(shipment, order)
    types = {names_of(each.type)[0] for each in told}
    gone = _given_back(told)
    if "order.shipped" not in types:
        order |= _rest("unshipped", order, [parcel for parcel in parcels if parcel.left], gone)
    if "order.delivered" not in types:
        order |= _rest("undelivered", order, [parcel for parcel in parcels if parcel.arrived], gone)
    found = {**event.data, "order": order}
    if shipment is not None:
        found["shipment"] = shipment
    if event.type in WHOLE_REFUNDS or "refund" in event.data:
        found["refund"] = _refund(event, told, order)
    return {**made_plain(found), "event": context["event"]}


def _cart(event: Event, told: Sequence[Event]) -> dict[str, Any]:
    """The cart as its event has it; what that leaves out, such as the way back to it, as it was told last."""
    cart: dict[str, Any] = {}
    for each in told:
        cart |= _filled(each.data.get("cart"))
    return {**cart, **event.data["cart"]}


def _filled(part: object) -> dict[str, Any]:
    """What a part really says."""
    if not isinstance(part, Mapping):
        return {}
    return {name: value for name, value in part.items() if value not in (None, "", [])}


def _parcels(told: Sequence[Event]) -> tuple[list[_Parcel], _Parcel]:
    """The order's parcels, in the order in which they were first told of; and what was told of none by name."""
    parcels: list[_Parcel] = []
    loose = _Parcel()
    for event in told:
        shipment = event.data.get("shipment")
        if not isinstance(shipment, Mapping):
            continue
        names = names_in({"shipment": shipment}).get("shipment")
        parcel = loose
        if names is not None:
            parcel = next((each for each in parcels if same(each.names, names)), _Parcel())
            parcel.names |= names
            if parcel not in parcels:
                parcels.append(parcel)
        parcel.hear(event, shipment)
    return parcels, loose


def _shipment(event: Event, told: Sequence[Event], parcels: Sequence[_Parcel], loose: _Parcel) -> dict[str, Any] | None:
    """The parcel that an event is about; None: it is about none, or about several."""
    own = event.data.get("shipment")
    if (
        not isinstance(own, Mapping)
        and names_of(event.type)[0] not in _OF_PARCELS
        and not event.type.startswith("shipment.")
    ):
        return None
    names = names_in({"shipment": own or {}}).get("shipment")
    mine = next((each for each in parcels if names and same(each.names, names)), None)
    if mine is None and not names and len(parcels) == 1:
        mine = parcels[0]
    known = dict(mine.told) if mine is not None else {} if parcels else dict(loose.told)
    known |= _filled(own)
    etas = [
        shipment["eta"]
        for each in told
        if isinstance(shipment := each.data.get("shipment"), Mapping)
        and shipment.get("eta")
        and _may_be(names_in({"shipment": shipment}).get("shipment"), mine.names if mine is not None else names)
    ]
    return known | ({"eta": etas[-1]} if etas else {}) or None


def _may_be(names: Mapping[str, str] | None, mine: Mapping[str, str] | None) -> bool:
    """Whether what was told of a parcel of those names concerns mine: it does, unless it is of another."""
    return names is None or mine is None or same(names, mine) is not False


def _with_details(shipment: Mapping[str, Any], order: Mapping[str, Any]) -> dict[str, Any]:
    """What is in a parcel, with what the order tells of each item."""
    if not shipment.get("items"):
        return {}
    details = {_key(item): item for item in order.get("items", ())}
    return {"items": [{**_filled(details.get(_key(item))), "quantity": 1, **item} for item in shipment["items"]]}


def _rest(name: str, order: Mapping[str, Any], parcels: Sequence[_Parcel], gone: Counter[str]) -> dict[str, Any]:
    """What of an order is in none of `parcels`; nothing if that cannot be told."""
    contents: list[Sequence[Item]] = [parcel.told.get("items", ()) for parcel in parcels]
    if not contents or not all(contents) or not order.get("items"):
        return {}
    there = Counter(gone)
    for items in contents:
        there.update(_counted(items))
    rest = []
    for item in order["items"]:
        key, quantity = _key(item), item.get("quantity", 1)
        left = quantity - min(quantity, there[key])
        there[key] -= quantity - left
        if left > 0 and key:
            rest.append({**item, "quantity": left})
    return {name: rest} if rest else {}


def _refund(event: Event, told: Sequence[Event], order: Mapping[str, Any]) -> dict[str, Any]:
    """What is given back: as the event says, else all that was not given back before."""
    own = _filled(event.data.get("refund"))
    others = _refunds(each for each in told if each.key != event.key and each.time <= event.time)
    if own:
        others.pop(_refund_id(event), None)
    before = sum((_amount(refund, order) for refund in others.values()), Decimal(0))
    total = Decimal(order["total"]) if order.get("total") else None
    if not own and total is not None:
        own = {"amount": str(max(total - before, Decimal(0)))}
    whole = not event.data.get("refund") or (total is not None and before + _amount(own, order) >= total)
    return {**own, "whole": whole}


def _amount(refund: Mapping[str, Any], order: Mapping[str, Any]) -> Decimal:
    """How much of the order's total it gives back: none that we could tell, if it is in another currency."""
    same_currency = refund.get("currency") in (None, order.get("currency"))
    return Decimal(refund["amount"]) if same_currency else Decimal(0)


def _refund_id(event: Event) -> str:
    return names_in(bare(event))["refund"]["id"]


def _refunds(told: Iterable[Event]) -> dict[str, Mapping[str, Any]]:
    """By id, as they were told last."""
    return {_refund_id(event): refund for event in told if isinstance(refund := event.data.get("refund"), Mapping)}


def _given_back(told: Sequence[Event]) -> Counter[str]:
    """What was refunded: nobody waits for it."""
    gone: Counter[str] = Counter()
    for refund in _refunds(told).values():
        gone.update(_counted(refund.get("items", ())))
    return gone


def _counted(items: Iterable[Item]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for item in items:
        counted[_key(item)] += item.get("quantity", 1)
    return counted


def _key(item: Item) -> str:
    """What an item is known by in orders, parcels and refunds alike."""
    return str(item.get("sku") or item.get("name") or "")
