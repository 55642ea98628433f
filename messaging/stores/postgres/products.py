"""Products, over the tables of events and orders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from messaging.nouns.documents import is_storable
from messaging.nouns.event import Event
from messaging.nouns.order import Order
from messaging.rules.products import product_of
from messaging.rules.subjects import names_in, same
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.events import event_of, events_naming
from messaging.stores.postgres.orders import order_of
from messaging.stores.postgres.session import Session
from messaging.stores.postgres.values import askable, short
from messaging.stores.products import ORDERS_ASKED, Products


class PostgresProducts(Products):
    """What `events` and `order_skus` tell."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def events(self, type: str, event: Event) -> list[Event]:
        mine = names_in(event.data).get("product", {})
        if not mine:
            return []
        either = " UNION ".join(
            f"SELECT key FROM events WHERE product_{field} = %({field})s AND type = %(type)s AND state <> 'failed'"
            for field in mine
        )
        rows = self._database.rows(
            f"SELECT * FROM events WHERE key IN ({either}) AND source = %(source)s AND shop = %(shop)s "
            "ORDER BY time, key",
            {
                **{field: short(name) for field, name in mine.items()},
                "type": type,
                "source": event.source,
                "shop": event.shop,
            },
        )
        return [each for each in map(event_of, rows) if same(mine, names_in(each.data)["product"])]

    def bought_with(self, source: str, shop: str, skus: Collection[str]) -> dict[str, int]:
        wanted = askable(skus)
        if not wanted:
            return {}
        rows = self._database.rows(
            """
            SELECT beside.sku, count(*) AS orders FROM order_skus AS bought JOIN order_skus AS beside USING (order_key)
            WHERE bought.sku = ANY(%(skus)s) AND bought.source = %(source)s AND bought.shop = %(shop)s
                AND beside.sku <> bought.sku
            GROUP BY beside.sku
            """,
            {"skus": wanted, "source": source, "shop": shop},
        )
        return {row["sku"]: row["orders"] for row in rows}

    def get(self, source: str, shop: str, sku: str) -> dict[str, Any] | None:
        if not is_storable(sku):
            return None

        def told(session: Session) -> list[tuple[str, Mapping[str, Any]]]:
            rows = session.rows(
                """
                SELECT * FROM orders WHERE key IN (
                    SELECT order_key FROM order_skus JOIN orders ON key = order_key
                    WHERE sku = %(sku)s AND order_skus.source = %(source)s AND order_skus.shop = %(shop)s
                    ORDER BY orders.seq DESC LIMIT %(asked)s
                ) ORDER BY placed_at, seq
                """,
                {"sku": sku, "source": source, "shop": shop, "asked": ORDERS_ASKED},
            )
            return [each for row in rows for each in _told_of(session, order_of(row))]

        return product_of(sku, self._database.read(told))


def _told_of(session: Session, order: Order) -> list[tuple[str, Mapping[str, Any]]]:
    """Whose an order is, with what its events tell of it, in order of time."""
    if order.customer_id is None:
        return []
    names = {"number": order.number, "id": order.id}
    found = [
        event
        for event in events_naming(session, order.customer_id, "order", names)
        if (event.source, event.shop) == (order.source, order.shop)
        and same(names, names_in(event.data).get("order", {}))
    ]
    found.sort(key=lambda event: (event.time, event.id))
    return [(order.customer_id, event.data["order"]) for event in found]
