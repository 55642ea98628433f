"""All that a store holds can be read, and brought into another one as it is."""

from __future__ import annotations

import threading
from itertools import islice

import pytest

from messaging.errors import InUse
from messaging.nouns.message import Lane, MessageState
from messaging.services.migrating import sealed
from messaging.stores.contents import KINDS, MIGRATION
from messaging.stores.tinydb.store import TinyStore
from tests.stores.whole import answers, furnish

SEEDS = range(4)


def dumped(store):
    return {kind: [sealed(kind, row) for row in store.contents.dump(kind)] for kind in KINDS}


@pytest.fixture
def other(tmp_path, clock):
    """Another store, with nothing in it."""
    store = TinyStore(tmp_path / "other" / "store.jsonl", clock=clock)
    yield store
    store.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_loaded_is_what_was_dumped_and_answers_alike(store, open_store, other, seed):
    furnish(other, seed)
    for kind in KINDS:
        rows = other.contents.dump(kind)
        while page := list(islice(rows, 7 + seed * 40)):
            store.contents.load(kind, page)
    there = open_store()
    assert dumped(there) == dumped(other)
    assert there.contents.numbers() == other.contents.numbers()
    assert there.contents.states() == other.contents.states()
    assert answers(there) == answers(other)
    assert list(there.contents.faults()) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_dumped_is_what_was_done(store, other, seed, monkeypatch):
    """The same done to two stores, of two kinds perhaps, is dumped alike."""
    for module in ("tinydb", "postgres"):
        monkeypatch.setattr(f"messaging.stores.{module}.customers.random_id", lambda: "alias")
    furnish(store, seed)
    furnish(other, seed)
    assert dumped(store) == dumped(other)
    assert {kind: len(rows) for kind, rows in dumped(store).items()} == store.contents.numbers()


def test_messages_go_out_in_the_same_order(store, other, make):
    furnish(other, 1, steps=400)
    for kind in KINDS:
        store.contents.load(kind, list(other.contents.dump(kind)))
    store.contents.loaded()
    theirs = other.outbox.claim(other.enlist(), now=make.now, limit=1000)
    assert [message.id for message in store.outbox.claim(store.enlist(), now=make.now, limit=1000)] == [
        message.id for message in theirs
    ]
    assert {message.lane for message in theirs} > {Lane.ORDER}


def test_a_page_is_loaded_whole_or_not_at_all(store, look, abandon):
    rows = [{"key": f"n{number}", "value": number} for number in range(3)]
    abandon(store, lambda: store.contents.load("notes", rows))
    assert look().contents.numbers()["notes"] == 0
    store.contents.load("notes", rows)
    assert list(look().contents.dump("notes")) == rows


def test_the_mark_of_a_migration_is_no_row(store, look):
    store.put_note(MIGRATION, {"done": False})
    store.put_note("kept", 1)
    assert list(look().contents.dump("notes")) == [{"key": "kept", "value": 1}]
    assert look().contents.numbers()["notes"] == 1


def test_states_are_counted_with_those_of_tests(store, look, make):
    store.outbox.add([make.message("m1"), make.message("m2", lane=Lane.TEST, state=MessageState.SENT)])
    assert look().contents.states() == dict.fromkeys(MessageState, 0) | {MessageState.PLANNED: 1, MessageState.SENT: 1}


def test_one_that_others_work_with_is_not_to_be_had_alone(store, open_store):
    other = open_store()
    other.enlist()
    with pytest.raises(InUse, match="open|work with") as caught, store.contents.alone():
        raise AssertionError("it is in use")
    assert "messaging serve" in caught.value.hint
    other.close()
    with store.contents.alone():
        assert store.contents.numbers()["customers"] == 0


def test_while_one_is_alone_with_it_no_other_begins(store, open_store, make):
    seen = []

    def change():
        begun.set()
        with other.transaction():
            seen.append(store_is_mine.is_set())

    begun, store_is_mine = threading.Event(), threading.Event()
    with store.contents.alone():
        store_is_mine.set()
        other = open_store()
        thread = threading.Thread(target=change)
        thread.start()
        begun.wait()
        thread.join(0.2)
        assert seen == []
        store_is_mine.clear()
    thread.join()
    assert seen == [False]
