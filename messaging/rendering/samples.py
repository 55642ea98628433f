"""Example data: what a template is shown with when there is no real customer or event at hand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from messaging.nouns.template import Template
from messaging.rules.subjects import made_plain

_ITEMS = [
    {
        "sku": "TEA-250",
        "name": "Darjeeling First Flush, 250 g",
        "quantity": 2,
        "price": "18.90",
        "url": "https://shop.example/products/darjeeling-first-flush",
    },
    {
        "sku": "POT-1",
        "name": "Cast iron teapot, 0.8 l",
        "quantity": 1,
        "price": "46.90",
        "url": "https://shop.example/products/cast-iron-teapot",
    },
]
#: What others bought with these.
_OTHERS = [
    {
        "sku": "CUP-2",
        "name": "Stoneware cups, set of 2",
        "price": "24.00",
        "url": "https://shop.example/products/stoneware-cups",
    },
    {
        "sku": "TIN-1",
        "name": "Tea tin, large",
        "price": "9.80",
        "url": "https://shop.example/products/tea-tin",
    },
    {
        "sku": "SCOOP",
        "name": "Brass tea scoop",
        "price": "12.40",
        "url": "https://shop.example/products/brass-tea-scoop",
    },
]
_DATA: Mapping[str, Any] = {
    "order": {
        "id": "5001",
        "number": "10482",
        "total": "84.70",
        "currency": "EUR",
        "items": _ITEMS,
        "url": "https://shop.example/orders/10482",
    },
    "shipment": {
        "id": "900",
        "carrier": "DHL",
        "tracking_number": "00340434161094042557",
        "tracking_url": "https://carrier.example/track/00340434161094042557",
    },
    "refund": {"id": "77", "amount": "18.90", "items": _ITEMS[:1]},
    "cart": {
        "id": "c-31",
        "total": "84.70",
        "currency": "EUR",
        "items": _ITEMS,
        "url": "https://shop.example/cart/c-31",
    },
    "product": {**_ITEMS[1], "currency": "EUR"},
}

CUSTOMER: Mapping[str, Any] = {
    "id": "sample",
    "email": "ann.sample@example.com",
    "phone": "+12025550123",
    "first_name": "Ann",
    "last_name": "Sample",
    "locale": "en",
    "timezone": "UTC",
    "country": "AT",
    "region": "Vienna",
    "city": "Vienna",
    "postal_code": "1010",
    "birthday": "1990-03-05",
}


#: A day so far from today: a sample that names one stays a good example.
_DAYS = re.compile(r"in (\d{1,4}) days?|(\d{1,4}) days? ago")


def dated(value: Any, now: datetime) -> Any:
    """A sample with its days (`in 3 days`, `2 days ago`) as they are today."""
    if isinstance(value, Mapping):
        return {name: dated(inner, now) for name, inner in value.items()}
    if isinstance(value, list):
        return [dated(inner, now) for inner in value]
    match = _DAYS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    return (now + timedelta(days=int(match[1]) if match[1] else -int(match[2]))).date().isoformat()


def sample_context(template: Template, now: datetime) -> dict[str, Any]:
    """What an event would bring that sends `template`: its own sample, and where that has nothing, a usual
    one.
    """
    context: dict[str, Any] = {}
    if template.triggers:
        event = template.triggers[0].event
        context["event"] = {
            "id": "sample",
            "type": event,
            "time": now.isoformat(),
            "source": "sample",
            "shop": "default",
        }
        kind = event.partition(".")[0]
        if kind in _DATA:
            context[kind] = _DATA[kind]
        if kind in ("shipment", "refund"):
            context["order"] = _DATA["order"]
    context["recommended"] = [{**item, "currency": "EUR"} for item in _OTHERS]
    return made_plain({**context, **dated(template.sample, now)})
