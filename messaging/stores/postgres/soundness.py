"""Whether what the database works out from its rows, and keeps beside them, is what they say; and how it is worked out
anew.

Each question is one statement, so it sees one moment, whoever else works.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from messaging.errors import InputError, StoreError
from messaging.nouns.message import Lane
from messaging.stores.contents import Fault, addressed_twice
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.schema import KNOWN, step_of
from messaging.stores.postgres.session import Session
from messaging.stores.products import LARGEST

_COUNTED = "campaign, template, version, channel, test, state, reason, variant"
_MESSAGES = f"""
SELECT {_COUNTED}, count(*) AS number FROM (SELECT *, lane = {int(Lane.TEST)} AS test FROM messages) AS messages
GROUP BY {_COUNTED}
"""
_ROWS = " UNION ALL ".join(
    f"SELECT '{name}' AS name, count(*) AS number FROM {name}" for name in ("customers", "events", "messages")
)
_SKUS = f"""
SELECT source, shop, sku, key AS order_key FROM orders, json_object_keys(document -> 'skus') AS skus (sku)
WHERE placed_at IS NOT NULL AND cancelled_at IS NULL
    AND (SELECT count(*) FROM json_object_keys(document -> 'skus')) <= {LARGEST}
"""
_OF = ("template", "version", "channel", "campaign", "test")
_REAL_OF = f"m.template, m.version, m.channel, m.campaign, m.lane = {int(Lane.TEST)}"
_WRONG_OF = f"e.message_id = m.id AND ({', '.join(f'e.of_{name}' for name in _OF)}) IS DISTINCT FROM ({_REAL_OF})"
_SUMS = ("orders", "first_at", "last_at", "last_delivered_at", "currency", "total")


@dataclass(frozen=True, slots=True)
class _Question:
    """How many there are of something that is wrong, and what mends it."""

    problem: str
    ask: str
    mend: str
    #: The first step of the schema that has it.
    since: str = KNOWN[0]


_QUESTIONS = (
    _Question(
        "counts of messages are not what is there",
        f"""
        SELECT FROM ({_MESSAGES} UNION ALL SELECT {_COUNTED}, -number FROM message_counts) AS both_sides
        GROUP BY {_COUNTED} HAVING sum(number) <> 0
        """,
        f"""
        LOCK TABLE messages IN SHARE MODE;
        DELETE FROM message_counts;
        INSERT INTO message_counts (kind, shard, {_COUNTED}, number)
        SELECT md5(row({_COUNTED})::text), -1, * FROM ({_MESSAGES}) AS counted
        """,
    ),
    _Question(
        "counts of rows are not what is there",
        f"""
        SELECT FROM ({_ROWS} UNION ALL SELECT name, -number FROM row_counts) AS both_sides
        GROUP BY name HAVING sum(number) <> 0
        """,
        f"""
        LOCK TABLE customers, events, messages IN SHARE MODE;
        DELETE FROM row_counts;
        INSERT INTO row_counts (name, shard, number) SELECT name, -1, number FROM ({_ROWS}) AS counted
        """,
    ),
    _Question(
        "customers have sums of orders that are not those of their orders",
        f"""
        SELECT FROM order_sums AS kept FULL JOIN summed_orders AS told USING (customer_id)
        WHERE ({", ".join(f"kept.{name}" for name in _SUMS)})
            IS DISTINCT FROM ({", ".join(f"told.{name}" for name in _SUMS)})
        """,
        """
        LOCK TABLE orders IN SHARE MODE;
        DELETE FROM order_sums;
        INSERT INTO order_sums SELECT * FROM summed_orders
        """,
        since="0002",
    ),
    _Question(
        "articles are in orders, or are not, other than the orders say",
        f"""
        (({_SKUS}) EXCEPT SELECT source, shop, sku, order_key FROM order_skus)
        UNION ALL (SELECT source, shop, sku, order_key FROM order_skus EXCEPT ({_SKUS}))
        """,
        f"""
        LOCK TABLE orders IN SHARE MODE;
        DELETE FROM order_skus;
        INSERT INTO order_skus (source, shop, sku, order_key) {_SKUS}
        """,
    ),
    _Question(
        "engagements count for another message than theirs",
        f"SELECT FROM engagements AS e JOIN messages AS m ON {_WRONG_OF}",
        f"""
        UPDATE engagements AS e SET ({", ".join(f"of_{name}" for name in _OF)}) = ROW ({_REAL_OF})
        FROM messages AS m WHERE {_WRONG_OF}
        """,
    ),
)
_TWICE = """
SELECT FROM messages WHERE campaign IS NOT NULL AND state <> 'skipped' AND address IS NOT NULL
GROUP BY campaign, channel, lower(address) HAVING count(*) > 1
"""
_INDEXES = """
SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = to_regnamespace(current_schema()) AND NOT (indisvalid AND indisready)
"""

#: Values of each kind that rows have, as statements say them, and what they are.
_KNOWN_VALUES: dict[str, tuple[str, Any]] = {
    "text": ("'é\\名'::text", "é\\名"),
    "json": ("""'{"a": ["é", 0.1, null]}'::json""", {"a": ["é", 0.1, None]}),
    "time": ("'2026-03-02T10:00:00.5+00:00'::timestamptz", datetime(2026, 3, 2, 10, 0, 0, 500_000, tzinfo=UTC)),
    "date": ("'2026-03-02'::date", date(2026, 3, 2)),
    "float": ("0.1::float8 + 0.2::float8", 0.1 + 0.2),
    "numeric": ("'1234.50'::numeric", Decimal("1234.50")),
    "bytes": ("decode('005cff', 'hex')", b"\x00\\\xff"),
    "array": ("'{a,NULL}'::text[]", ["a", None]),
}


def find_faults(database: Database) -> Iterator[Fault]:
    """What is wrong.

    Raises:
        StoreError: it cannot be looked at, or nothing that is read here could be trusted.
    """
    place, step = database.place, step_of(database) or ""
    _check_reading(database)
    if step != KNOWN[-1]:
        yield Fault(f"its schema is {step}, this release wants {KNOWN[-1]}", "messaging store upgrade")
    for question, number in _wrong(database, step):
        yield Fault(f"{number} {question.problem}", "messaging store compact works them out anew")
    number = database.alone(partial(_number, _TWICE))
    if number:
        yield addressed_twice(number)
    number = database.alone(partial(_number, _INDEXES))
    if number:
        yield Fault(f"{number} indexes are not whole", f"have the database's owner say: REINDEX SCHEMA {place.schema}")


def mend(database: Database) -> None:
    """Work out anew what is wrong. Who writes to these tables waits meanwhile. Raises StoreError."""
    for question, _ in _wrong(database, step_of(database) or ""):
        database.write(partial(_mend, question.mend))


def _check_reading(database: Database) -> None:
    """Raises StoreError: values come otherwise than they are, so whatever looks wrong need not be."""
    for kind, (said, value) in _KNOWN_VALUES.items():
        try:
            found = database.rows(f"SELECT {said} AS value")[0]["value"]
        # psycopg says of dates in a style that it does not know that reading them is not implemented.
        except (ValueError, TypeError, NotImplementedError, InputError):
            found = None
        if found != value:
            raise StoreError(
                f"{database.place.shown}: a {kind} comes otherwise than it is kept, so no row can be judged",
                hint="the rows are not at fault: is something between the two, or psycopg not as it was released?",
            )


def _wrong(database: Database, step: str) -> Iterator[tuple[_Question, int]]:
    for question in _QUESTIONS:
        if step >= question.since:
            number = database.alone(partial(_number, question.ask))
            if number:
                yield question, number


def _number(question: str, session: Session) -> int:
    with session.without_timeout():
        row = session.row(f"SELECT count(*) AS number FROM ({question}) AS wrong")
        return int(row["number"]) if row else 0


def _mend(statements: str, session: Session) -> None:
    session.run("SET LOCAL statement_timeout = 0")
    session.run(statements)
