"""Starts the processes of `messaging worker`, keeps them going, ends them in good order, and is their clock."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from messaging.cli.stopping import STOPPING
from messaging.errors import MessagingError
from messaging.logs import spoken
from messaging.nouns.work import LANES, Kind, Work, all_work
from messaging.queue.base import Queue
from messaging.queue.brokered import EVERY
from messaging.worker import PATIENT, WATCHED

log = logging.getLogger("messaging.worker")

#: How long a process that died is left dead, the first time in a row and at most, in seconds.
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
#: How much those that send campaigns stand back for who tells of orders, on processors that they share.
NICE = 10
#: One that lived so long was well, in seconds.
WELL = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    """So many processes that do the same."""

    name: str
    works: tuple[Work, ...]
    processes: int = 1


def parts(lanes: Sequence[str], channels: Sequence[str], concurrency: int) -> list[Part]:
    """Which processes there are: one that sends what events cause, a thread for each channel, and those for campaigns.

    What keeps all going (sweeping, recovering) is done by the first.
    """
    of_lane = {
        "orders": (Kind.ORDERS, Kind.INTAKE),
        "events": (Kind.EVENTS,),
        "campaigns": (Kind.CAMPAIGNS,),
    }
    every = all_work(list(channels))
    kinds = [(lane, of_lane[lane]) for lane in of_lane if lane in lanes]
    upkeep = (Kind.SWEEP, Kind.RECOVERY, Kind.TIDY)
    found = []
    prompt = [(lane, of) for lane, of in kinds if lane != "campaigns"]
    if prompt:
        taken = [*(kind for _, of in prompt for kind in of), *upkeep]
        name = " and ".join(lane for lane, _ in prompt)
        found.append(Part(name, tuple(work for work in every if work.kind in taken)))
    if "campaigns" in lanes:
        taken = [Kind.CAMPAIGNS, *(() if prompt else upkeep)]
        found.append(Part("campaigns", tuple(work for work in every if work.kind in taken), concurrency))
    return found


@dataclass(slots=True)
class _Child:
    """One process, and when it is started again should it die."""

    part: Part
    number: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    not_before: float = 0.0
    wait: float = field(default=FIRST_WAIT)


class Supervisor:
    """Runs them."""

    def __init__(self, queue: Queue, workspace: Path, parts: Sequence[Part], *, prefix: str, patience: float) -> None:
        """`patience`: how long they may take to end when they are asked to, in seconds."""
        self._queue = queue
        self._workspace = workspace
        self._prefix = prefix
        self._patience = patience
        self._children = [_Child(part, number) for part in parts for number in range(1, part.processes + 1)]
        self._stop = threading.Event()
        self._asked = 0

    def run(self) -> None:
        """Until SIGTERM or SIGINT; asked twice, they are ended at once.

        Raises:
            MessagingError: they had to be ended by force: what they had in hand becomes unknown.
        """
        before = {number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._keep_going()
        finally:
            try:
                self._end()
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self._asked += 1
        self._stop.set()
        if self._asked == 1:
            # No printing in here: what is interrupted may be printing.
            os.write(2, spoken(STOPPING))

    def _keep_going(self) -> None:
        next_time: Mapping[Kind, float] = dict.fromkeys(EVERY, 0.0)
        while not self._stop.is_set():
            now = time.monotonic()
            for child in self._children:
                self._look_after(child, now)
            due = [kind for kind, when in next_time.items() if when <= now]
            next_time = {kind: now + EVERY[kind] if kind in due else when for kind, when in next_time.items()}
            self._queue.wake(*map(Work, due))
            self._stop.wait(0.25)

    def _look_after(self, child: _Child, now: float) -> None:
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            log.error("a process that sends %s ended (%s): it is started again", child.part.name, _how(code))
            child.wait = FIRST_WAIT if now - child.started > WELL else min(child.wait * 2, LONGEST_WAIT)
            child.process, child.not_before = None, now + child.wait
        if now >= child.not_before:
            child.process, child.started = self._start(child), now

    def _start(self, child: _Child) -> subprocess.Popen[bytes]:
        # Campaigns one at a time, so that a wake-up goes to whoever is free; of all else each has a thread.
        threads = 1 if all(work.kind not in LANES for work in child.part.works) else len(child.part.works)
        loud = log.isEnabledFor(logging.INFO)
        # That it runs as root is the container's affair: what comes in is JSON that names work of ours.
        command = [sys.executable, "-W", "ignore:You're running the worker with superuser"]
        command += ["-m", "celery", "--quiet", "-A", "messaging.worker", "worker"]
        command += ["--pool", "threads", "--concurrency", str(threads)]
        command += ["--queues", ",".join(f"{self._prefix}.{work.name}" for work in child.part.works)]
        command += ["--hostname", f"{child.part.name.replace(' ', '-')}-{child.number}@%h"]
        command += ["--loglevel", "INFO" if loud else "WARNING"]
        environment = {**os.environ, "MESSAGING_WORKSPACE": str(self._workspace), WATCHED: "1"}
        if child.part.name == "campaigns":
            environment[PATIENT] = str(NICE)
        # A session of its own: Ctrl-C is for us, who tell it. It ends when we do, as its input does.
        return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)

    def _end(self) -> None:
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + self._patience
        while any(process.poll() is None for process in running):
            if self._asked > 1 or time.monotonic() > until:
                for process in running:
                    process.kill()
                    process.wait()
                raise MessagingError(
                    "stopped by force",
                    hint="what was under way becomes unknown: messaging messages list --state unknown",
                )
            time.sleep(0.05)


def _how(code: int) -> str:
    return f"by signal {-code}" if code < 0 else f"with {code}"
