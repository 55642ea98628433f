"""The `items` of an order or cart."""

from __future__ import annotations

from typing import Any

from messaging_shops import reading
from messaging_shops.money import amount


def item(
    *skus: object,
    name: object = None,
    quantity: object = None,
    price: object = None,
    url: object = None,
    image: object = None,
) -> dict[str, Any]:
    """One line: `price` is that of one piece. What is none of its kind is left out.

    Its SKU is the first of `skus` that is one: an id of the shop's tells things without an SKU apart as well.
    """
    return reading.filled(
        sku=reading.name(*skus),
        name=reading.text(name, 300),
        quantity=_quantity(quantity),
        price=amount(price),
        url=reading.web_address(url),
        image=reading.web_address(image),
    )


def _quantity(value: object) -> int | float | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000_000:
        return None
    return value
