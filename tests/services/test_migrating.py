"""All of a store brought into another one: whatever it is cut short by, and compared at the end."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.clock import FrozenClock
from messaging.errors import Conflict, InputError, InUse
from messaging.nouns.links import ShortLink
from messaging.nouns.message import MessageState
from messaging.services import migrating
from messaging.services.migrating import migrate, reopen, sealed
from messaging.stores.base import Store
from messaging.stores.contents import KINDS, MIGRATION
from messaging.stores.tinydb.store import TinyStore
from tests.stores.whole import answers, furnish

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
CLOCK = FrozenClock(NOW)
KILLS = random.Random(5)


def dumped(store: Store) -> dict[str, list[bytes]]:
    return {kind: [sealed(kind, row) for row in store.contents.dump(kind)] for kind in KINDS}


def open_tiny(path: Path) -> TinyStore:
    return TinyStore(path / "store.jsonl", clock=CLOCK)


def open_url(url: str) -> Store:
    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.store import PostgresStore

    return PostgresStore(read_address(url))


@pytest.fixture
def source(tmp_path: Path) -> Iterator[TinyStore]:
    with closing(open_tiny(tmp_path / "source")) as store:
        furnish(store, 1, steps=250)
        store.events.forget(event.key for event in store.events.page(limit=2))
        yield store


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def open_target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Opens one and the same target, with nothing in it at first."""
    opened: list[Store] = []
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None

    def open_one() -> Store:
        for store in opened:
            store.close()
        opened.append(open_url(url) if url is not None else open_tiny(tmp_path / "target"))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


class Killed(Exception):
    """The process died here, as far as the other side can tell."""


def test_there_and_back(source, open_target, tmp_path):
    target = open_target()
    there = migrate(source, target, now=NOW, page=20)
    assert all(each.same for each in there)
    assert {each.kind for each in there if each.here} == set(KINDS)
    with closing(open_tiny(tmp_path / "back")) as back:
        assert [each.checksum_there for each in migrate(target, back, now=NOW)] == [each.checksum for each in there]
        assert answers(back) == answers(target) == answers(source)


@pytest.mark.postgres
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), page=st.integers(1, 60))
def test_whatever_is_in_it_answers_alike_there_and_back(tmp_path_factory, postgres_url, empty_postgres, seed, page):
    folder = tmp_path_factory.mktemp("stores")
    empty_postgres()
    with closing(open_tiny(folder / "here")) as here, closing(open_tiny(folder / "back")) as back:
        furnish(here, seed, steps=80)
        with closing(open_url(postgres_url)) as there:
            assert all(each.same for each in migrate(here, there, now=NOW, page=page))
            assert answers(there) == answers(here)
            assert list(there.contents.faults()) == []
            assert all(each.same for each in migrate(there, back, now=NOW, page=page))
        assert answers(back) == answers(here)
        assert dumped(back) == dumped(here)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
def test_cut_short_at_each_call_it_goes_on_and_nothing_is_doubled(source, tmp_path, monkeypatch, done):
    """At every write to the target: just before it was done, and just after."""
    for number in range(1000):
        with closing(open_tiny(tmp_path / str(number))) as target:
            calls = iter(range(1000))

            def dying(real, calls=calls, number=number):
                def call(*arguments):
                    if next(calls) != number:
                        return real(*arguments)
                    if done:
                        real(*arguments)
                    raise Killed

                return call

            for part, name in ((target.contents, "load"), (target, "put_note"), (target.contents, "loaded")):
                monkeypatch.setattr(part, name, dying(getattr(part, name)))
            try:
                migrate(source, target, now=NOW, page=700)
            except Killed:
                pass
            else:
                break
        with closing(open_tiny(tmp_path / str(number))) as target:
            assert all(each.same for each in migrate(source, target, now=NOW, page=500))
            assert dumped(target) == dumped(source)
            assert reopen(source) == target.health()["store"], "it is marked, whenever it was cut short"
    assert number > 10


PROGRAM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tests.services.test_migrating import NOW, open_tiny, open_url
from messaging.services.migrating import migrate

def step(kind, rows):
    print(kind, flush=True)

source, target, page = sys.argv[1:]
there = open_url(target) if ":" in target else open_tiny(Path(target))
migrate(open_tiny(Path(source)), there, now=NOW, step=step, page=int(page))
"""


def test_killed_at_random_and_run_again_it_is_as_if_it_never_was(tmp_path, open_target, request):
    with closing(open_tiny(tmp_path / "source")) as source:
        furnish(source, 3)
        before = dumped(source)
    target = request.getfixturevalue("postgres_url") if "postgres" in request.node.name else str(tmp_path / "target")
    for kills in (1, KILLS.randint(2, 30), KILLS.randint(20, 80)):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "source"), target, str(KILLS.randint(2, 9))]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert process.stdout is not None
        for _ in range(kills):
            process.stdout.readline()
        process.kill()
        process.communicate()
        assert process.returncode == -9
    there = open_target()
    with closing(open_tiny(tmp_path / "source")) as source:
        assert all(each.same for each in migrate(source, there, now=NOW))
    assert dumped(there) == before


def test_done_it_is_only_compared(source, open_target):
    target = open_target()
    migrate(source, target, now=NOW)
    assert target.get_note(MIGRATION)["done"]
    target.customers.put([replace_name(customer) for customer in target.customers.page(limit=1)])
    source.put_note("later", 1)
    compared = migrate(source, target, now=NOW)
    assert [each.kind for each in compared if not each.same] == ["customers", "notes"]
    assert target.get_note("later") is None


def test_what_was_left_is_marked_and_the_mark_is_none_of_its_rows(source, open_target):
    target = open_target()
    before = dumped(source)
    migrate(source, target, now=NOW)
    place = target.health()["store"]
    assert source.get_note(MIGRATION) == {"done": True, "to": place, "moved": NOW.isoformat()}
    assert "to" not in target.get_note(MIGRATION)
    assert dumped(source) == dumped(target) == before
    migrate(source, target, now=NOW + timedelta(days=1))  # compared again
    assert source.get_note(MIGRATION)["moved"] == NOW.isoformat()


def replace_name(customer):
    return replace(customer, first_name="Somebody else")


def test_a_difference_is_seen_and_it_is_not_done(source, open_target, monkeypatch):
    target = open_target()
    real = target.contents.load

    def losing(kind, rows):
        real(kind, rows[:-1] if kind == "consents" else rows)

    monkeypatch.setattr(target.contents, "load", losing)
    compared = {each.kind: each for each in migrate(source, target, now=NOW)}
    lost = compared.pop("consents")
    assert lost.here == lost.there + 1
    assert lost.checksum != lost.checksum_there
    assert all(each.same for each in compared.values())
    assert not target.get_note(MIGRATION)["done"]
    assert source.get_note(MIGRATION) is None


def test_what_changed_since_it_was_cut_short_is_not_gone_on_with(source, open_target, monkeypatch):
    target = open_target()
    real = target.contents.load

    def dying(kind, rows):
        if kind == "events":
            raise Killed
        real(kind, rows)

    monkeypatch.setattr(target.contents, "load", dying)
    with pytest.raises(Killed):
        migrate(source, target, now=NOW)
    source.customers.put([replace_name(source.customers.page(limit=1)[0])])
    with pytest.raises(Conflict, match="customers in it are no beginning") as caught:
        migrate(source, open_target(), now=NOW)
    assert "run it again" in caught.value.hint


def test_one_that_is_not_empty_is_left_alone(source, open_target):
    target = open_target()
    target.put_note("mine", 1)
    with pytest.raises(Conflict, match="not empty"):
        migrate(source, target, now=NOW)
    assert target.get_note(MIGRATION) is None
    assert target.contents.numbers()["customers"] == 0


def test_one_that_is_filled_from_another_store_is_left_alone(source, open_target, tmp_path):
    target = open_target()
    with closing(open_tiny(tmp_path / "third")) as third:
        third.put_note("third", 1)
        migrate(third, target, now=NOW)
    with pytest.raises(Conflict, match="another store"):
        migrate(source, target, now=NOW)


def test_nothing_goes_while_a_message_is_on_its_way(source, open_target):
    worker = source.enlist()
    (message, *_) = source.outbox.claim(worker, now=NOW.replace(year=2027), limit=1)
    source.outbox.begin(worker, [message.id], now=NOW)
    source.dismiss(worker)
    target = open_target()
    with pytest.raises(InUse, match="1 messages are `sending`") as caught:
        migrate(source, target, now=NOW)
    assert "send-due" in caught.value.hint
    assert target.get_note(MIGRATION) is None
    source.outbox.bury(worker, by=worker)
    assert all(each.same for each in migrate(source, target, now=NOW))
    assert target.contents.states()[MessageState.UNKNOWN] >= 1


def test_nothing_goes_while_others_work_with_it(source, open_target, tmp_path):
    with closing(open_tiny(tmp_path / "source")) as other:
        other.enlist()
        with pytest.raises(InUse, match="work with it") as caught:
            migrate(source, open_target(), now=NOW)
        assert "messaging serve" in caught.value.hint


def test_it_is_not_its_own_target(source):
    with pytest.raises(Conflict, match="the store itself"):
        migrate(source, source, now=NOW)


@pytest.mark.postgres
def test_what_the_other_cannot_keep_is_named_by_its_kind(source, postgres_url):
    source.short_links.add([_long_link()])
    with closing(open_url(postgres_url)) as target, pytest.raises(InputError, match="^short_links: .*too long"):
        migrate(source, target, now=NOW)


def _long_link():
    rng = random.Random(1)
    code = "".join(chr(rng.randint(0x4E00, 0x9FFF)) for _ in range(4000))
    return ShortLink(code=code, message_id="m", version="v", purpose="click")


def test_memory_does_not_grow_with_what_is_copied(tmp_path):
    """No more rows are in hand at once than a page has, on either side."""
    handed = []

    class Contents:
        def __init__(self, rows):
            self.rows = rows

        def dump(self, kind):
            return iter(self.rows)

        def load(self, kind, rows):
            handed.append(len(rows))

    class Half:
        def __init__(self, rows):
            self.contents = Contents(rows)

    rows = [{"key": f"{n}", "value": n} for n in range(95)]
    migrating._copy("notes", Half(rows), Half(rows[:20]), lambda *_: None, 10)
    assert handed == [10] * 7 + [5]
