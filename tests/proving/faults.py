"""What is done to a shop while it sends: drawn from a seed, so that a run can be done again."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tests.proving.provider import LURK
from tests.proving.services import Postgres, RabbitMQ, Redis
from tests.proving.shop import Shop

#: How long a command may take until it sends, in seconds.
SETTING_OUT = 4.0
#: Of those that kill or cut off, so large a part does while requests are under way.
AIMED = 0.6
#: What the system says where no file may grow, and a process repeats.
FULL = os.strerror(errno.EFBIG)


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


def aimed(fault: Fault) -> bool:
    """Whether it strikes when requests are under way. That is a moment only, which hardly one would find by chance."""
    return fault.draw < AIMED and fault.kind.endswith(("killed", "cut off", "restarted", "connections refused"))


@dataclass
class Breaker:
    """Does it, and sees to it that who died is started again."""

    shop: Shop
    postgres: Postgres | None = None
    broker: Redis | RabbitMQ | None = None
    #: How often each was done, and how often it struck: somebody was killed, a request was lost, a write failed.
    done: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)

    def kinds(self) -> list[str]:
        """What can be done to this shop."""
        sender = "worker" if self.shop.workers else "sender"
        kinds = ["server killed", f"{sender} killed", "two resumes at once"]
        if self.shop.workers:
            kinds += ["all workers killed"]
        if self.shop.clocks.missing is None:
            kinds += ["server's clock apart", f"{sender}'s clock apart"]
        kinds += [
            "timeout after accepting",
            "500 after accepting",
            "reset after accepting",
            "no answer, nothing accepted",
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
        with self.shop.provider.holding() if aimed(fault) else nullcontext():
            struck = self._deeds()[fault.kind](fault.draw)
        self.done[fault.kind] += 1
        self.struck[fault.kind] += bool(struck)

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
        """Everything is well from now on, but for clocks."""
        self.shop.provider.mend()
        for service in (self.postgres, self.broker):
            if service is not None:
                service.start()

    def _deeds(self) -> dict[str, Callable[[float], object]]:
        """Each says whether it struck."""
        provider = self.shop.provider

        def few(draw: float) -> int:
            return 1 + int(draw * 3)

        return {
            "server killed": lambda draw: self._kill("server"),
            "sender killed": lambda draw: self._kill("sender"),
            "all workers killed": lambda draw: self._kill("worker"),
            "worker killed": self._kill_a_worker,
            "two resumes at once": lambda draw: self._resume_twice(),
            "server's clock apart": lambda draw: self._apart("server", draw),
            "sender's clock apart": lambda draw: self._apart("sender", draw),
            "worker's clock apart": lambda draw: self._apart("worker", draw),
            "timeout after accepting": lambda draw: provider.fail_next(
                "silence", when="after", seconds=4.0, times=few(draw)
            ),
            "500 after accepting": lambda draw: provider.fail_next(status=500, when="after", times=few(draw)),
            "reset after accepting": lambda draw: provider.fail_next("reset", when="after", times=few(draw)),
            "no answer, nothing accepted": lambda draw: provider.fail_next(
                "silence" if draw < 0.5 else "reset", deaf=True, when="after", seconds=4.0, times=few(draw)
            ),
            "429 with Retry-After": lambda draw: provider.fail_next(status=429, retry_after="1", times=2 * few(draw)),
            "half a batch refused": lambda draw: provider.refuse_some(int(draw * 1000)),
            "connections refused": lambda draw: provider.refuse_connections(0.3 + draw),
            "PostgreSQL restarted": lambda draw: self.postgres and self.postgres.restart(immediate=False),
            "PostgreSQL cut off": lambda draw: self.postgres and self.postgres.restart(immediate=True),
            "Redis emptied": lambda draw: isinstance(self.broker, Redis) and self.broker.empty(),
            "Redis restarted": lambda draw: isinstance(self.broker, Redis) and self.broker.restart(),
            "RabbitMQ stopped": self._stop_rabbit,
            "disk full": self._fill_the_disk,
        }

    def _kill(self, name: str) -> bool:
        """Whoever was killed a moment ago is being started again: it is waited for, unless it has no more to do."""
        end = time.monotonic() + LURK
        while not self.shop.alive(name) and not self.shop.is_through(name) and time.monotonic() < end:
            time.sleep(0.02)
        return self.shop.kill(name)

    def _kill_a_worker(self, draw: float) -> bool:
        end = time.monotonic() + LURK
        while not (children := self.shop.children("worker")) and time.monotonic() < end:
            time.sleep(0.02)
        try:
            os.kill(children[int(draw * len(children))], signal.SIGKILL)
        except (IndexError, ProcessLookupError):
            return False
        return True

    def _resume_twice(self) -> bool:
        """Both run, while there is something left to do; what one has in hand stays there for as long as they set out."""
        with self.shop.provider.holding():
            self.shop.start_sender("second")
            self.shop.start_sender("third")
            time.sleep(SETTING_OUT)
            return self.shop.under_way()

    def _apart(self, name: str, draw: float) -> bool:
        """Killed, and until it is killed again its clock is half a minute ahead or behind."""
        self.shop.off[name] = 30 if draw < 0.5 else -30
        self._kill(name)
        end = time.monotonic() + LURK
        while name in self.shop.off and time.monotonic() < end:
            time.sleep(0.02)
        return self.shop.off.pop(name, None) is None

    def _stop_rabbit(self, draw: float) -> bool:
        if isinstance(self.broker, RabbitMQ):
            self.broker.stop(signal.SIGKILL if draw < 0.5 else signal.SIGTERM)
            time.sleep(1.0 + draw)
            self.broker.start()
        return self.broker is not None

    def _fill_the_disk(self, draw: float) -> bool:
        """No file of the server's, or of the sender's, may grow beyond what the store has now, until that was met."""
        before = self.shop.said(FULL)
        size = _size(self.shop.folder / "data" / "store.jsonl") + int(draw * 4096)
        end = time.monotonic() + LURK
        limited = set()
        while (struck := self.shop.said(FULL) > before) is False and time.monotonic() < end:
            for name in ("server", "sender"):  # who is started meanwhile, too
                if self.shop.alive(name):
                    limited.add(self.shop.processes[name].pid)
            for pid in limited:
                _limit(pid, size)
            time.sleep(0.1)
        for pid in limited:
            _limit(pid, resource.RLIM_INFINITY)
        return struck


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
