"""One process, two doors, threads beside, and a clean end."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from messaging import Receipt, RenderedMessage
from messaging.errors import InputError
from messaging.nouns.message import Lane
from messaging.server.run import Door, listen, make_jobs, run
from messaging.server.targets import Targets

PROGRAM = """
import threading
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from messaging.server.run import Door, listen, run

app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))])
wake = threading.Event()

def job(stop):
    wake.wait()
    print("job ended", stop.is_set(), flush=True)

with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as two:
    doors = [Door(app, one), Door(app, two)]
    run(doors, [job], release=wake.set, on_start=lambda: print(*(door.url for door in doors), flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        one, two = process.stdout.readline().split()
        assert one != two
        import httpx

        for url in (one, two):
            assert httpx.get(url, trust_env=False).text == "here"
        os.kill(process.pid, number)
        assert process.stdout.read() == "job ended True\ndone\n"
        assert process.wait(10) == 0


def test_an_address_in_use() -> None:
    with listen("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1, port {port}"), listen("127.0.0.1", port):
            pass
    with pytest.raises(InputError, match="cannot listen"), listen("192.0.2.1", 0):
        pass


def test_answers_are_not_delayed_by_nagle() -> None:
    """A socket that is not said to be TCP costs every answer 40 ms: asyncio leaves Nagle's algorithm on."""
    with listen("127.0.0.1", 0) as opened:
        assert opened.proto == socket.IPPROTO_TCP


def test_a_job_that_dies_takes_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    died, stop = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda args: died.set())

    def job(stop: threading.Event) -> None:
        raise RuntimeError("bad")

    async def app(scope: object, receive: object, send: object) -> None: ...

    with listen("127.0.0.1", 0) as opened:
        run([Door(app, opened)], [job], stop=stop, on_start=lambda: (died.wait(5), stop.set()))
    assert died.is_set()


class Provider:
    """Takes everything at once, but what goes to `slow…` only when it is told to go on."""

    def __init__(self) -> None:
        self.in_hand, self.go_on = threading.Event(), threading.Event()
        self.took: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __call__(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            if message.to.startswith("slow"):
                self.in_hand.set()
                self.go_on.wait(60)
            else:
                self.took.put(message.to)
            yield Receipt.accepted(message.id)


AtWork = Callable[[], AbstractContextManager[Provider]]


@pytest.fixture
def at_work(live_shop: Any) -> AtWork:
    """The jobs of the shop's server at work, and the provider it has."""

    @contextmanager
    def run_jobs() -> Iterator[Provider]:
        app, stop, provider = live_shop.app, threading.Event(), Provider()
        live_shop.pigeon.answer = provider
        threads = [threading.Thread(target=job, args=(stop,)) for job in make_jobs(app, Targets(app.store), stop)]
        for thread in threads:
            thread.start()
        try:
            yield provider
        finally:
            stop.set()
            provider.go_on.set()
            app.queue.wake_all()
            for thread in threads:
                thread.join(30)

    return run_jobs


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((Lane.EVENT, "email"), (Lane.ORDER, "email")),
        ((Lane.ORDER, "email"), (Lane.ORDER, "sms")),
        ((Lane.EVENT, "email"), (Lane.EVENT, "sms")),
    ],
)
def test_no_lane_and_no_channel_waits_for_another(
    live_shop: Any, at_work: AtWork, before: tuple[Lane, str], after: tuple[Lane, str]
) -> None:
    live_shop.add_parrot()
    live_shop.due(before[0], *(f"slow{n}" for n in range(40)), channel=before[1])
    with at_work() as provider:
        assert provider.in_hand.wait(10)
        live_shop.due(after[0], "ann", channel=after[1])
        assert provider.took.get(timeout=10) == "ann@example.com"


def test_an_event_wakes_who_sends(live_shop: Any, at_work: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.server.run.POLL", 3600.0)
    live_shop.app.triggers.enable("order-confirmation")
    order = {
        "number": "A-1",
        "total": "1.00",
        "currency": "EUR",
        "items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "1.00"}],
    }
    event = {
        "type": "order.placed",
        "time": live_shop.clock.now().isoformat(),
        "customer": {"id": "ann", "email": "ann@example.com"},
    }
    with at_work() as provider:
        for number in ("1", "2"):
            data = {"order": {**order, "number": number}}
            live_shop.app.intake.receive({**event, "id": f"e{number}", "data": data})
            assert provider.took.get(timeout=10) == "ann@example.com"


def test_what_a_dead_sender_had_is_taken_up(live_shop: Any, at_work: AtWork) -> None:
    live_shop.due(Lane.ORDER, "ann")
    dead = live_shop.open()
    assert dead.store.outbox.claim(dead.store.enlist(), now=live_shop.clock.now(), limit=1)
    dead.close()  # as a kill would: its lock is gone, its row is as it was
    with at_work() as provider:
        assert provider.took.get(timeout=10) == "ann@example.com"
