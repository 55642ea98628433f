"""How a schema is made, known, and refused."""

from __future__ import annotations

import secrets
import subprocess
import sys
import threading
from random import Random

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from messaging.errors import StoreBroken, StoreError
from messaging.stores.made import Made
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.schema import KNOWN, upgrade
from messaging.stores.postgres.store import PostgresStore
from messaging.stores.tinydb.store import TinyStore
from tests.stores.whole import Furnisher, answers, furnish

pytestmark = pytest.mark.postgres


@pytest.fixture
def place(new_postgres_url):
    return read_address(new_postgres_url)


@pytest.fixture
def open_new(place):
    """Opens one that is not made yet."""
    opened = []

    def open_one(**options):
        opened.append(PostgresStore(place, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def test_it_is_made_by_itself_and_found_again(open_new):
    open_new().put_note("kept", 1)
    assert open_new().get_note("kept") == 1
    assert open_new().health()["schema"] == KNOWN[-1]


def test_two_who_make_it_at_once(open_new):
    failed = []

    def make():
        try:
            open_new().put_note("made", 1)
        except StoreError as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_to_upgrade_what_is_new_enough_changes_nothing(open_new, place):
    open_new().put_note("kept", 1)
    upgrade(place)
    assert open_new().get_note("kept") == 1


def test_somebody_elses_tables_are_left_alone(open_new, place, aside):
    aside.execute(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.orders (id int)")
    for attempt in (open_new, lambda: upgrade(place)):
        with pytest.raises(StoreBroken, match="tables that are not this store's") as caught:
            attempt()
        assert "?schema=" in caught.value.hint
    assert aside.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [place.schema]).fetchone() == (1,)


@pytest.mark.parametrize(
    ("step", "problem", "hint"),
    [
        ("9999", "newer release", "pip install --upgrade"),
        ("0000", "no release of this store has one", "schema of its own"),
        ("ab12cd34ef", "no release of this store has one", "schema of its own"),
    ],
)
def test_another_releases_schema_is_refused_and_not_upgraded(open_new, place, aside, step, problem, hint):
    open_new()
    aside.execute(f"UPDATE {place.schema}.alembic_version SET version_num = %s", [step])
    for attempt in (open_new, lambda: upgrade(place)):
        with pytest.raises(StoreBroken, match=problem) as caught:
            attempt()
        assert hint in caught.value.hint
        assert "store upgrade" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_that_cannot_hold_every_name_is_refused(postgres, aside, encoding):
    name = f"test_{secrets.token_hex(8)}"
    aside.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    place = read_address(f"{postgres.rpartition('/')[0]}/{name}")
    try:
        for attempt in (PostgresStore, upgrade):
            with pytest.raises(StoreError, match=f"{name}.*encoding is {encoding}") as caught:
                attempt(place)
            assert "ENCODING 'UTF8'" in caught.value.hint
    finally:
        aside.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_role_that_may_not_look_into_the_schema(open_new, place, aside, new_postgres_url):
    open_new()
    name = f"test-{secrets.token_hex(8)}"
    role = f'"{name}"'
    aside.execute(f"CREATE ROLE {role}")
    try:
        with pytest.raises(StoreError, match=f"the role {role} may not use the schema {place.schema}") as caught:
            PostgresStore(read_address(f"{new_postgres_url}&options=-c%20role%3D{name}"))
        assert f"GRANT USAGE ON SCHEMA {place.schema} TO {role}" in caught.value.hint
    finally:
        aside.execute(f"DROP ROLE {role}")


def test_a_role_that_may_make_no_schema_or_no_table_in_it_is_told_what_to_ask_for(place, aside, new_postgres_url):
    role = f"test_{secrets.token_hex(8)}"
    barred = read_address(f"{new_postgres_url}&options=-c%20role%3D{role}")
    aside.execute(f"CREATE ROLE {role}")
    try:
        for attempt in (PostgresStore, upgrade):
            with pytest.raises(StoreError, match="cannot be made: permission denied for database") as caught:
                attempt(barred)
            make = f'CREATE SCHEMA "{place.schema}" AUTHORIZATION {role}'
            assert make in caught.value.hint
        aside.execute(f"CREATE SCHEMA {place.schema}; GRANT USAGE ON SCHEMA {place.schema} TO {role}")
        with pytest.raises(StoreError, match=f"cannot be made: permission denied for schema {place.schema}") as caught:
            PostgresStore(barred)
        assert f"{role} has to own the schema {place.schema} and its tables" in caught.value.hint
        aside.execute(f"DROP SCHEMA {place.schema}; {make}")
        PostgresStore(barred).close()
    finally:
        aside.execute(f"DROP SCHEMA IF EXISTS {place.schema} CASCADE; DROP OWNED BY {role}; DROP ROLE {role}")


def test_one_that_vanished_is_never_begun_anew(open_new, place, aside, tmp_path):
    made = Made(tmp_path / ".stores", place.shown)
    open_new(made=made)
    assert place.shown in (tmp_path / ".stores").read_text()
    aside.execute(f"DROP SCHEMA {place.schema} CASCADE")
    with pytest.raises(StoreBroken, match="the store is gone") as caught:
        open_new(made=made)
    assert str(tmp_path / ".stores") in caught.value.hint
    (tmp_path / ".stores").unlink()
    assert open_new(made=made).customers.count() == 0


def test_the_steps_are_those_that_are_known():
    config = Config()
    config.set_main_option("script_location", "messaging.stores.postgres:migrations")
    steps = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert list(reversed(steps))[-len(KNOWN) :] == list(KNOWN)
    assert steps == sorted(steps, reverse=True)


class TestTheReleaseBefore:
    """A release works on the schema of the one before, and the one before on this one's."""

    @pytest.fixture(params=KNOWN[:-1])
    def step(self, request):
        return request.param

    @pytest.fixture(params=range(2))
    def seed(self, request):
        return request.param

    @pytest.fixture
    def model(self, tmp_path, clock, monkeypatch):
        """What the same does to another store."""
        for module in ("tinydb", "postgres"):
            monkeypatch.setattr(f"messaging.stores.{module}.customers.random_id", lambda: "alias")
        store = TinyStore(tmp_path / "model.jsonl", clock=clock)
        yield store
        store.close()

    def test_this_one_works_on_its_schema_and_upgrades_what_is_in_it(self, open_new, place, model, step, seed):
        upgrade(place, step)
        store = open_new()
        furnish(store, seed, steps=250)
        furnish(model, seed, steps=250)
        assert answers(store) == answers(model)
        assert store.health()["schema"] == step
        assert [fault.hint for fault in store.contents.faults()] == ["messaging store upgrade"]
        upgrade(place)
        upgraded = open_new()
        assert upgraded.health()["schema"] == KNOWN[-1]
        assert list(upgraded.contents.faults()) == []
        assert answers(upgraded) == answers(model)

    def test_processes_that_do_not_know_of_an_upgrade_go_on_beside_those_that_do(
        self, open_new, place, model, step, seed
    ):
        upgrade(place, step)
        before = open_new()
        acting, other = Furnisher(before, Random(seed)), Furnisher(model, Random(seed))
        acting.run(120), other.run(120)
        upgrade(place)
        after = open_new()
        for store in (before, after, before):
            acting.store = store
            acting.run(60), other.run(60)
        assert answers(before) == answers(after) == answers(model)
        assert list(after.contents.faults()) == []

    def test_a_command_of_it_says_which_release_to_install(self, open_new, monkeypatch):
        open_new()
        monkeypatch.setattr("messaging.stores.postgres.schema.KNOWN", KNOWN[:-1])
        with pytest.raises(
            StoreBroken, match=f"upgraded its schema to {KNOWN[-1]}, this one knows {KNOWN[-2]}"
        ) as caught:
            open_new()
        assert "pip install --upgrade" in caught.value.hint

    def test_an_older_one_says_to_upgrade(self, open_new, place, monkeypatch):
        upgrade(place, KNOWN[0])
        monkeypatch.setattr("messaging.stores.postgres.schema.KNOWN", ("0009",))
        with pytest.raises(StoreBroken, match=f"too old \\({KNOWN[0]}\\)") as caught:
            open_new()
        assert caught.value.hint == "messaging store upgrade"


def test_alembic_is_loaded_by_who_upgrades_only(open_new, new_postgres_url):
    open_new()
    code = (
        "import sys\n"
        "from messaging.stores.postgres.address import read_address\n"
        "from messaging.stores.postgres.store import PostgresStore\n"
        "PostgresStore(read_address(sys.argv[1])).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, new_postgres_url], check=False).returncode == 0
