"""Several processes on one store, and processes that are killed."""

from __future__ import annotations

import os
import signal

import pytest

from messaging.errors import StoreError
from messaging.nouns.message import MessageState

pytestmark = pytest.mark.postgres

PRELUDE = """
import os, sys
from datetime import UTC, datetime
from messaging.nouns.customer import Customer
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.store import PostgresStore
now = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
store = PostgresStore(read_address(sys.argv[1]))
"""

#: Claims until there is nothing more, and says what it got.
CLAIMING = """
worker = store.enlist()
sys.stdin.readline()
while ids := [message.id for message in store.outbox.claim(worker, now=now, limit=7, campaign="spring")]:
    begun = store.outbox.begin(worker, ids, now=now)
    assert sorted(begun) == sorted(ids)
    print(*ids, flush=True)
"""

#: Has two messages, one of them in hand.
HOLDING = """
worker = store.enlist()
ids = [message.id for message in store.outbox.claim(worker, now=now, limit=2)]
store.outbox.begin(worker, ids[:1], now=now)
print(worker, *ids, flush=True)
sys.stdin.read()
"""

#: Puts pairs, each in one transaction, and says so.
PAIRS = """
number = store.get_note("last") or 0
while True:
    number += 1
    with store.transaction():
        store.put_note("last", number)
        store.customers.put([Customer(id=f"a{number}"), Customer(id=f"b{number}")])
    print(number, flush=True)
"""

#: A child that uses the store of its parent, and leaves the parent's connections alone.
FORKING = """
worker = store.enlist()
store.put_note("parent", 1)
child = os.fork()
if not child:
    store.put_note("child", store.get_note("parent") + 1)
    other = store.enlist()
    store.dismiss(other)
    store.close()
    os._exit(0 if store is not None else 1)
assert os.waitpid(child, 0)[1] == 0
assert store.get_note("child") == 2
assert store.is_alive(worker)
with store.transaction():
    store.put_note("parent", 3)
store.close()
"""


@pytest.fixture
def run(run_python, postgres_url):
    """Starts a process that has the store open."""
    return lambda code, *arguments: run_python(PRELUDE + code, postgres_url, *arguments)


def test_no_message_is_given_out_twice(run, store, make):
    ids = [f"m{n:03}" for n in range(300)]
    store.outbox.add([make.message(id) for id in ids])
    processes = [run(CLAIMING) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [process.communicate()[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert sorted(id for each in got for id in each) == ids


def test_what_a_killed_one_had_is_free_and_what_it_sent_is_unknown(run, store, make):
    store.outbox.add([make.message("m1"), make.message("m2")])
    process = run(HOLDING)
    worker, in_hand, locked = process.stdout.readline().split()
    assert store.is_alive(worker)
    assert store.outbox.claim("other", now=make.now, limit=9) == []
    process.kill()
    process.wait()
    while store.is_alive(worker):
        pass  # until the server has heard of it
    assert [(message.id, message.state) for message in store.outbox.bury(worker, by=store.enlist())] == [
        (in_hand, MessageState.UNKNOWN)
    ]
    assert [message.id for message in store.outbox.claim("other", now=make.now, limit=9)] == [locked]


def test_killed_at_any_moment_nothing_is_half(run, store):
    said = 0
    for lines in (3, 17, 40):
        process = run(PAIRS)
        for _ in range(lines):
            said = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        with store.transaction():  # which waits until the server has heard of it
            last = store.get_note("last")
        assert last >= said
        expected = {f"{letter}{number}" for number in range(1, last + 1) for letter in "ab"}
        assert {customer.id for customer in store.customers.page(limit=10**6)} == expected
        assert store.customers.count() == len(expected)


def test_a_fork_leaves_its_parents_connections_alone(run):
    process = run(FORKING)
    process.communicate()
    assert process.returncode == 0


def test_who_was_not_alone_all_the_while_says_so(store, aside):
    """The connection that keeps others out is idle: it may be cut, and nothing else notices."""
    keeping = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE state = 'idle' AND query = 'SELECT pg_try_advisory_lock($1) AS taken'
            AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid::bigint = %s)
    """
    number = store._database.place.lock & (2**32 - 1)

    def cut():
        with store.contents.alone():
            assert len(aside.execute(keeping, [number]).fetchall()) == 1
            store.put_note("a", 1)

    with pytest.raises(StoreError, match="was lost") as caught:
        cut()
    assert "once more" in caught.value.hint
