"""A store that nothing can be written to is not well, and says what keeps it from being written."""

from __future__ import annotations

import secrets

import pytest

from messaging.clock import Clock
from messaging.errors import StoreError, Uncompacted
from messaging.metrics import Metrics
from messaging.nouns.customer import Customer
from messaging.rules.resting import Limits
from messaging.services.resting import Rests
from messaging.stores.postgres.access import _WRITABLE
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.store import PostgresStore

pytestmark = pytest.mark.postgres
LIMITS = Limits()


@pytest.fixture
def open_with(postgres_url):
    """Opens the store with more that its url says to the server."""
    opened = []

    def open_one(options):
        opened.append(PostgresStore(read_address(f"{postgres_url}%20{options}")))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def role(aside, postgres_url):
    """One that may read all, and no more."""
    name, schema = f"test_{secrets.token_hex(8)}", read_address(postgres_url).schema
    aside.execute(f"CREATE ROLE {name}; GRANT USAGE ON SCHEMA {schema} TO {name}")
    aside.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {name}")
    yield name
    aside.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_one_that_is_read_only(open_with):
    store = open_with("-c%20default_transaction_read_only%3Don")
    assert store.get_note("a") is None
    with pytest.raises(StoreError, match="read-only") as caught:
        store.health()
    assert caught.value.hint


def test_a_standby(store, monkeypatch):
    asked = "messaging.stores.postgres.access._WRITABLE"
    monkeypatch.setattr(asked, _WRITABLE.replace("pg_is_in_recovery()", "true"))
    with pytest.raises(StoreError, match="standby") as caught:
        store.health()
    assert "target_session_attrs" in caught.value.hint


def test_a_role_that_may_only_read(open_with, role, aside, postgres_url):
    store, schema = open_with(f"-c%20role%3D{role}"), read_address(postgres_url).schema
    with pytest.raises(StoreError, match=f"the role {role} may not change the table buckets") as caught:
        store.health()
    assert f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}" in caught.value.hint
    aside.execute(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    assert store.health()["messages"] == 0
    store.put_note("a", 1)


def test_metrics_say_so(open_with, clock: Clock):
    for options, up in (("-c%20default_transaction_read_only%3Don", b" 0.0"), ("-c%20work_mem%3D4MB", b" 1.0")):
        store = open_with(options)
        page, _ = Metrics(store, clock, Rests(store, clock, LIMITS), age=0).page()
        assert b"messaging_store_up" + up in page


def test_a_role_that_owns_no_table_does_not_say_that_what_is_gone_cannot_be_read(
    store, open_with, role, aside, postgres_url
):
    """PostgreSQL only warns of a VACUUM that it leaves out."""
    schema = read_address(postgres_url).schema
    aside.execute(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    store.customers.put([Customer(id="ann"), Customer(id="bob")])
    barred = open_with(f"-c%20role%3D{role}")
    with pytest.raises(Uncompacted, match=f"the role {role} does not own the table") as caught:
        barred.customers.delete("ann", ids=[], addresses=[])
    assert f"TO {role}" in caught.value.hint
    assert list(store.customers.get(["ann", "bob"])) == ["bob"]
    with pytest.raises(StoreError, match="does not own"):
        barred.compact()
    owner = aside.execute("SELECT current_user").fetchone()[0]
    aside.execute(f"GRANT {owner} TO {role}")
    barred.compact()
