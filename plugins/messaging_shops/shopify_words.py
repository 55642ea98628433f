"""Shopify's words for an order, its lines and who bought it, in ours.

Amounts are in the currency that the customer paid in (`presentment_money`): that is what they are written to about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from messaging_shops.items import item
from messaging_shops.money import amount, currency
from messaging_shops.people import first, person
from messaging_shops.reading import filled, name, needed, rows, table, web_address


def order_part(order: Mapping[str, Any]) -> dict[str, Any]:
    """The `order` of an event. Its number is what the customer knows it by: `#1001`.

    Raises:
        InputError: it has no id.
    """
    id = needed(order.get("id"), "id")
    return filled(
        id=id,
        number=name(order.get("name"), order.get("order_number"), id),
        total=money(order, "total_price", is_foreign(order)),
        currency=paid_in(order),
        items=line_items(rows(order.get("line_items")), is_foreign(order)),
        url=web_address(order.get("order_status_url")),
    )


def line_items(lines: Sequence[Mapping[str, Any]], foreign: bool = False) -> list[dict[str, Any]]:
    """What was ordered."""
    return [
        item(
            *map(line.get, ("sku", "variant_id", "product_id")),
            name=first(line.get("name"), _title(line)),
            quantity=line.get("quantity"),
            price=money(line, "price", foreign),
        )
        for line in lines
    ]


def _title(line: Mapping[str, Any]) -> str | None:
    title = first(line.get("presentment_title"), line.get("title"))
    variant = first(line.get("presentment_variant_title"), line.get("variant_title"))
    return f"{title} - {variant}" if title and variant else title


def paid_in(order: Mapping[str, Any]) -> str | None:
    """The currency that the customer sees."""
    shown = table(table(order.get("total_price_set")).get("presentment_money")).get("currency_code")
    return currency(shown) or currency(order.get("presentment_currency")) or currency(order.get("currency"))


def is_foreign(order: Mapping[str, Any]) -> bool:
    """Whether the customer sees another currency than the shop has."""
    own = currency(order.get("currency"))
    return own is not None and paid_in(order) != own


def money(row: Mapping[str, Any], field: str, foreign: bool) -> str | None:
    """An amount as the customer sees it; None where only the shop's own is told, and that is in another currency."""
    shown = table(row.get(f"{field}_set")).get("presentment_money")
    if isinstance(shown, dict):
        return amount(shown.get("amount"))
    return None if foreign else amount(row.get(field))


def buyer(order: Mapping[str, Any]) -> dict[str, Any]:
    """Who bought it, and where this order's news goes: its own address, which may differ from the account's.

    A parcel's recipient may be somebody else, so a name or number of theirs comes last.
    """
    account, billing, shipping = (table(order.get(key)) for key in ("customer", "billing_address", "shipping_address"))
    home = billing or shipping or table(account.get("default_address"))
    return person(
        id=account.get("id"),
        email=first(order.get("email"), order.get("contact_email"), account.get("email")),
        phone=first(order.get("phone"), account.get("phone"), billing.get("phone"), shipping.get("phone")),
        first_name=first(account.get("first_name"), home.get("first_name")),
        last_name=first(account.get("last_name"), home.get("last_name")),
        locale=first(order.get("customer_locale"), account.get("locale")),
        **place(home),
    )


def place(address: Mapping[str, Any]) -> dict[str, Any]:
    """Where somebody lives, as `person` takes it."""
    return {
        "country": first(address.get("country_code"), address.get("country")),
        "region": first(address.get("province_code"), address.get("province")),
        "city": address.get("city"),
        "postal_code": address.get("zip"),
    }
