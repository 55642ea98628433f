"""What an event is about, and what a trigger goes by.

A trigger's key makes its message once: `order/1001`, `cart/c-7`. It names the source and shop as well,
since ids are unique only there, and it holds no address of a person: it stays in the outbox after they are
erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from messaging.ids import digest
from messaging.nouns.event import Event
from messaging.nouns.template import Trigger
from messaging.rules.carriers import is_number, tracked
from messaging.rules.orders import order_name

#: What an event can be about, the narrowest first, and by which of its fields it is known, the best first.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "refund": ("id",),
    "shipment": ("id", "tracking_number"),
    "order": ("number", "id"),
    "cart": ("id",),
    "product": ("id", "sku"),
}
#: The usual kind first: to ask of any `Mapping` takes ten times as long.
_TABLE = (dict, Mapping)
#: What `made_plain` may add or replace.
_WORKED_OUT = frozenset(("shipment.carrier", "shipment.tracking_url", "order.backordered_until"))


def subjects(event: Event) -> dict[str, str]:
    """What the event is about: kind -> what it is known by, the narrowest first."""
    return {kind: next(iter(names.values())) for kind, names in names_in(bare(event)).items()}


def names_in(context: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What an event (its data, with `event` itself) is about: kind -> field -> name, the narrowest first.

    A refund without an id is known by the event that tells it, as orders know it. What stands for a tracking number and
    is none (`N/A`) names no parcel: all that have none would be one.
    """
    found: dict[str, dict[str, str]] = {}
    for kind, fields in SUBJECTS.items():
        part = context.get(kind)
        if part is None or not isinstance(part, _TABLE):
            continue
        names = {}
        for field in fields:
            name = part.get(field)
            if name and (field != "tracking_number" or is_number(name)):
                names[field] = str(name)
        if kind == "refund" and not names:
            names = {"id": f"event {context.get('event', {}).get('id')}"}
        if names:
            found[kind] = names
    return found


def bare(event: Event) -> dict[str, Any]:
    """As much of `context_of` as tells what an event is about: as it was told, nothing worked out."""
    return {**event.data, "event": {"id": event.id, "source": event.source, "shop": event.shop}}


def lasting(event: Event) -> list[str]:
    """The order and parcel that an event is about, by each of their names: what more may be told of for weeks."""
    named = names_in(event.data)
    return [
        "\0".join((event.source, event.shop, kind, field, name))
        for kind in ("order", "shipment")
        for field, name in named.get(kind, {}).items()
    ]


def same(one: Mapping[str, str], other: Mapping[str, str]) -> bool | None:
    """Whether two of a kind are one, by the first name that both have; None if they have none in common."""
    common = next((field for field in one if field in other), None)
    return None if common is None else one[common] == other[common]


def trigger_key(trigger: Trigger, event: Event) -> str | None:
    """What makes `trigger` once: `source/shop/kind/value`; None if the event has nothing at the key.

    Without a key of its own a trigger goes by the narrowest subject of the event, or the event itself. A parcel goes by
    its order, too, as two may be in one: `source/shop/shipment/order/parcel`. Of a key of several paths
    (`order.number + order.backordered_until`) the first must be there.
    """
    if trigger.key is None:
        named = subjects(event)
        kind, value = next(iter(named.items()), ("event", event.id))
        return key_of(event, kind, *([named["order"]] if kind == "shipment" and "order" in named else []), value)
    paths = [path.strip() for path in trigger.key.split("+")]
    values = [_key_value(path, event) for path in paths]
    if values[0] is None:
        return None
    kind, _, rest = paths[0].partition(".")
    kind = kind if len(paths) == 1 and rest in SUBJECTS.get(kind, ()) else " + ".join(paths)
    return key_of(event, kind, " + ".join(value or "" for value in values))


def key_of(event: Event, kind: str, *values: str) -> str:
    """`source/shop/kind/value`."""
    return "/".join(map(_quoted, (event.source, event.shop, kind, *values)))


@lru_cache(4096)
def _quoted(part: str) -> str:
    return quote(part, safe="")


def kind_of(key: str | None) -> str:
    """The kind in a trigger's key."""
    return unquote(key.split("/")[2]) if key else ""


def _key_value(path: str, event: Event) -> str | None:
    kind, _, rest = path.partition(".")
    found = value_at(path, event)
    if kind == "order" and rest in ("id", "number"):
        found = order_name(event)  # one order, one key, whichever of its names the trigger asks for
    if found is None or isinstance(found, Mapping | list):
        return None
    return digest(str(found)) if kind == "customer" else str(found)


def value_at(path: str, event: Event) -> Any:
    """What the event tells at a dotted path into its data, `customer` or `event`; None if nothing."""
    kind = path.partition(".")[0]
    if kind == "customer":
        return value_in(path, {"customer": event.customer})
    if kind == "event":
        return value_in(path, context_of(event))
    if kind not in event.data:
        return None
    worked_out = path == kind or path in _WORKED_OUT
    return value_in(path, made_plain({kind: event.data[kind]}) if worked_out else event.data)


def value_in(path: str, context: Mapping[str, Any]) -> Any:
    """What stands at a dotted path; None if nothing."""
    value: Any = context
    for part in path.split("."):
        if not isinstance(value, _TABLE):
            return None
        value = value.get(part)
    return value


def context_of(event: Event) -> dict[str, Any]:
    """What a template sees of the event: its data, made plain, and `event` itself."""
    return {
        **made_plain(event.data),
        "event": {
            "id": event.id,
            "type": event.type,
            "time": event.time.isoformat(),
            "source": event.source,
            "shop": event.shop,
        },
    }


def made_plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells, with what it says in other words: the carrier and its tracking page, and till when an order
    has to wait if only its items tell.
    """
    found, order, shipment = dict(data), data.get("order"), data.get("shipment")
    if shipment is not None and isinstance(shipment, _TABLE):
        found["shipment"] = tracked(shipment)
    if order is not None and isinstance(order, _TABLE) and not order.get("backordered_until"):
        days = [item["backordered_until"] for item in order.get("items", ()) if item.get("backordered_until")]
        if days:
            found["order"] = {**order, "backordered_until": max(days)}
    return found


def cancels(event: Event, context: Mapping[str, Any]) -> bool:
    """Whether `event` is about the same thing as the message that waits with `context`.

    What both name decides: the same order, cart or parcel. Where they have nothing in common that could
    differ, the customer is the link, and the answer is yes.
    """
    return about_the_same(bare(event), context) is not False


def about_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    """Whether two events are about one thing, by the narrowest that both name; None: they have nothing in common.

    What belongs to two orders is two things, be it in one parcel.
    """
    if _shop(one) != _shop(other):
        return None
    mine, theirs = names_in(one), names_in(other)
    answers = {kind: same(mine[kind], theirs[kind]) for kind in SUBJECTS if kind in mine and kind in theirs}
    if answers.get("order") is False:
        return False
    return next((answer for answer in answers.values() if answer is not None), None)


def _shop(context: Mapping[str, Any]) -> tuple[Any, Any]:
    event = context.get("event", {})
    return event.get("source"), event.get("shop")
