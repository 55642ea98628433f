"""How all parts are, in one look: what `/readyz` tells everybody in a word, and staff in full."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from time import monotonic

from messaging.clock import Clock
from messaging.errors import MessagingError, StoreError
from messaging.nouns.message import Lane
from messaging.rules.timing import duration_text
from messaging.services.resting import Rests, told
from messaging.stores.base import Store

log = logging.getLogger("messaging.health")

#: How old an answer may be, in seconds: anybody may ask, as often as they like.
AGE = 1.0
#: Bytes that a disk must have left: clicks, unsubscriptions and the embedded store are written there.
ROOM = 256 * 1024 * 1024


class Grade(StrEnum):
    """How a part is."""

    OK = "ok"
    DEGRADED = "degraded"  # something waits, or soon will; requests are answered
    FAILING = "failing"  # requests are better sent elsewhere


@dataclass(frozen=True, slots=True)
class Part:
    """One part, and how it is."""

    name: str
    grade: Grade
    #: In a few words, for everybody: no names, numbers or places.
    says: str
    #: For staff.
    details: str


def overall(parts: Sequence[Part]) -> Grade:
    """The worst of them."""
    return max((part.grade for part in parts), key=list(Grade).index, default=Grade.OK)


class Health:
    """Looks at all parts; at most once in `age` seconds, however many ask."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        rests: Rests,
        folder: Path,
        overdue: timedelta,
        check_jobs: Callable[[], object] = lambda: None,
        check_broker: Callable[[], object] | None = None,
        age: float = AGE,
    ) -> None:
        """`folder` is where files are written; `overdue`: how late what is urgent may be.

        The checks raise what is wrong; there is a broker if it can be checked.
        """
        self._store = store
        self._clock = clock
        self._rests = rests
        self._folder = folder
        self._overdue = overdue
        self._check_jobs = check_jobs
        self._check_broker = check_broker
        self._age = age
        self._lock = threading.Lock()
        self._last: tuple[float, list[Part]] | None = None

    def look(self) -> list[Part]:
        """How each part is."""
        last = self._last
        # While somebody looks, which may take long where much is wrong, others get what was known before.
        if last is not None and (monotonic() - last[0] < self._age or self._lock.locked()):
            return last[1]
        with self._lock:
            if self._last is not last and self._last is not None:
                return self._last[1]
            parts = self._look()
            self._last = monotonic(), parts
        return parts

    def _look(self) -> list[Part]:
        parts = [self._store_itself(), self._jobs()]
        if self._check_broker is not None:
            parts.append(self._broker(self._check_broker))
        if parts[0].grade is Grade.OK:
            try:
                parts += [self._adapters(), self._orders(), self._events()]
            except StoreError as error:
                parts[0] = _failing("store", _NO_STORE, error)
        return [*parts, self._disk()]

    def _store_itself(self) -> Part:
        try:
            found = self._store.health()
        except StoreError as error:
            return _failing("store", _NO_STORE, error)
        return _ok("store", "can be used", f"{found['store']}, {found['bytes']:,} bytes")

    def _jobs(self) -> Part:
        try:
            self._check_jobs()
        except MessagingError as error:
            return Part("jobs", Grade.FAILING, error.message, str(error))
        return _ok("jobs", "all are well")

    def _broker(self, check: Callable[[], object]) -> Part:
        try:
            check()
        except MessagingError as error:
            return Part("broker", Grade.DEGRADED, "does not answer: messages wait", str(error))
        return _ok("broker", "can be reached")

    def _adapters(self) -> Part:
        now, resting = self._clock.now(), self._rests.resting()
        if not resting:
            return _ok("adapters", "none rests")
        details = "; ".join(told(name, rest, now) for name, rest in resting.items())
        return Part("adapters", Grade.DEGRADED, "one rests, and messages wait for it", details)

    def _orders(self) -> Part:
        due = self._store.outbox.next_due(lanes=(Lane.ORDER,))
        return self._timely("orders", "messages about orders", due)

    def _events(self) -> Part:
        waiting = self._store.events.received(now=self._clock.now(), limit=1)
        return self._timely("events", "effects of events", waiting[0].received_at if waiting else None)

    def _timely(self, name: str, what: str, since: datetime | None) -> Part:
        late = self._clock.now() - since if since is not None else timedelta()
        if since is None or late <= self._overdue:
            return _ok(name, f"{what} are on time")
        whole = timedelta(seconds=int(late.total_seconds()))
        details = f"the first of the {what} is late by {duration_text(whole)}, since {since:%Y-%m-%d %H:%M:%S} UTC"
        return Part(name, Grade.DEGRADED, f"{what} are late", details)

    def _disk(self) -> Part:
        folder = next(place for place in (self._folder, *self._folder.parents) if place.exists())
        try:
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return Part("disk", Grade.DEGRADED, "cannot be looked at", f"{folder}: {error.strerror or error}")
        details = f"{free // 1_000_000:,} MB are free at {folder}"
        if free < ROOM:
            return Part("disk", Grade.DEGRADED, "is nearly full", details)
        return _ok("disk", "has room", details)


_NO_STORE = "cannot be used"


def _ok(name: str, says: str, details: str | None = None) -> Part:
    return Part(name, Grade.OK, says, details or says)


def _failing(name: str, says: str, error: MessagingError) -> Part:
    log.error("%s", error)
    return Part(name, Grade.FAILING, says, str(error))
