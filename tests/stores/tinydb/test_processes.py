"""Several processes on one store, and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import pytest

from messaging.errors import StoreError
from messaging.stores.tinydb.locks import FileLock, ProcessLock

PRELUDE = """
import sys
from pathlib import Path
from messaging.clock import Clock
from messaging.nouns.customer import Customer
from messaging.stores.tinydb.store import TinyStore
store = TinyStore(Path(sys.argv[1]), clock=Clock())
"""

#: Puts pairs, each in one transaction, says so, and compacts now and then.
PAIRS = """
number = store.get_note("last") or 0
while True:
    number += 1
    with store.transaction():
        store.put_note("last", number)
        store.customers.put([Customer(id=f"a{number}"), Customer(id=f"b{number}")])
    print(number, flush=True)
    if number % 40 == 0:
        store.compact()
"""

MANY = """
for number in range(200):
    store.customers.put([Customer(id=f"{sys.argv[2]}-{number}")])
"""

HOLDING = """
worker = store.enlist()
print(worker, flush=True)
sys.stdin.read()
"""

BUSY = """
from datetime import UTC, datetime
now = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
worker = store.enlist()
while True:
    ids = [message.id for message in store.outbox.claim(worker, now=now, limit=200)]
    store.outbox.begin(worker, ids[:50], now=now)
    store.outbox.release(worker)
    print("x", flush=True)
"""


@pytest.fixture
def run(run_python, path):
    """Starts a process that has the store open."""
    return lambda code, *arguments: run_python(PRELUDE + code, path, *arguments)


def test_killed_at_any_moment_nothing_is_lost_and_nothing_is_half(run, open_tiny):
    moments = random.Random(7)
    said = 0
    for _ in range(12):
        process = run(PAIRS)
        for _ in range(moments.randrange(1, 90)):
            said = int(process.stdout.readline())
        deadline = time.perf_counter() + moments.random() * 0.004
        while time.perf_counter() < deadline:
            pass
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        said = int(rest.split()[-1]) if rest.endswith("\n") else said
        store = open_tiny()
        last = store.get_note("last")
        assert last >= said
        expected = {f"{letter}{number}" for number in range(1, last + 1) for letter in "ab"}
        assert {customer.id for customer in store.customers.page(limit=10**6)} == expected
        store.close()


def test_two_processes_lose_nothing(run, open_tiny):
    store = open_tiny()
    processes = [run(MANY, name) for name in ("x", "y")]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert store.customers.count() == 400
    assert open_tiny().customers.count() == 400


def test_a_killed_worker_is_dead_and_its_messages_can_be_freed(run, open_tiny, make):
    store = open_tiny()
    store.outbox.add([make.message("m1"), make.message("m2")])
    process = run(HOLDING)
    worker = process.stdout.readline().strip()
    assert store.is_alive(worker)
    assert len(store.outbox.claim(worker, now=make.now, limit=2)) == 2
    store.outbox.begin(worker, ["m1"], now=make.now)
    process.kill()
    process.wait()
    assert not store.is_alive(worker)
    assert [message.id for message in store.outbox.bury(worker, by=store.enlist())] == ["m1"]


@pytest.mark.alone
def test_a_busy_process_does_not_starve_another(run, open_tiny, make):
    store = open_tiny()
    store.outbox.add([make.message(f"m{n}") for n in range(20_000)])
    process = run(BUSY)
    process.stdout.readline()
    waits = []
    for number in range(100):
        start = time.perf_counter()
        store.events.add([make.event(str(number))])
        waits.append(time.perf_counter() - start)
    assert sorted(waits)[98] < 0.2


def test_threads_lose_nothing(open_tiny, make):
    store = open_tiny()

    def write(name):
        for number in range(100):
            store.customers.put([make.customer(f"{name}-{number}")])
            assert store.customers.get([f"{name}-{number}"])

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.customers.count() == 400
    assert open_tiny().customers.count() == 400


def test_a_store_that_stays_locked_is_given_up_on(path):
    held = ProcessLock(path)
    with held, pytest.raises(StoreError, match="locked"):
        ProcessLock(path, timeout=0.01).__enter__()
    held.close()


def test_who_gave_up_leaves_the_waiting_room(path):
    lock = FileLock(path.with_name(path.name + ".lock"))
    lock.acquire(1)
    late = ProcessLock(path, timeout=0.01)
    with pytest.raises(StoreError):
        late.__enter__()
    lock.close()
    with ProcessLock(path, timeout=1):
        pass
    late.close()


def test_a_long_look_stays_as_it_began(open_tiny, make):
    store, other = open_tiny(), open_tiny()
    with store.db.journal.reading():
        assert store.customers.count() == 0
        other.customers.put([make.customer("ann")])
        assert store.customers.count() == 0
        store.refresh()
        assert store.customers.get(["ann"]) == {}
    assert store.customers.count() == 1
