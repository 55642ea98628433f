"""What an event is about, and what a trigger goes by.

A trigger's key makes its message once: `order/1001`, `cart/c-7`. It names the source and shop as well,
since ids are unique only there, and it holds no address of a person: it stays in the outbox after they are
erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from messaging.ids import digest
from messaging.nouns.event import Event
from messaging.nouns.template import Trigger
from messaging.rules.carriers import tracked
from messaging.rules.orders import order_name

#: What an event can be about, the narrowest first, and by which of its fields it is known.
SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "shipment": ("id", "tracking_number"),
    "order": ("number", "id"),
    "cart": ("id",),
    "product": ("id", "sku"),
}


def subjects(event: Event) -> dict[str, str]:
    """What the event is about: kind -> what it is known by, the narrowest first."""
    return _subjects(event.data)


def trigger_key(trigger: Trigger, event: Event) -> str | None:
    """What makes `trigger` once: `source/shop/kind/value`; None if the event has nothing at the key.

    Without a key of its own a trigger goes by the narrowest subject of the event, or the event itself.
    """
    if trigger.key is None:
        kind, value = next(iter(subjects(event).items()), ("event", event.id))
    else:
        kind, _, rest = trigger.key.partition(".")
        found = value_at(trigger.key, event)
        if kind == "order" and rest in ("id", "number"):
            found = order_name(event)  # one order, one key, whichever of its names the trigger asks for
        if found is None or isinstance(found, Mapping | list):
            return None
        value = digest(str(found)) if kind == "customer" else str(found)
        kind = kind if rest in SUBJECTS.get(kind, ()) else trigger.key
    return "/".join(quote(part, safe="") for part in (event.source, event.shop, kind, value))


def value_at(path: str, event: Event) -> Any:
    """What the event tells at a dotted path into its data, `customer` or `event`; None if nothing."""
    value: Any = context_of(event) | {"customer": event.customer}
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value


def context_of(event: Event) -> dict[str, Any]:
    """What a template sees of the event: its data, its shipment with carrier and tracking page, and `event` itself."""
    return {
        **with_tracking(event.data),
        "event": {
            "id": event.id,
            "type": event.type,
            "time": event.time.isoformat(),
            "source": event.source,
            "shop": event.shop,
        },
    }


def with_tracking(data: Mapping[str, Any]) -> dict[str, Any]:
    """What an event tells, its shipment with its carrier and tracking page where they can be known."""
    shipment = data.get("shipment")
    return {**data, "shipment": tracked(shipment)} if isinstance(shipment, Mapping) else dict(data)


def cancels(event: Event, context: Mapping[str, Any]) -> bool:
    """Whether `event` is about the same thing as the message that waits with `context`.

    What both name decides: the same order, cart or parcel. Where they have nothing in common that could
    differ, the customer is the link, and the answer is yes.
    """
    waiting = context.get("event", {})
    if (waiting.get("source"), waiting.get("shop")) == (event.source, event.shop):
        mine, theirs = subjects(event), _subjects(context)
        for kind in SUBJECTS:
            if kind in mine and kind in theirs:
                return mine[kind] == theirs[kind]
    return True


def _subjects(data: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for kind, names in SUBJECTS.items():
        part = data.get(kind)
        if isinstance(part, Mapping):
            value = next((part[name] for name in names if part.get(name)), None)
            if value is not None:
                found[kind] = str(value)
    return found
