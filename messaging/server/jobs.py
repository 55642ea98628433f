"""What a server does beside answering: jobs, each a thread that repeats a step and is asked how it does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from messaging.errors import PLUGIN_FAULTS, MessagingError

log = logging.getLogger("messaging.server")

#: A job whose last so many steps failed is not well.
FAILURES = 5
#: How long it waits after a step that failed, in seconds, at least.
PAUSE = 1.0


class JobFailed(MessagingError):
    """A job of the server has ended, or fails again and again."""

    status = 503


class Job:
    """Repeats a step until its thread is told to stop."""

    def __init__(
        self, name: str, step: Callable[[], object], *, every: float, wake: threading.Event | None = None
    ) -> None:
        """`every`: seconds between two steps; `wake` begins the next at once."""
        self.name = name
        self._step = step
        self._every = every
        self._wake = wake
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

    def check(self) -> None:
        """Raise JobFailed if it is not well. Public: says nothing of what exactly went wrong."""
        if self._ended:
            raise JobFailed(f"the job {self.name} has ended", hint="start the server again; its log says why")
        if self._failures >= FAILURES:
            raise JobFailed(f"the job {self.name} fails again and again", hint="the server's log says why")


def check(jobs: Sequence[Job]) -> None:
    """Raise JobFailed if one of them is not well."""
    for job in jobs:
        job.check()
