"""A connection that breaks at the N-th statement, for every N: the method is done once, or, in a transaction, not at all."""

from __future__ import annotations

import secrets
import threading
import time

import psycopg
import pytest

from messaging.errors import StoreError
from messaging.nouns.event import EventState
from messaging.nouns.message import MessageState
from messaging.stores.postgres import transaction as module

pytestmark = pytest.mark.postgres


class Breaking:
    """Breaks the connection at statement number `at`: before it is sent, or when it was done and nobody has heard."""

    def __init__(self, aside, monkeypatch):
        self.aside = aside
        self.at = 0
        self.before = True
        self.broke = None
        for kind, name in ((psycopg.Cursor, "execute"), (psycopg.Connection, "execute"), (psycopg.Cursor, "copy")):
            monkeypatch.setattr(kind, name, self._breaking(getattr(kind, name)))

    def _breaking(self, real):
        def execute(own, statement, *arguments, **options):
            connection = own if isinstance(own, psycopg.Connection) else own.connection
            # A connection's own `execute` goes by a cursor's.
            if connection is self.aside or self.at <= 0 or isinstance(own, psycopg.Connection):
                return real(own, statement, *arguments, **options)
            self.at -= 1
            if self.at:
                return real(own, statement, *arguments, **options)
            self.broke = str(statement)
            if self.before:
                self._terminate(connection)
                return real(own, statement, *arguments, **options)
            real(own, statement, *arguments, **options)
            self._terminate(connection)
            raise psycopg.OperationalError("the answer is lost")

        return execute

    def _terminate(self, connection):
        pid = connection.info.backend_pid
        self.aside.execute("SELECT pg_terminate_backend(%s)", [pid])
        while self.aside.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone():
            time.sleep(0.001)


@pytest.fixture
def breaking(aside, monkeypatch):
    monkeypatch.setattr("messaging.stores.postgres.faults.FIRST_PAUSE", 0.001)
    return Breaking(aside, monkeypatch)


def fill(store, make):
    """What the methods below find."""
    store.customers.put([make.customer("ann"), make.customer("bob")])
    store.events.add([make.event("1", customer_id="ann"), make.event("2")])
    store.outbox.add([make.message(f"m{n}") for n in range(4)])
    store.outbox.add([make.message("s", state=MessageState.SKIPPED), make.message("k", customer_id="bob")])
    for worker, limit in (("w", 2), ("v", 1)):
        store.outbox.claim(worker, now=make.now, limit=limit)
    store.outbox.begin("w", ["m0"], now=make.now)
    store.addresses.suppress([make.suppression("eve@example.com")])


METHODS = {
    "customers.put": lambda store, make: store.customers.put([make.customer("ann", city="Wien"), make.customer("cy")]),
    "customers.delete": lambda store, make: store.customers.delete("ann"),
    "events.add": lambda store, make: [
        known and known.id for known in store.events.add([make.event("2"), make.event("3")])
    ],
    "events.settle": lambda store, make: store.events.settle(make.event("2").key, EventState.DONE, customer_id="bob"),
    "events.forget": lambda store, make: store.events.forget([make.event("1").key]),
    "events.put_orders": lambda store, make: store.events.put_orders(
        [make.order("1", skus={"tea": 1, "pot": 1}, placed_at=make.now)]
    ),
    "outbox.add": lambda store, make: store.outbox.add([make.message("m0"), make.message("n")]),
    "outbox.add many": lambda store, make: store.outbox.add([make.message(f"n{n}") for n in range(50)]),
    "outbox.replan": lambda store, make: store.outbox.replan([make.message("s")]),
    "outbox.claim": lambda store, make: [m.id for m in store.outbox.claim("u", now=make.now, limit=1)],
    "outbox.begin": lambda store, make: store.outbox.begin("w", ["m1", "m0"], now=make.now),
    "outbox.settle": lambda store, make: store.outbox.settle([make.sent("m0"), make.sent("m0", reason="late")]),
    "outbox.release": lambda store, make: store.outbox.release("w"),
    "outbox.bury": lambda store, make: [m.id for m in store.outbox.bury("w", by="x")],
    "outbox.postpone": lambda store, make: store.outbox.postpone(["m3"], make.now),
    "outbox.stop": lambda store, make: store.outbox.stop("spring", "cancelled"),
    "campaigns.put_members": lambda store, make: store.campaigns.put_members("spring", ["ann", "bob"]),
    "campaigns.put": lambda store, make: store.campaigns.put(make.campaign("spring")),
    "addresses.add_consents": lambda store, make: store.addresses.add_consents([make.consent()]),
    "addresses.suppress": lambda store, make: store.addresses.suppress([make.suppression()]),
    "addresses.unsuppress": lambda store, make: store.addresses.unsuppress(("email", "eve@example.com")),
    "engagements.add": lambda store, make: [one.id for one in store.engagements.add([make.engagement("1")])],
    "put_note": lambda store, make: store.put_note("a", 1),
    "put_version": lambda store, make: store.put_version(make.version("v1")),
    "take_tokens": lambda store, make: store.take_tokens("smtp", 3, rate=0.001, burst=5)[0],
    "enlist": lambda store, make: store.is_alive(store.enlist()),
    "page": lambda store, make: [m.id for m in store.outbox.page()],
    "summary": lambda store, make: store.engagements.summary(),
}


def state(store):
    """Everything that can be seen, but the random id that stands for who was erased."""
    messages = [message.to_document() for message in store.outbox.page()]
    names = {"ann", "bob"}
    return (
        [customer.to_document() for customer in store.customers.page()],
        [event.to_document() for event in store.events.page()],
        [{**m, "customer_id": m["customer_id"] if m["customer_id"] in names else "?"} for m in messages],
        store.events.orders_of(["ann"]),
        store.products.bought_with("", "", ["tea"]),
        store.outbox.counts("spring"),
        store.outbox.reasons("spring"),
        store.outbox.workers(),
        store.campaigns.all(),
        list(store.campaigns.members("spring") or ()),
        store.addresses.status([("email", f"{name}@example.com") for name in ("ann", "eve")]),
        store.engagements.summary(),
        store.notes(""),
        [version.version for version in store.versions()],
        store.health()["messages"],
    )


@pytest.fixture
def anew(store, make, empty_postgres):
    """The store as `fill` leaves it, again and again."""

    def run():
        empty_postgres()
        fill(store, make)
        return state(store)

    return run


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_done_once(store, make, anew, breaking, name, before):
    method = METHODS[name]
    anew()
    expected, after = method(store, make), None
    after = state(store)
    breaking.before = before
    for at in range(1, 60):
        anew()
        breaking.at, breaking.broke = at, None
        result = method(store, make)
        if breaking.broke is None:
            breaking.at = 0
            assert at > 1, "the method said nothing to the database"
            return
        where = f"at {at}, {breaking.broke.split()[:4]}"
        assert result == expected, where
        assert state(store) == after, where
    pytest.fail("the method never came to its end")


@pytest.mark.parametrize("before", [True, False])
def test_a_transaction_is_done_or_not(store, make, anew, breaking, before):
    def change():
        with store.transaction():
            store.customers.put([make.customer("cy")])
            with store.transaction():
                store.outbox.settle([make.sent("m0")])
            store.events.add([make.event("3")])
            store.put_note("a", 1)

    untouched = anew()
    change()
    after = state(store)
    breaking.before = before
    fates = set()
    for at in range(1, 60):
        anew()
        breaking.at, breaking.broke = at, None
        try:
            change()
        except StoreError:
            assert state(store) == untouched
            fates.add("undone")
        else:
            if breaking.broke is None:
                breaking.at = 0
                assert fates == {"undone", "done"}
                return
            assert state(store) == after
            # Nothing was done yet, or all of it was.
            assert breaking.broke.startswith(("BEGIN", "COMMIT"))
            fates.add("done")
    pytest.fail("it never came to its end")


def test_nobody_can_say_whether_it_was_done(store, breaking, monkeypatch):
    """The server is gone for good right after it was asked to commit."""
    monkeypatch.setattr(module.Transaction, "_fate", lambda self, xid: None)
    breaking.before, breaking.at = False, 4
    with pytest.raises(StoreError, match="nobody can say"):
        store.put_note("a", 1)
    assert breaking.broke == "COMMIT"
    breaking.at = 0
    assert store.get_note("a") == 1


def test_a_failed_part_does_not_spoil_the_whole(store, make):
    with store.transaction():
        store.put_note("a", 1)
        with pytest.raises(Exception, match="too long"), store.transaction():
            store.customers.put([make.customer(secrets.token_hex(6000))])
        store.put_note("b", 1)
    assert store.notes("") == {"a": 1, "b": 1}


def test_a_worker_goes_on_when_its_connection_broke(store, make, breaking):
    store.outbox.add([make.message("m1")])
    worker = store.enlist()
    breaking._terminate(store._workers._held.connection)
    assert not store.is_alive(worker)
    assert [message.id for message in store.outbox.claim(worker, now=make.now, limit=1)] == ["m1"]
    assert store.is_alive(worker)


def test_a_deadlock_is_tried_again(store, open_store, make):
    """Two who lock two rows, each in another order: one is undone by the server, and tries again."""
    other = open_store()
    store.outbox.add([make.message("m1"), make.message("m2")])
    here, tries = threading.Barrier(2), []

    def lock(own, first, second):
        def work(session):
            tries.append(first)
            session.run("SELECT FROM messages WHERE id = %(id)s FOR UPDATE", {"id": first})
            if len(tries) <= 2:
                here.wait()
            session.run("SELECT FROM messages WHERE id = %(id)s FOR UPDATE", {"id": second})

        own._database.write(work)

    threads = [
        threading.Thread(target=lock, args=arguments) for arguments in ((store, "m1", "m2"), (other, "m2", "m1"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tries) == 3
