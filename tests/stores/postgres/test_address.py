"""What a url of a database says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from messaging.clock import Clock
from messaging.errors import SettingsError, StoreError
from messaging.stores.opening import open_store, open_target
from messaging.stores.postgres.address import read_address
from messaging.workspace.folder import Workspace


def test_what_is_not_said():
    place = read_address("postgresql://shop:geheim@db.example/shop")
    assert (place.schema, place.pool, place.timeout) == ("messaging", 10, 60)
    assert place.shown == "postgresql://shop@db.example/shop?schema=messaging"
    assert place.settings["statement_timeout"] == "60s"
    assert place.connect_args["keepalives_idle"] == 30


def test_what_is_said_counts():
    place = read_address("postgresql://h/d?schema=x_2&pool=3&timeout=5&sslmode=require&options=-c%20work_mem%3D1MB")
    assert (place.schema, place.pool, place.timeout) == ("x_2", 3, 5)
    assert place.connect_args["sslmode"] == "require"
    assert place.connect_args["options"] == "-c work_mem=1MB"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql://h", "names no database"),
        ("postgresql://h/d?schema=Sales;drop", "is no name"),
        ("postgresql://h/d?schema=a&schema=b-c", "is no name"),
        ("postgresql://h/d?pool=many", "pool=many is no number"),
        ("postgresql://h/d?timeout=0", "timeout=0 is no number"),
        ("postgresql://h:port/d", "cannot be read"),
        ("postgresql://postgres@[::1/d", "cannot be read"),
        (f"postgresql://{'h' * 80}/d", "cannot be read"),
        ("postgresql://h/%00", "cannot be read"),
        ("postgresql://h/\ud800", "cannot be read"),
        ("postgresql://h/d?row_factory=x", r"\?row_factory= is nothing that a connection has"),
        ("postgresql://h/d?context=x", r"\?context= is nothing"),
        ("postgresql://h/d?cursor_factory=x", r"\?cursor_factory= is nothing"),
        ("postgresql://h/d?autocommit=1", r"\?autocommit= is nothing"),
        ("postgresql://h/d?conninfo=x", r"\?conninfo= is nothing"),
    ],
)
def test_what_cannot_be(url, problem):
    with pytest.raises(SettingsError, match=problem) as caught:
        read_address(url)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:hunter2@verysecret@127.0.0.1/x",
        "postgresql://shop:hunter2@very/secret@127.0.0.1/x",
        "postgresql://shop:hunter2@very?secret@127.0.0.1/x",
        "postgresql://hunter2@shop:verysecret@127.0.0.1/x",
    ],
)
def test_of_a_password_with_an_at_nothing_is_shown(url, tmp_path, clock):
    for attempt in (open_store, open_target):
        with pytest.raises(SettingsError, match="more than one @") as caught:
            attempt(url, Workspace(tmp_path), clock)
        assert "%40" in caught.value.hint
        assert not any(part in str(caught.value) for part in ("hunter2", "very", "secret", "127"))


def test_a_password_with_an_at_that_is_escaped():
    place = read_address("postgresql://shop:hunter2%40verysecret@127.0.0.1/x?password=other")
    assert place.url.password == "hunter2@verysecret"
    assert place.shown == "postgresql://shop@127.0.0.1/x?schema=messaging"


def test_two_stores_in_one_database_do_not_wait_for_each_other():
    assert read_address("postgresql://h/d?schema=a").lock != read_address("postgresql://h/d?schema=b").lock


def test_nobody_there_is_one_line_without_the_password(tmp_path: Path, clock: Clock, monkeypatch):
    monkeypatch.setattr("messaging.stores.postgres.faults.FIRST_PAUSE", 0.001)
    with pytest.raises(StoreError, match=r"postgresql://shop@127\.0\.0\.1:1/shop") as caught:
        open_store("postgresql://shop:geheim@127.0.0.1:1/shop", Workspace(tmp_path), clock)
    assert "geheim" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("password", ["geheim", "ge/heim", "ge@heim", "ge:heim"])
def test_a_password_in_another_kind_of_url_is_not_shown(tmp_path: Path, clock: Clock, password: str):
    with pytest.raises(SettingsError, match="unknown kind") as caught:
        open_store(f"mysql://shop:{password}@h/d", Workspace(tmp_path), clock)
    assert "heim" not in str(caught.value)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path\n"
        "sys.modules[sys.argv[1]] = None  # as if it were not installed\n"
        "from messaging.clock import Clock\n"
        "from messaging.errors import SettingsError\n"
        "from messaging.stores.opening import open_store\n"
        "from messaging.workspace.folder import Workspace\n"
        "try: open_store('postgresql://h/d', Workspace(Path(sys.argv[2])), Clock())\n"
        "except SettingsError as error: print(error)"
    )
    for missing in ("psycopg", "sqlalchemy"):
        command = [sys.executable, "-c", code, missing, str(tmp_path)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        assert "needs what is not installed" in said
        assert 'pip install "customer-messaging[scale]"' in said
