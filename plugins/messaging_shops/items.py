"""The `items` of an order or cart."""

from __future__ import annotations

from typing import Any

from messaging_shops.money import amount
from messaging_shops.reading import filled, name, text, web_address


def item(
    *,
    sku: object = None,
    name_: object = None,
    quantity: object = None,
    price: object = None,
    url: object = None,
    image: object = None,
) -> dict[str, Any]:
    """One line: `price` is that of one piece. What is none of its kind is left out."""
    return filled(
        sku=name(sku),
        name=text(name_, 300),
        quantity=_quantity(quantity),
        price=amount(price),
        url=web_address(url),
        image=web_address(image),
    )


def _quantity(value: object) -> int | float | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 10:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000_000:
        return None
    return value
