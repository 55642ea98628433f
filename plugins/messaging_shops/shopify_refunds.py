"""Shopify's refunds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from messaging import Request
from messaging_shops.money import currency, total_of
from messaging_shops.reading import filled, needed, rows, table
from messaging_shops.shop import Topic
from messaging_shops.shopify_words import line_items, money
from messaging_shops.telling import Told, happened_at, happening


def _refund(refund: Told, foreign: bool) -> dict[str, Any] | None:
    """The `refund` of an event; None where no money went back: an order that was never paid is cancelled this way, too.

    Raises:
        InputError: it has no id.
    """
    id, given = needed(refund.get("id"), "id"), _given_back(refund, foreign)
    if given is None or Decimal(given) <= 0:
        return None
    lines = rows(refund.get("refund_line_items"))
    returned = [{**table(line.get("line_item")), "quantity": line.get("quantity")} for line in lines]
    return filled(id=id, amount=given, currency=_paid_in(refund), items=line_items(returned, foreign))


def _payments(refund: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """In the currency that was paid in."""
    return [row for row in rows(refund.get("transactions")) if row.get("kind", "refund") == "refund"]


def _paid_in(refund: Mapping[str, Any]) -> str | None:
    shown = (table(line.get("subtotal_set")).get("presentment_money") for line in rows(refund.get("refund_line_items")))
    codes = [row.get("currency") for row in _payments(refund)] + [table(each).get("currency_code") for each in shown]
    return next(filter(None, map(currency, codes)), None)


def _given_back(refund: Mapping[str, Any], foreign: bool) -> str | None:
    """What was paid back or, where no payment is told, what the refund's own lines come to."""
    payments = _payments(refund)
    if payments:
        went = (row.get("amount") for row in payments if row.get("status", "success") in ("success", "pending"))
        return total_of(*went)
    lines = rows(refund.get("refund_line_items"))
    if lines and all(line.get("restock_type") == "cancel" for line in lines):
        return None
    sums = [money(line, field, foreign) for line in lines for field in ("subtotal", "total_tax")]
    # What was taken off the order is negative here: shipping that is refunded; what was not given back, positive.
    rest = rows(refund.get("order_adjustments"))
    adjusted = [money(row, field, foreign) for row in rest for field in ("amount", "tax_amount")]
    return total_of(*sums, *(str(-Decimal(each)) for each in adjusted if each is not None))


def refunded(told: Told, request: Request, *, foreign: bool = False, **more: Any) -> Iterator[Told]:
    """A refund. `more` is what is known of it beside: whose it is, and of what."""
    refund = _refund(told, foreign)
    if refund is not None:
        time = happened_at(request, told.get("processed_at"), told.get("created_at"))
        yield happening(f"refund:{refund['id']}", "order.refunded", time, refund=refund, **more)


def created(told: Told, request: Request) -> Iterator[Told]:
    return refunded(told, request, incomplete={"order": needed(told.get("order_id"), "order_id")})


TOPICS: Mapping[str, Topic] = {"refunds/create": Topic(("order.refunded",), created)}
