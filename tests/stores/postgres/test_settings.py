"""A database, a role or an environment with settings of its own: the store's are what counts on its connections."""

from __future__ import annotations

import secrets
from datetime import date
from random import Random
from urllib.parse import quote

import psycopg
import pytest

from messaging.services.soundness import find_faults
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.schema import upgrade
from messaging.stores.postgres.store import PostgresStore
from messaging.stores.tinydb.store import TinyStore
from tests.stores.contract.test_store import TestTransactions as _Transactions
from tests.stores.whole import Furnisher, answers

pytestmark = pytest.mark.postgres

#: All that somebody may set, each so that something would go wrong.
WRONG = {
    "array_nulls": "off",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "datestyle": "German, DMY",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "-10",
    "idle_session_timeout": "1h",
    "intervalstyle": "sql_standard",
    "jit": "on",
    "lock_timeout": "1h",
    "search_path": "nowhere",
    "standard_conforming_strings": "off",
    "statement_timeout": "1h",
    "timezone": "Asia/Kathmandu",
    "transform_null_equals": "on",
}


@pytest.fixture(scope="module")
def wrong(postgres):
    """The url of a database in which all is set otherwise than the store needs it."""
    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(postgres, autocommit=True) as aside:
        aside.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            for setting, value in WRONG.items():
                quoted = value if "," in value else f"'{value}'"
                aside.execute(f"ALTER DATABASE {name} SET {setting} = {quoted}")
            url = f"{postgres.rpartition('/')[0]}/{name}?pool=4"
            upgrade(read_address(url))
            yield url
        finally:
            aside.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(wrong, monkeypatch):
    """The same, on a machine whose environment says so, too, in an url that does."""
    for variable, setting in {
        "PGCLIENTENCODING": "client_encoding",
        "PGDATESTYLE": "datestyle",
        "PGTZ": "timezone",
    }.items():
        monkeypatch.setenv(variable, WRONG[setting])
    monkeypatch.setenv("PGOPTIONS", "-c default_transaction_isolation=serializable")
    escaped = {name: value.replace(" ", "\\ ") for name, value in WRONG.items()}
    options = " ".join(f"-c {name}={value}" for name, value in escaped.items())
    return f"{wrong}&client_encoding=LATIN1&options={quote(options)}"


@pytest.fixture
def open_store(url):
    """Opens one and the same store there, as often as asked; it is emptied afterwards."""
    opened = []

    def open_one():
        opened.append(PostgresStore(read_address(url)))
        return opened[-1]

    yield open_one
    tables = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'messaging'::regnamespace"
    database = opened[0]._database
    names = ", ".join(row["relname"] for row in database.rows(tables) if row["relname"] != "alembic_version")
    database.write(lambda session: session.run(f"TRUNCATE {names}"))
    for store in opened:
        store.close()


class TestTransactions(_Transactions):
    """The contract: each and what it decides by comes after the other."""


@pytest.mark.parametrize("seed", range(2))
def test_it_keeps_and_answers_as_any_store_does(open_store, tmp_path, clock, monkeypatch, seed):
    for module in ("tinydb", "postgres"):
        monkeypatch.setattr(f"messaging.stores.{module}.customers.random_id", lambda: "alias")
    store, model = open_store(), TinyStore(tmp_path / "model.jsonl", clock=clock)
    acting, other = Furnisher(store, Random(seed)), Furnisher(model, Random(seed))
    acting.run(250), other.run(250)
    assert answers(store) == answers(model)
    assert answers(open_store()) == answers(model)
    model.close()


def test_a_check_finds_nothing(open_store, make):
    store = open_store()
    store.customers.put([make.customer("ann", city="Łódź", birthday=date(1990, 2, 1))])
    store.put_note("price", [0.1, 1e-7, "名前"])
    assert list(find_faults(store)) == []


def test_each_connection_has_its_own_settings_whatever_it_did(open_store):
    store = open_store()
    asked = [name for name in WRONG if name not in ("client_encoding", "search_path")]
    show = "SELECT name, current_setting(name) AS value FROM unnest(%(names)s::text[]) AS name"

    def settings():
        return {row["name"]: row["value"] for row in store._database.rows(show, {"names": asked})}

    before = settings()
    assert before["statement_timeout"] == before["lock_timeout"] == "1min"
    assert before["default_transaction_isolation"] == "read committed"
    assert before["idle_session_timeout"] == "0"
    assert {name for name in asked if before[name] == WRONG[name]} == set()
    store.compact()
    list(store.contents.faults())
    with store.transaction():
        pass
    assert settings() == before
