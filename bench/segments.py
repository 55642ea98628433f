"""What a segment costs in PostgreSQL beside the SQL that somebody would write by hand for it.

    python -m bench.segments [--customers 100000] [--runs 7]

Makes a schema of its own in a database (MESSAGING_TEST_POSTGRES), with three orders a customer, and drops it. Ours is
`Audience.count`, from the segment's text to the number; by hand is one statement, once over the orders and once over the
sums that the schema keeps. They take turns; medians, and the ratio to the quicker one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from messaging.clock import FrozenClock
from messaging.services.audience import Audience
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.schema import upgrade
from messaging.stores.postgres.store import PostgresStore

POSTGRES = os.environ.get("MESSAGING_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
SCHEMA = "bench_segments"
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
#: Customers that are made by one statement.
STEP = 20_000

CUSTOMERS = """
INSERT INTO customers (id, email, email_folded, country, city, attributes, created_at)
SELECT 'customer-' || lpad(n::text, 8, '0'), 'c' || n || '@example.com', 'c' || n || '@example.com',
    (ARRAY['DE', 'AT', 'CH', 'FR', 'IT', 'PL', 'US', 'GB'])[1 + n %% 8], 'City ' || n %% 500,
    jsonb_build_object('points', n * 7919 %% 1000, 'tier', (ARRAY['gold', 'silver', 'none'])[1 + n %% 3]),
    '2026-03-02 10:00Z'::timestamptz - (n %% 1500) * interval '1 day'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
ORDERS = """
INSERT INTO orders (key, source, shop, customer_id, placed_at, cancelled_at, total, currency, document)
SELECT key, 'api', 'default', customer_id, placed_at, cancelled_at, total, 'EUR', json_strip_nulls(json_build_object(
    'key', key, 'id', n::text, 'number', n::text, 'source', 'api', 'shop', 'default', 'customer_id', customer_id,
    'placed_at', replace(placed_at::text, ' ', 'T'), 'cancelled_at', replace(cancelled_at::text, ' ', 'T'),
    'delivered_at', replace((placed_at + interval '3 days')::text, ' ', 'T'), 'total', total::text, 'currency', 'EUR',
    'refunds', CASE WHEN n %% 20 = 0 THEN json_build_object('r1', json_build_object(
        'amount', '5.00', 'at', replace((placed_at + interval '9 days')::text, ' ', 'T'))) END,
    'skus', json_build_object('SKU-' || h %% 1000, 1, 'SKU-' || (h / 1000) %% 1000, 2)
))
FROM (
    SELECT n, h, 'o' || n AS key,
        -- Some have none, a few many.
        'customer-' || lpad((%(first)s::bigint + (h %% 1000) * (h / 7 %% 1000) * (%(last)s::bigint - %(first)s::bigint) / 1000000)::text, 8, '0')
            AS customer_id,
        '2026-03-02 09:00Z'::timestamptz - (h / 13 %% 1000000) * interval '100 seconds' AS placed_at,
        CASE WHEN n %% 25 = 0 THEN '2026-03-02 09:30Z'::timestamptz END AS cancelled_at,
        round((h %% 20000)::numeric / 100, 2) AS total
    FROM (
        SELECT n, abs(hashint8(n)::bigint) AS h
        FROM generate_series(%(first)s::bigint * 3, %(last)s::bigint * 3 + 2) AS n
    ) AS numbers
) AS drawn
"""
SKUS = """
INSERT INTO order_skus (source, shop, sku, order_key)
SELECT 'api', 'default', sku, key FROM orders, json_object_keys(document -> 'skus') AS sku
WHERE placed_at IS NOT NULL AND cancelled_at IS NULL ON CONFLICT DO NOTHING
"""
MESSAGES = """
INSERT INTO messages (id, origin, customer_id, channel, address, template, version, message_class, topic, lane, campaign,
    state, due_at, created_at, attempts, sent_at)
SELECT 'm' || n, 'campaign:spring', 'customer-' || lpad(n::text, 8, '0'), 'email', 'c' || n || '@example.com',
    'promotion', 'v1', 'marketing', 'news', 1, 'spring', 'sent', '2026-02-01', '2026-02-01', 1, '2026-02-01'
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n WHERE n %% 2 = 0
"""
CLICKS = """
INSERT INTO engagements (key, id, kind, at, message_id, customer_id, channel, source, permanent, soft, machine,
    of_template, of_version, of_channel, of_campaign, of_test)
SELECT 'e' || n, 'e' || n, 'clicked', '2026-02-02', 'm' || n, 'customer-' || lpad(n::text, 8, '0'), 'email', 'links',
    false, false, n %% 4 = 0, 'promotion', 'v1', 'email', 'spring', false
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n WHERE n %% 10 = 0
"""

_BY_HAND = "SELECT count(*) FROM customers AS c"
_COUNTS = "o.placed_at IS NOT NULL AND o.cancelled_at IS NULL"
_ALL = (
    f"(SELECT customer_id, count(*) AS orders, max(placed_at) AS last_at FROM orders AS o WHERE {_COUNTS} GROUP BY 1)"
)
_LAPSED = """
JOIN {sums} AS s ON s.customer_id = c.id
WHERE c.country IN ('DE', 'AT') AND s.orders >= 3 AND s.last_at < '2026-03-02 10:00Z'::timestamptz - interval '90 days'
    AND NOT EXISTS (
        SELECT FROM messages AS m JOIN engagements AS e ON e.message_id = m.id
        WHERE m.customer_id = c.id AND m.campaign = 'spring' AND m.state = 'sent' AND e.kind = 'clicked' AND NOT e.machine
    )
"""
_YEAR = f"""
JOIN (
    SELECT customer_id, count(*) AS orders, sum(total - {{refunded}}) AS total FROM orders AS o
    WHERE {_COUNTS} AND placed_at BETWEEN '2025-03-02 10:00Z' AND '2026-03-02 10:00Z' GROUP BY 1
) AS s ON s.customer_id = c.id
WHERE s.orders >= 2 AND s.total > 250
"""
_NONE = f"""
WHERE NOT EXISTS (
    SELECT FROM orders AS o WHERE o.customer_id = c.id AND {_COUNTS}
        AND o.placed_at BETWEEN '2025-03-02 10:00Z' AND '2026-03-02 10:00Z'
)
"""
_REFUNDED = "coalesce((SELECT sum((value ->> 'amount')::numeric) FROM json_each(document -> 'refunds')), 0)"
_BOUGHT = f"""
WHERE c.country = 'DE' AND EXISTS (
    SELECT FROM order_skus AS k JOIN orders AS o ON o.key = k.order_key
    WHERE k.sku = 'SKU-7' AND o.customer_id = c.id AND {_COUNTS} AND o.placed_at > '2025-03-02 10:00Z'
)
"""
_GOLD = "WHERE (c.attributes ->> 'points')::numeric > 900 AND c.attributes ->> 'tier' = 'gold'"

#: Name -> the segment, and what one would write by hand.
SEGMENTS = {
    "lapsed": (
        "country in ['DE', 'AT'] and orders.count >= 3 and days_since(orders.last_at) > 90 and not clicked('spring')",
        {"over orders": _LAPSED.format(sums=_ALL), "over sums": _LAPSED.format(sums="order_sums")},
    ),
    "big": (
        "orders.total > 400",
        {
            "over orders": f"""
                JOIN (
                    SELECT customer_id, sum(total - {_REFUNDED}) AS total FROM orders AS o WHERE {_COUNTS} GROUP BY 1
                ) AS s ON s.customer_id = c.id WHERE s.total > 400
            """,
            "over sums": "JOIN order_sums AS s ON s.customer_id = c.id WHERE s.total > 400",
        },
    ),
    "year": (
        "orders.count(days=365) >= 2 and orders.total(days=365) > 250",
        {"over orders": _YEAR.format(refunded=_REFUNDED), "over sums": _YEAR.format(refunded="refunded")},
    ),
    "none": ("orders.count(days=365) == 0", {"over orders": _NONE}),
    "bought": ("country == 'DE' and bought('SKU-7', days=365)", {"over orders": _BOUGHT}),
    "gold": ("points > 900 and tier == 'gold'", {"by attributes": _GOLD}),
}


def fill(url: str, customers: int) -> None:
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={SCHEMA} -c synchronous_commit=off") as made:
        for first in range(0, customers, STEP):
            places = {"first": first, "last": min(first + STEP, customers) - 1}
            for statement in (CUSTOMERS, ORDERS, MESSAGES, CLICKS):
                made.execute(statement, places)
        made.execute(SKUS)
        made.execute("VACUUM ANALYZE")


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _fetch(aside: psycopg.Connection[Any], statement: str) -> Any:
    return aside.execute(statement).fetchone()


def measure(url: str, runs: int) -> None:
    place = read_address(f"{url}?schema={SCHEMA}&timeout=600")
    store = PostgresStore(place)
    with (
        tempfile.TemporaryDirectory() as folder,
        psycopg.connect(url, autocommit=True, options=f"-c search_path={SCHEMA} -c timezone=UTC") as aside,
    ):
        for name, (where, _) in SEGMENTS.items():
            (Path(folder) / f"{name}.toml").write_text(f'where = """{where}"""\n', "utf-8")
        types = {"points": "number", "tier": "text"}
        audience = Audience(store, Path(folder), attributes=types, currency="EUR", clock=FrozenClock(NOW))
        for name, (_, ways) in SEGMENTS.items():
            statements = {way: f"{_BY_HAND} {rest}" for way, rest in ways.items()}
            number = audience.count(name)
            for way, statement in statements.items():
                row = _fetch(aside, statement)
                assert row == (number,), f"{name}, {way}: {row} by hand, {number} by us"
            took: dict[str, list[float]] = {"ours": [], **{way: [] for way in statements}}
            for _ in range(runs):
                took["ours"].append(seconds(partial(audience.count, name)))
                for way, statement in statements.items():
                    took[way].append(seconds(partial(_fetch, aside, statement)))
            medians = {way: statistics.median(times) for way, times in took.items()}
            best = min(median for way, median in medians.items() if way != "ours")
            shown = ", ".join(f"{way} {median * 1000:.0f} ms" for way, median in medians.items())
            print(f"{name}: {number} people; {shown}; ratio {medians['ours'] / best:.2f}", flush=True)
        listed = seconds(lambda: sum(1 for _ in audience.members("lapsed")))
        print(f"lapsed, listed with all their fields: {listed * 1000:.0f} ms")
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=7)
    given = parser.parse_args()
    with psycopg.connect(POSTGRES, autocommit=True) as aside:
        aside.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    try:
        upgrade(read_address(f"{POSTGRES}?schema={SCHEMA}&timeout=600"))
        took = seconds(lambda: fill(POSTGRES, given.customers))
        print(f"{given.customers} customers, {given.customers * 3} orders (made in {took:.0f} s)", flush=True)
        measure(POSTGRES, given.runs)
    finally:
        with psycopg.connect(POSTGRES, autocommit=True) as aside:
            aside.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


if __name__ == "__main__":
    main()
