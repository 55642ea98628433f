"""What the database keeps beside its rows: whatever of it is wrong is found, and worked out anew."""

from __future__ import annotations

import pytest

from messaging.stores.postgres.schema import KNOWN
from tests.stores.whole import furnish

pytestmark = pytest.mark.postgres


@pytest.fixture
def tables(aside, postgres_url):
    """Says something to the tables themselves."""
    schema = postgres_url.partition("schema=")[2].partition("&")[0]
    aside.execute(f"SET search_path = {schema}")
    return aside.execute


DAMAGE = {
    "a count is gone": ("DELETE FROM message_counts WHERE kind = (SELECT min(kind) FROM message_counts WHERE number <> 0)", "counts of messages"),
    "a count is too high": ("UPDATE message_counts SET number = number + 1 WHERE number > 0", "counts of messages"),
    "rows that came past the triggers": (
        "SET session_replication_role = replica; DELETE FROM customers WHERE id = (SELECT min(id) FROM customers); "
        "RESET session_replication_role",
        "counts of rows",
    ),
    "a sum of orders": ("UPDATE order_sums SET total = coalesce(total, 0) + 1", "sums of orders"),
    "a sum of nobody's": ("INSERT INTO order_sums (customer_id, orders) VALUES ('nobody', 1)", "sums of orders"),
    "sums that are missing": ("DELETE FROM order_sums", "sums of orders"),
    "articles that are missing": ("DELETE FROM order_skus", "articles"),
    "an article too many": ("INSERT INTO order_skus SELECT source, shop, 'odd', key FROM orders", "articles"),
    "another message's engagement": ("UPDATE engagements SET of_template = 'odd' WHERE of_template IS NOT NULL", "engagements count"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_wrong_is_found_and_mended(store, tables, damage):
    furnish(store, 2, steps=300)
    assert list(store.contents.faults()) == []
    statement, problem = DAMAGE[damage]
    tables(statement)
    (fault,) = store.contents.faults()
    assert problem in fault.problem
    assert "store compact" in fault.hint
    store.compact()
    assert list(store.contents.faults()) == []


def test_an_index_that_is_not_whole_is_named(store, tables):
    tables("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'messages_worker'::regclass")
    try:
        (fault,) = store.contents.faults()
        assert "1 indexes are not whole" in fault.problem
        assert "REINDEX" in fault.hint
    finally:
        tables("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'messages_worker'::regclass")


def test_a_schema_that_is_behind_is_named(store, tables):
    tables("UPDATE alembic_version SET version_num = '0001'")
    try:
        (fault,) = store.contents.faults()
        assert "0001" in fault.problem
        assert fault.hint == "messaging store upgrade"
    finally:
        tables(f"UPDATE alembic_version SET version_num = '{KNOWN[-1]}'")
