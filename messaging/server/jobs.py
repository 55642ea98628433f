"""What a server does beside answering: jobs, each a thread that repeats a step and is asked how it does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic

from messaging.errors import PLUGIN_FAULTS, MessagingError

log = logging.getLogger("messaging.server")

#: A job whose last so many steps failed is not well.
FAILURES = 5
#: One whose step has shown no sign of life for so long hangs, in seconds.
PATIENCE = 120.0
#: How long it waits after a step that failed, in seconds, at least.
PAUSE = 1.0


class JobFailed(MessagingError):
    """A job of the server has ended, hangs, or fails again and again."""

    status = 503


class Pulse:
    """When who works last showed that they live. Called again and again by a step that may take long."""

    def __init__(self) -> None:
        self._last: float | None = None

    def __call__(self) -> None:
        self._last = monotonic()

    def rest(self) -> None:
        """There is nothing to be done for now."""
        self._last = None

    def silence(self) -> float:
        """Seconds since the last sign of life; 0 while there is nothing to be done."""
        last = self._last
        return 0.0 if last is None else monotonic() - last


class Job:
    """Repeats a step until its thread is told to stop."""

    def __init__(
        self,
        name: str,
        step: Callable[[], object],
        *,
        every: float,
        wake: threading.Event | None = None,
        pulse: Pulse | None = None,
        patience: float = PATIENCE,
    ) -> None:
        """`every`: seconds between two steps; `wake` begins the next at once.

        `pulse` is what a long step shows by that it lives, at least once in `patience` seconds.
        """
        self.name = name
        self._step = step
        self._every = every
        self._wake = wake
        self._pulse = pulse or Pulse()
        self._patience = patience
        self._failures = 0
        self._ended = False

    def __call__(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                self._round()
                if self._failures:
                    stop.wait(max(PAUSE, self._every))
                elif self._wake is None:
                    stop.wait(self._every)
                else:
                    self._wake.wait(self._every)
                    self._wake.clear()
        finally:
            self._ended = not stop.is_set()

    def _round(self) -> None:
        self._pulse()
        try:
            self._step()
        except (MessagingError, OSError) as error:
            self._failures += 1
            log.error("%s: %s", self.name, error)
        except PLUGIN_FAULTS:
            self._failures += 1
            log.exception("%s failed", self.name)
        else:
            self._failures = 0
        finally:
            self._pulse.rest()

    def check(self) -> None:
        """Raise JobFailed if it is not well. Public: says nothing of what exactly went wrong."""
        if self._ended:
            raise JobFailed(f"the job {self.name} has ended", hint="start the server again; its log says why")
        if self._pulse.silence() > self._patience:
            raise JobFailed(f"the job {self.name} hangs", hint="start the server again if it stays so")
        if self._failures >= FAILURES:
            raise JobFailed(f"the job {self.name} fails again and again", hint="the server's log says why")


def check(jobs: Sequence[Job]) -> None:
    """Raise JobFailed if one of them is not well."""
    for job in jobs:
        job.check()
