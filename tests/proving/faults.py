"""What is done to a shop while it sends: drawn from a seed, so that a run can be done again."""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.proving.services import Postgres, RabbitMQ, Redis
from tests.proving.shop import Shop


@dataclass(frozen=True, slots=True)
class Fault:
    """One of a plan: what, after which pause in seconds, and a number that says how exactly."""

    kind: str
    pause: float
    draw: float


def plan(seed: int, number: int, kinds: list[str]) -> list[Fault]:
    """Each kind once before any comes twice."""
    chance = random.Random(seed)
    drawn: list[str] = []
    while len(drawn) < number:
        drawn += chance.sample(kinds, len(kinds))
    return [Fault(kind, round(chance.uniform(0.2, 1.5), 2), round(chance.random(), 3)) for kind in drawn[:number]]


@dataclass
class Breaker:
    """Does it, and sees to it that who died is started again."""

    shop: Shop
    postgres: Postgres | None = None
    broker: Redis | RabbitMQ | None = None
    done: dict[str, int] = field(default_factory=dict)

    def kinds(self) -> list[str]:
        """What can be done to this shop."""
        kinds = ["server killed", "two resumes at once"]
        kinds += ["worker killed", "all workers killed"] if self.shop.workers else ["sender killed", "clocks apart"]
        kinds += [
            "timeout after accepting",
            "500 after accepting",
            "reset after accepting",
            "429 with Retry-After",
            "half a batch refused",
            "connections refused",
        ]
        if self.postgres is not None:
            kinds += ["PostgreSQL restarted", "PostgreSQL cut off"]
        else:
            kinds += ["disk full"]
        if isinstance(self.broker, Redis):
            kinds += ["Redis emptied", "Redis restarted"]
        if isinstance(self.broker, RabbitMQ):
            kinds += ["RabbitMQ stopped"]
        return kinds

    def do(self, fault: Fault) -> None:
        self._deeds()[fault.kind](fault.draw)
        self.done[fault.kind] = self.done.get(fault.kind, 0) + 1

    def keep_going(self) -> None:
        """Who is dead is started again, as a system's supervisor does."""
        shop = self.shop
        if not shop.alive("server"):
            shop.start_server()
        if shop.workers and not shop.alive("worker"):
            shop.start_worker()
        if not shop.alive("sender") and not shop.is_through("sender"):
            shop.start_sender()

    def mend(self) -> None:
        """Everything is well from now on."""
        self.shop.provider.mend()
        for service in (self.postgres, self.broker):
            if service is not None:
                service.start()

    def _deeds(self) -> dict[str, Callable[[float], object]]:
        shop, provider = self.shop, self.shop.provider

        def few(draw: float) -> int:
            return 1 + int(draw * 3)

        return {
            "server killed": lambda draw: shop.kill("server"),
            "sender killed": lambda draw: shop.kill("sender"),
            "all workers killed": lambda draw: shop.kill("worker"),
            "worker killed": self._kill_a_worker,
            "two resumes at once": lambda draw: [shop.start_sender("second"), shop.start_sender("third")],
            "clocks apart": self._apart,
            "timeout after accepting": lambda draw: provider.fail_next(
                "silence", when="after", seconds=4.0, times=few(draw)
            ),
            "500 after accepting": lambda draw: provider.fail_next(status=500, when="after", times=few(draw)),
            "reset after accepting": lambda draw: provider.fail_next("reset", when="after", times=few(draw)),
            "429 with Retry-After": lambda draw: provider.fail_next(status=429, retry_after="1", times=2 * few(draw)),
            "half a batch refused": self._refuse_some,
            "connections refused": lambda draw: provider.refuse_connections(0.3 + draw),
            "PostgreSQL restarted": lambda draw: self.postgres and self.postgres.restart(immediate=False),
            "PostgreSQL cut off": lambda draw: self.postgres and self.postgres.restart(immediate=True),
            "Redis emptied": lambda draw: self.broker.empty() if isinstance(self.broker, Redis) else None,
            "Redis restarted": lambda draw: self.broker.restart() if isinstance(self.broker, Redis) else None,
            "RabbitMQ stopped": self._stop_rabbit,
            "disk full": self._fill_the_disk,
        }

    def _kill_a_worker(self, draw: float) -> None:
        children = self.shop.children("worker") if self.shop.alive("worker") else []
        if children:
            try:
                os.kill(children[int(draw * len(children))], signal.SIGKILL)
            except ProcessLookupError:
                pass

    def _apart(self, draw: float) -> None:
        """The next sender's clock is half a minute off, before or after; what it puts off, it puts off by that much more."""
        self.shop.kill("sender")
        off = timedelta(seconds=30 if draw < 0.5 else -30)
        self.shop.start_sender(MESSAGING_NOW=(datetime.now(UTC) + off).isoformat())

    def _refuse_some(self, draw: float) -> None:
        """Of those that go out in the next second, every fiftieth address is refused, the rest of the request with it."""
        self.shop.provider.fail("refuse", share=0.02, seed=int(draw * 1000))
        time.sleep(1.0)
        self.shop.provider.mend()

    def _stop_rabbit(self, draw: float) -> None:
        if isinstance(self.broker, RabbitMQ):
            self.broker.stop(signal.SIGKILL if draw < 0.5 else signal.SIGTERM)
            time.sleep(1.0 + draw)
            self.broker.start()

    def _fill_the_disk(self, draw: float) -> None:
        """No file of the server's, or of the sender's, may grow beyond what the store has now, for a moment."""
        store = self.shop.folder / "data" / "store.jsonl"
        targets = [self.shop.processes[name] for name in ("server", "sender") if self.shop.alive(name)]
        size = _size(store) + int(draw * 4096)
        for process in targets:
            _limit(process.pid, size)
        time.sleep(0.5)
        for process in targets:
            _limit(process.pid, resource.RLIM_INFINITY)


def _limit(pid: int, size: int) -> None:
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    except ProcessLookupError:
        pass


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class Watch:
    """Starts again who died, in a thread, while faults go on."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            self._breaker.keep_going()
