"""What BigCommerce's API answers, in our words. https://docs.bigcommerce.com/docs/rest-management"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from messaging_shops.items import item
from messaging_shops.money import amount, currency
from messaging_shops.people import first, person
from messaging_shops.reading import filled, name, rows, table, web_address

Row = Mapping[str, Any]

#: Of a payment that was not taken (yet): the other words, and none (cash, a transfer), are believed.
_UNPAID = ("authorized", "capture pending", "declined", "held for review", "pending", "void", "void pending")


def is_paid(order: Row) -> bool:
    return str(order.get("payment_status") or "").lower() not in _UNPAID


def order_part(order: Row, products: Sequence[Row], storefront: str | None) -> dict[str, Any]:
    """The `order` of an event: what customers know as its number is its id."""
    id = name(order.get("id"))
    account = f"{storefront}/account.php?action=view_order&order_id={id}" if storefront else None
    return filled(
        id=id,
        number=id,
        total=amount(order.get("total_inc_tax")),
        currency=currency(order.get("currency_code")),
        items=[_line(row, order) for row in products if not row.get("parent_order_product_id")],
        # Guests have no account to look at it in.
        url=web_address(account) if name(order.get("customer_id")) else None,
    )


def _line(product: Row, order: Row, quantity: object = None) -> dict[str, Any]:
    """As the store shows prices: with taxes, or without."""
    price = "price_inc_tax" if order.get("is_tax_inclusive_pricing") is True else "price_ex_tax"
    return item(
        *map(product.get, ("sku", "variant_id", "product_id")),
        name=product.get("name"),
        quantity=product.get("quantity") if quantity is None else quantity,
        price=product.get(price),
    )


def buyer(order: Row) -> dict[str, Any]:
    """Who bought it; a guest has no id."""
    billing = table(order.get("billing_address"))
    return person(
        id=order.get("customer_id"),
        email=billing.get("email"),
        phone=billing.get("phone"),
        first_name=billing.get("first_name"),
        last_name=billing.get("last_name"),
        locale=order.get("customer_locale"),
        country=first(billing.get("country_iso2"), billing.get("country")),
        region=billing.get("state"),
        city=billing.get("city"),
        postal_code=billing.get("zip"),
    )


def shipment_part(shipment: Row, products: Sequence[Row], order: Row) -> dict[str, Any]:
    """The `shipment` of an event; the store's own link goes before the one that was made of the number."""
    names = (shipment.get(key) for key in ("shipping_provider_display_name", "tracking_carrier", "shipping_provider"))
    return filled(
        id=name(shipment.get("id")),
        carrier=first(*names),
        tracking_number=name(shipment.get("tracking_number")),
        tracking_url=web_address(shipment.get("tracking_link"), shipment.get("generated_tracking_link")),
        items=_lines(shipment, "order_product_id", products, order),
    )


def refund_part(refund: Row, products: Sequence[Row], order: Row) -> dict[str, Any]:
    """The `refund` of an event; empty where nothing went back: every payment was declined."""
    payments, given = rows(refund.get("payments")), amount(refund.get("total_amount"))
    declined = payments and all(payment.get("is_declined") is True for payment in payments)
    if declined or given is None or Decimal(given) <= 0:
        return {}
    items = _lines(refund, "item_id", products, order)
    return filled(id=name(refund.get("id")), amount=given, items=items)


def _lines(part: Row, named: str, products: Sequence[Row], order: Row) -> list[dict[str, Any]]:
    """What is in a part of an order: it names each line of the order, and how many of it."""
    known = {name(product.get("id")): product for product in products}
    lines = [row for row in rows(part.get("items")) if name(row.get(named)) in known]
    return [_line(known[name(row.get(named))], order, row.get("quantity")) for row in lines]


def cart_part(cart: Row, storefront: str | None) -> dict[str, Any]:
    """The `cart` of an event. The API makes links that bring a cart back elsewhere only for carts it made itself."""
    lines = table(cart.get("line_items"))
    kinds = ("physical_items", "digital_items", "custom_items")
    return filled(
        id=name(cart.get("id")),
        total=amount(cart.get("cart_amount")),
        currency=currency(table(cart.get("currency")).get("code")),
        items=[_piece(row) for kind in kinds for row in rows(lines.get(kind)) if not row.get("parent_id")],
        url=web_address(f"{storefront}/cart.php") if storefront else None,
    )


def _piece(row: Row) -> dict[str, Any]:
    price = row.get("sale_price") if amount(row.get("sale_price")) not in (None, "0") else row.get("list_price")
    return item(
        *map(row.get, ("sku", "variant_id", "product_id")),
        name=row.get("name"),
        quantity=row.get("quantity"),
        price=price,
        url=row.get("url"),
        image=row.get("image_url"),
    )


def shopper(cart: Row) -> dict[str, Any]:
    return person(id=cart.get("customer_id"), email=cart.get("email"), locale=cart.get("locale"))


def customer_of(customer: Row, addresses: Iterable[Row] = ()) -> dict[str, Any]:
    home = next(iter(addresses), {})
    return person(
        id=customer.get("id"),
        email=customer.get("email"),
        phone=first(customer.get("phone"), home.get("phone")),
        first_name=customer.get("first_name"),
        last_name=customer.get("last_name"),
        country=first(home.get("country_code"), home.get("country")),
        region=home.get("state_or_province"),
        city=home.get("city"),
        postal_code=home.get("postal_code"),
    )


def last_of(shipments: Sequence[Row]) -> Row:
    """The parcel that left last."""
    return max(shipments, key=_made_at, default={})


def _made_at(row: Row) -> float:
    try:
        return parsedate_to_datetime(str(row.get("date_created"))).timestamp()
    except (ValueError, OverflowError):
        return 0.0
