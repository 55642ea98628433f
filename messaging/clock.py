"""Business time: what "now" is for orders, campaigns and quiet hours, and how waiting passes.

Leases and timeouts do not use it: they live on the system's monotonic clock.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

from messaging.errors import SettingsError


class Clock:
    """The system's time."""

    def now(self) -> datetime:
        """The business time, aware, in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float, wake: threading.Event | None = None) -> bool:
        """Let `seconds` of business time pass; return early and True when `wake` is set."""
        if wake is not None:
            return wake.wait(seconds)
        time.sleep(seconds)
        return False


class FrozenClock(Clock):
    """A time that stands still, except that waiting advances it. Waiting takes no real time."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise SettingsError("a time without a zone", hint="write it like 2026-11-22T09:00:00+01:00")
        self._now = now.astimezone(UTC)
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> None:
        """Move the time forward by `delta`."""
        with self._lock:
            self._now += delta

    def wait(self, seconds: float, wake: threading.Event | None = None) -> bool:
        if wake is not None and wake.is_set():
            return True
        self.advance(timedelta(seconds=seconds))
        return False


def clock_from_environment() -> Clock:
    """The system's time, or the one that `MESSAGING_NOW` (ISO 8601 with a zone) sets."""
    text = os.environ.get("MESSAGING_NOW")
    if not text:
        return Clock()
    try:
        now = datetime.fromisoformat(text)
        if now.tzinfo is None:
            raise ValueError("no zone")
        return FrozenClock(now)
    except ValueError as error:
        raise SettingsError(
            f"MESSAGING_NOW is not an ISO 8601 time with a zone: {text!r}",
            hint="write it like 2026-11-22T09:00:00+01:00",
        ) from error
