"""How a schema is made, known, and refused."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from messaging.errors import StoreBroken, StoreError
from messaging.stores.made import Made
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.schema import KNOWN, upgrade
from messaging.stores.postgres.store import PostgresStore

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
    with pytest.raises(StoreBroken, match="tables that are not this store's") as caught:
        open_new()
    assert "?schema=" in caught.value.hint
    assert aside.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", [place.schema]).fetchone() == (1,)


@pytest.mark.parametrize(("step", "problem"), [("9999", "newer release"), ("0000", "too old")])
def test_another_releases_schema_is_refused(open_new, place, aside, step, problem):
    open_new()
    aside.execute(f"UPDATE {place.schema}.alembic_version SET version_num = %s", [step])
    with pytest.raises(StoreBroken, match=problem) as caught:
        open_new()
    assert caught.value.hint


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
