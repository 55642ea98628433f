"""Killed at every call of the disk and of the adapter while sending, and failing at every call of the store and of the
adapter: nobody is lost, nobody doubled, unknowns few.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from messaging import Receipt
from messaging.errors import MessagingError, StoreError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane, MessageState
from messaging.services import marking, shards
from messaging.services.sending import GROUP
from messaging.stores.base import Addresses, Campaigns, Customers, Engagements, Store
from messaging.stores.events import Events
from messaging.stores.links import ShortLinks
from messaging.stores.outbox import Outbox
from messaging.stores.tinydb.disk import Disk

pytestmark = pytest.mark.slow

PEOPLE = 50
ENDS = (MessageState.SENT, MessageState.UNKNOWN)


def die() -> None:
    """As by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Strikes at the N-th call."""

    def __init__(self, at: int, strike: Callable[[], object] = die) -> None:
        self.left = at
        self._strike = strike

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self._strike()


def send_until_killed(shop: Any, ledger: Path, at: int) -> bool:
    """In a process of its own: send, and die at call number `at`; whether it died."""
    child = os.fork()
    if child == 0:
        try:
            count = Countdown(at)
            for name in ("write", "sync", "truncate", "replace", "link", "remove", "sync_folder"):
                original = getattr(Disk, name)

                def counted(self: Disk, *arguments: Any, _original: Any = original) -> None:
                    count()
                    _original(self, *arguments)

                setattr(Disk, name, counted)
            app = shop.open()

            def take(messages: Any) -> Any:
                with ledger.open("a", encoding="utf-8") as file:
                    for message in messages:
                        count()  # before the provider has it
                        file.write(f"{message.to}\n")
                        file.flush()
                        count()  # the provider has it, nobody knows yet
                        yield Receipt.accepted(message.id)

            shop.pigeon_of(app).answer = take
            app.campaigning.start("spring")
            app.campaigning.fill("spring")
            app.send_campaign("spring")
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


@pytest.mark.parametrize("first", range(1, 9))
def test_killed_at_every_eighth_call_from(live_shop: Any, tmp_path: Path, first: int) -> None:
    """One run that is killed again and again, each time a few calls further on, until it is through."""
    live_shop.add_customers(PEOPLE)
    live_shop.app.campaigning.create("spring", template="letter", segment="all")
    live_shop.app.library.version("letter")
    live_shop.app.close()
    ledger = tmp_path / "ledger"
    ledger.touch()
    kills = 0
    at = first
    while send_until_killed(live_shop, ledger, at):
        kills += 1
        at += 8
        app = live_shop.open()
        counts = app.store.outbox.counts("spring")
        if app.campaigning.get("spring").state.value in ("sending", "done"):
            assert sum(counts.values()) == PEOPLE
        app.close()
    assert kills >= 3
    live_shop.app = live_shop.open()
    taken = ledger.read_text("utf-8").split()
    assert len(taken) == len(set(taken))
    states = {
        state: {m.address for m in live_shop.app.store.outbox.page(campaign="spring", state=state, limit=PEOPLE)}
        for state in MessageState
    }
    sent, unknown = states[MessageState.SENT], states[MessageState.UNKNOWN]
    assert len(sent) + len(unknown) == PEOPLE
    assert sent <= set(taken) <= sent | unknown
    assert len(unknown) <= kills * 2 * GROUP


class Failing:
    """Every call of a store and of an adapter, of which the N-th fails: before it did anything, or when it is done."""

    #: The parts of the port, and what it has of its own.
    PARTS: ClassVar = {
        "customers": Customers,
        "events": Events,
        "outbox": Outbox,
        "campaigns": Campaigns,
        "addresses": Addresses,
        "engagements": Engagements,
        "short_links": ShortLinks,
    }
    OWN: ClassVar = ("get_note", "put_note", "put_version", "version", "is_alive", "enlist")

    def __init__(self, store: Store) -> None:
        #: Whether calls that fail have taken effect.
        self.afterwards = False
        self.count = Countdown(0, self._fail)
        #: Campaigns that are through: what is asked of them is not counted, so that all runs are the same.
        self.over: set[str] = set()
        #: What failed.
        self.failed = ""
        self._call = ""
        for part, kind in self.PARTS.items():
            for name in kind.__abstractmethods__:
                self._wrap(getattr(store, part), name, f"{part}.{name}")
        for name in self.OWN:
            self._wrap(store, name, name)
        store.transaction = self._transaction(store.transaction)

    def at(self, number: int, *, afterwards: bool) -> None:
        self.count.left, self.afterwards, self.failed = number, afterwards, ""

    def take(self, accepted: list[str]) -> Callable[[Any], Iterator[Receipt]]:
        """An adapter's `deliver`, which tells whom the provider took a message for."""

        def deliver(messages: Any) -> Iterator[Receipt]:
            for message in messages:
                with self._counted("deliver"):
                    accepted.append(message.to)
                yield Receipt.accepted(message.id)

        return deliver

    def _wrap(self, whose: Any, name: str, call: str) -> None:
        original = getattr(whose, name)

        def method(*arguments: Any, **options: Any) -> Any:
            if arguments and isinstance(arguments[0], str) and arguments[0] in self.over:
                return original(*arguments, **options)
            with self._counted(call):
                return original(*arguments, **options)

        setattr(whose, name, method)

    def _transaction(self, original: Any) -> Any:
        @contextmanager
        def transaction(**options: Any) -> Iterator[None]:
            with original(**options):
                yield
                if not self.afterwards:
                    self._named("commit")
            if self.afterwards:
                self._named("commit")

        return transaction

    @contextmanager
    def _counted(self, call: str) -> Iterator[None]:
        if not self.afterwards:
            self._named(call)
        yield
        if self.afterwards:
            self._named(call)

    def _named(self, call: str) -> None:
        self._call = call
        self.count()

    def _fail(self) -> None:
        self.failed = self._call
        raise StoreError(f"{self._call} fails")


def order(number: str, at: datetime) -> dict[str, Any]:
    return {
        "id": number,
        "type": "order.placed",
        "time": at.isoformat(),
        "customer": {"id": "c0001", "email": "c0001@example.com"},
        "data": {
            "order": {
                "number": number,
                "total": "9.90",
                "currency": "EUR",
                "items": [{"sku": "tea", "name": "Tea", "quantity": 1, "price": "9.90"}],
            }
        },
    }


class Server:
    """What a server's threads do, in turn; as there, a round that fails is done again."""

    def __init__(self, app: Any) -> None:
        self.app = app
        stop, dispatcher = threading.Event(), app.dispatcher
        self._rounds = [
            dispatcher.recovery_round(stop, lambda: None),
            dispatcher.lane_round(Lane.ORDER, "email", stop, lambda: None),
            dispatcher.campaign_round(stop, lambda: None),
            dispatcher.events_round(stop, lambda: None),
        ]

    def rounds(self) -> None:
        for work in self._rounds:
            try:
                work()
            except (MessagingError, OSError):
                pass

    def receive(self, event: dict[str, Any]) -> None:
        """A shop posts it until it is taken."""
        for _ in range(3):
            try:
                self.app.receive(event)
            except StoreError:
                continue
            return
        pytest.fail("the event was never taken")


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def any_shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shop on each store."""
    if request.param == "postgres":
        monkeypatch.setenv("MESSAGING__STORE__URL", request.getfixturevalue("postgres_url"))
    monkeypatch.setattr(shards, "FAULT_PAUSE", 0.0)
    monkeypatch.setattr(marking, "PAGE", 3)
    return request.getfixturevalue("live_shop")


@pytest.mark.parametrize("afterwards", [False, True], ids=["before", "afterwards"])
def test_failing_at_every_call(any_shop: Any, afterwards: bool) -> None:
    """A campaign and orders for each N, in one server that is well again after the N-th call failed."""
    people = any_shop.add_customers(4)
    app, clock = any_shop.app, any_shop.clock
    app.triggers.enable("order-confirmation")
    server = Server(app)  # its senders are made, and stay
    failing = Failing(app.store)
    accepted: list[str] = []
    any_shop.pigeon.answer = failing.take(accepted)
    failed: Counter[str] = Counter()
    unknown = 0
    for number in range(1, 400):
        name = f"spring-{number}"
        app.campaigning.create(name, template="letter", segment="all")
        orders = [f"{number}-a", f"{number}-b"]
        accepted.clear()
        failing.at(number, afterwards=afterwards)
        try:
            app.campaigning.start(name)
        except StoreError:
            app.campaigning.start(name)
        server.receive(order(orders[0], clock.now()))
        server.rounds()
        server.receive(order(orders[1], clock.now()))
        server.rounds()
        failing.count.left = 0
        for _ in range(4):
            if app.campaigning.get(name).state is CampaignState.PAUSED:
                app.campaigning.resume(name)
            clock.advance(timedelta(minutes=2))
            server.rounds()
        where = f"call {number}, {failing.failed}"
        counts = {state: n for state, n in app.store.outbox.counts(name).items() if n}
        assert sum(counts.values()) == len(people), where
        assert counts.keys() <= {MessageState.SENT, MessageState.UNKNOWN}, f"{where}: {counts}"
        assert app.campaigning.get(name).state is CampaignState.DONE, where
        confirmed = [
            message
            for message in app.store.outbox.page(template="order-confirmation", limit=10_000)
            if message.context and message.context["order"]["number"] in orders
        ]
        assert len(confirmed) == 2, where
        rows = [*app.store.outbox.page(campaign=name), *confirmed]
        sent = Counter(row.address for row in rows if row.state is MessageState.SENT)
        doubtful = Counter(row.address for row in rows if row.state is MessageState.UNKNOWN)
        rest = [(row.lane.name, row.state, row.reason, row.worker) for row in rows if row.state not in ENDS]
        assert not rest, f"{where}: {rest}"
        taken = Counter(accepted)
        assert sent <= taken <= sent + doubtful, f"{where}: sent {sent}, doubtful {doubtful}, taken {taken}"
        assert app.store.outbox.workers() == [], where
        unknown += sum(doubtful.values())
        failing.over.add(name)
        if not failing.failed:
            break
        failed[failing.failed] += 1
    assert not failing.failed, "it never came to its end"
    assert {"outbox.claim", "outbox.begin", "outbox.settle", "outbox.add", "commit", "deliver"} <= failed.keys()
    # Only what was on its way when nobody could say what became of it.
    assert 0 < unknown <= 2 * GROUP * (failed["deliver"] + failed["outbox.settle"])
