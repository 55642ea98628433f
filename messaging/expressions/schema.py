"""The names an expression may use, with their types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from messaging.expressions.values import Type

#: Customer fields.
FIELDS: Mapping[str, Type] = MappingProxyType(
    {
        "id": Type.TEXT,
        "email": Type.TEXT,
        "phone": Type.TEXT,
        "first_name": Type.TEXT,
        "last_name": Type.TEXT,
        "locale": Type.TEXT,
        "timezone": Type.TEXT,
        "country": Type.TEXT,
        "region": Type.TEXT,
        "city": Type.TEXT,
        "postal_code": Type.TEXT,
        "birthday": Type.DAY,
        "created_at": Type.TIME,
        "updated_at": Type.TIME,
    }
)

#: How messaging.toml calls the types of attributes.
ATTRIBUTE_TYPES: Mapping[str, Type] = MappingProxyType(
    {"text": Type.TEXT, "number": Type.NUMBER, "boolean": Type.BOOLEAN, "date": Type.DAY}
)

_ITEMS = {"items": Type.LIST}
_PRICED = {"id": Type.TEXT, "total": Type.NUMBER, "currency": Type.TEXT, "url": Type.TEXT, **_ITEMS}

#: What the data of events holds: the extra names of conditions such as a trigger's `unless`.
EVENT_NAMES: Mapping[str, Mapping[str, Type]] = MappingProxyType(
    {
        "event": {
            "id": Type.TEXT,
            "type": Type.TEXT,
            "time": Type.TIME,
            "source": Type.TEXT,
            "shop": Type.TEXT,
        },
        "order": {
            **_PRICED,
            "number": Type.TEXT,
            "backordered_until": Type.TIME,
            "unshipped": Type.LIST,
            "undelivered": Type.LIST,
        },
        "cart": _PRICED,
        "shipment": {
            "id": Type.TEXT,
            "carrier": Type.TEXT,
            "tracking_number": Type.TEXT,
            "tracking_url": Type.TEXT,
            "eta": Type.TIME,
            "location": Type.TEXT,
            **_ITEMS,
        },
        "refund": {"id": Type.TEXT, "amount": Type.NUMBER, "whole": Type.BOOLEAN, "currency": Type.TEXT, **_ITEMS},
        "product": {
            "id": Type.TEXT,
            "sku": Type.TEXT,
            "name": Type.TEXT,
            "price": Type.NUMBER,
            "currency": Type.TEXT,
            "url": Type.TEXT,
        },
    }
)

#: Names that stand for more than one value, and what they have.
ORDERS = ("count", "total", "average", "first_at", "last_at", "last_delivered_at")
RFM = ("r", "f", "m")
FUNCTIONS = (
    "bought",
    "clicked",
    "consented",
    "days_since",
    "happened",
    "in_segment",
    "opened",
    "sent",
)
FILTERS = ("default", "length", "lower", "trim", "upper")
TESTS = ("defined", "none", "undefined")
METHODS = ("endswith", "startswith")
DATE_PARTS = ("year", "month", "day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a workspace knows: its declared attributes, and the event data a condition may look at.

    A language name (`orders`, `now` …) goes before event data, that before a customer field, that before
    an attribute; what is hidden is reached as `customer.NAME`.
    """

    attributes: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)

    def customer_names(self) -> tuple[str, ...]:
        """Fields and attributes."""
        return (*FIELDS, *self.attributes)

    def names(self) -> tuple[str, ...]:
        """All names that can begin a value."""
        return (
            *self.customer_names(),
            "addresses",
            "customer",
            "now",
            "orders",
            "rfm",
            *FUNCTIONS,
            *self.extras,
        )
