"""Orders, and which articles are in those that count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from messaging.nouns.documents import money_to_text
from messaging.nouns.order import Order
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.table import Table
from messaging.stores.products import LARGEST

ORDERS = Table(
    "orders",
    {
        "key": "text",
        **dict.fromkeys(("source", "shop", "customer_id", "currency"), "text"),
        "placed_at": "timestamptz",
        "cancelled_at": "timestamptz",
        "total": "numeric",
        "document": "json",
    },
    empty={"source": "", "shop": ""},
)
SKUS = {"source": "text", "shop": "text", "sku": "text", "order_key": "text"}


def _row(order: Order) -> tuple[Any, ...]:
    document = order.to_document()
    columns = {name: value for name, value in document.items() if name in ORDERS.columns}
    return ORDERS.row({**columns, "total": money_to_text(order.total), "document": document})


def order_of(row: Row) -> Order:
    """The order in a row."""
    return Order.from_document(row["document"])


def put_orders(session: Session, orders: Iterable[Order]) -> None:
    """Insert or replace orders, of the same key the last, and what is known of their articles.

    Raises:
        InputError: one has what cannot be kept; nothing was changed.
    """
    last = {order.key: order for order in orders}
    rows = [_row(order) for order in last.values()]
    session.insert("orders", ORDERS.columns, rows, f"ON CONFLICT (key) DO UPDATE SET {ORDERS.replaced}")
    session.run("DELETE FROM order_skus WHERE order_key = ANY(%(keys)s)", {"keys": list(last)})
    skus = [
        (order.source, order.shop, sku, order.key)
        for order in last.values()
        if order.counts and len(order.skus) <= LARGEST
        for sku in order.skus
    ]
    session.insert("order_skus", SKUS, skus)
