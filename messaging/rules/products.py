"""What a product is, by what orders tell of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

#: Customers who must have had it under a name: what was made for one (`Mug, for Ann`) is shown to nobody else.
NAMED_BY = 2
_FIELDS = ("price", "url", "image")


def product_of(sku: str, told: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
    """The article `sku` by the name that most customers had it under, with the last word on what else it is.

    `told`: a customer and what an event of theirs tells of an order (its `data.order`), in order of time. None: too few
    had it under one name.
    """
    items = [
        (customer, {**item, "currency": order.get("currency")})
        for customer, order in told
        for item in order.get("items", ())
        if item.get("sku") == sku and item.get("name")
    ]
    names = Counter(name for _, name in {(customer, item["name"]) for customer, item in items})
    most = max(names.values(), default=0)
    if most < NAMED_BY:
        return None
    name = next(item["name"] for _, item in reversed(items) if names[item["name"]] == most)
    found: dict[str, Any] = {"sku": sku, "name": name}
    for _, item in items:
        if item["name"] == name:
            found |= {field: item[field] for field in _FIELDS if item.get(field)}
            if item.get("price") and item["currency"]:
                found["currency"] = item["currency"]
    return found
