"""WooCommerce's words for an order, its lines, its parcels and who bought it, in ours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import quote, urlsplit

from messaging_shops.items import item
from messaging_shops.money import amount, currency
from messaging_shops.people import first, person
from messaging_shops.reading import filled, name, needed, rows, table, text, unix, web_address

#: Where the two plugins that are called Shipment Tracking keep parcels.
_TRACKING = "_wc_shipment_tracking_items"
#: Where WPML keeps the language that was bought in.
_LANGUAGE = "wpml_language"
#: Parcels of one order that are told of.
_LAST = 100


def meta(told: Mapping[str, Any], key: str) -> Any:
    """What a plugin keeps with an order; None if nothing."""
    return next((row.get("value") for row in rows(told.get("meta_data")) if row.get("key") == key), None)


def order_part(told: Mapping[str, Any]) -> dict[str, Any]:
    """The `order` of an event.

    Raises:
        InputError: it has no id.
    """
    id = needed(told.get("id"), "id")
    return filled(
        id=id,
        number=name(told.get("number"), id),
        total=amount(told.get("total")),
        currency=currency(told.get("currency")),
        items=[_item(line, with_tax=told.get("prices_include_tax") is True) for line in rows(told.get("line_items"))],
        url=_page(told),
    )


def _item(line: Mapping[str, Any], *, with_tax: bool) -> dict[str, Any]:
    """Prices are with tax where the shop shows them so; names are written as HTML has them."""
    return item(
        *map(line.get, ("sku", "variation_id", "product_id")),
        name=unescape(text(line.get("name")) or ""),
        quantity=line.get("quantity"),
        price=_piece(line, with_tax) or line.get("price"),
        image=table(line.get("image")).get("src"),
    )


def _piece(line: Mapping[str, Any], with_tax: bool) -> str | None:
    total, tax, quantity = (amount(line.get(key)) for key in ("total", "total_tax", "quantity"))
    if total is None or quantity is None or Decimal(quantity) <= 0:
        return None
    whole = Decimal(total) + (Decimal(tax) if with_tax and tax is not None else 0)
    return format((whole / Decimal(quantity)).quantize(Decimal(total)), "f")


def _page(told: Mapping[str, Any]) -> str | None:
    """Where the customer sees it: where they can still pay, or the page that thanked them, which is beside that one."""
    pay, key = web_address(told.get("payment_url")), text(told.get("order_key"))
    if pay is None or told.get("needs_payment") is True:
        return pay
    parts = urlsplit(pay)
    if key is None or "/order-pay/" not in parts.path:
        return None
    path = parts.path.replace("/order-pay/", "/order-received/")
    return f"{parts.scheme}://{parts.netloc}{path}?key={quote(key, safe='')}"


def buyer(told: Mapping[str, Any]) -> dict[str, Any]:
    """Who bought it; a guest has no id."""
    billing, shipping = table(told.get("billing")), table(told.get("shipping"))
    return person(
        id=told.get("customer_id"),
        email=billing.get("email"),
        phone=first(billing.get("phone"), shipping.get("phone")),
        first_name=first(billing.get("first_name"), shipping.get("first_name")),
        last_name=first(billing.get("last_name"), shipping.get("last_name")),
        locale=meta(told, _LANGUAGE),
        country=first(billing.get("country"), shipping.get("country")),
        region=first(billing.get("state"), shipping.get("state")),
        city=first(billing.get("city"), shipping.get("city")),
        postal_code=first(billing.get("postcode"), shipping.get("postcode")),
    )


def parcels(told: Mapping[str, Any], changed: str) -> list[tuple[str, dict[str, Any]]]:
    """When each parcel left, and what is known of it, the last at the end."""
    found = []
    for row in rows(meta(told, _TRACKING)):
        number = name(row.get("tracking_number"))
        id = name(row.get("tracking_id"), number)
        if id is None:
            continue
        link = first(row.get("custom_tracking_link"), row.get("formatted_tracking_link"), row.get("ast_tracking_link"))
        carrier = (row.get(f"{which}tracking_provider") for which in ("formatted_", "custom_", ""))
        shipment = filled(
            id=f"{needed(told.get('id'), 'id')}-{id}",
            carrier=first(*carrier),
            tracking_number=number,
            tracking_url=web_address((link or "").replace("%1$s", quote(number or "", safe=""))),
        )
        # It is a day, which somebody may have set ahead.
        found.append((min(unix(row.get("date_shipped")) or changed, changed), shipment))
    return sorted(found[-_LAST:], key=lambda pair: pair[0])
