"""What the database keeps beside its rows: whatever of it is wrong is found, and worked out anew."""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace

import pytest

from messaging.errors import InUse, StoreError
from messaging.services.soundness import find_faults
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.exclusive import alone
from messaging.stores.postgres.schema import KNOWN
from messaging.stores.postgres.store import PostgresStore
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


@pytest.mark.parametrize(
    ("setting", "value", "kind"),
    [
        ("DateStyle", "German, DMY", "time"),
        ("extra_float_digits", "-10", "float"),
        ("TimeZone", "Asia/Kathmandu", None),
    ],
)
def test_where_nothing_can_be_read_right_no_row_is_blamed(store, make, postgres_url, setting, value, kind):
    """As it would be with something between the two that sets connections."""
    store.customers.put([make.customer("ann")])
    place = read_address(postgres_url)
    with closing(PostgresStore(replace(place, settings={**place.settings, setting: value}))) as odd:
        if kind is None:
            assert list(find_faults(odd)) == []
        else:
            with pytest.raises(StoreError, match=f"a {kind} comes otherwise than it is kept") as caught:
                list(find_faults(odd))
            assert "backup" not in str(caught.value)


def test_a_row_that_nobody_can_read_is_named(store, tables, make):
    store.customers.put([make.customer("ann")])
    tables("UPDATE customers SET created_at = 'infinity'")
    (fault,) = [fault for fault in find_faults(store) if "read" in fault.problem]
    assert fault.problem.startswith("customers: not all of them can be read (a value cannot be kept, or read: ")
    assert "backup" in fault.hint


def test_of_another_roles_connection_it_is_not_known_where_it_is_from(store, aside, postgres_url):
    place, role = read_address(postgres_url), f"test_{secrets.token_hex(8)}"
    aside.execute(f"CREATE ROLE {role}; GRANT USAGE ON SCHEMA {place.schema} TO {role}")
    aside.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {place.schema} TO {role}")
    try:
        other = PostgresStore(read_address(f"{postgres_url}%20-c%20role%3D{role}"))
        unknown = pytest.raises(InUse, match="connections, from somewhere that this role may not see")
        with closing(other), unknown, alone(other._database):
            raise AssertionError("it is in use")
    finally:
        aside.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
