"""Takes events in, once: the one door for what a shop tells, live and as history.

A live event is first made safe (received, committed); then all its effects happen in one transaction: its
customer is found or made, its order folded, its triggers planned, and it is done. If they cannot happen, it
is failed, says why, and blocks nothing. What a crash left between the two is taken up by `resume`, which leaves
alone what is in the hands of a request that lives, here or in another process.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from messaging.clock import Clock
from messaging.errors import Conflict, InputError, MessagingError, StoreError
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event, EventState
from messaging.nouns.order import Order
from messaging.rules.envelope import parse_json, read_event
from messaging.rules.orders import fold, order_of
from messaging.rules.profile import Profile, ProfileReader
from messaging.services.customers import CustomerBatch
from messaging.services.forgotten import Forgotten
from messaging.services.triggering import Planned, Triggering
from messaging.stores.base import Store

log = logging.getLogger("messaging.intake")

#: Events of history in one transaction.
PAGE = 500
#: How far ahead of ours a shop's clock, or its idea of zones, may be. What is no further ahead counts as now.
AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of an event that was taken in."""

    key: str
    state: EventState
    #: Whether it was not known before.
    new: bool
    customer_id: str | None = None
    #: Messages it planned, moved to another time, and cancelled.
    planned: int = 0
    moved: int = 0
    cancelled: int = 0
    #: Why it failed.
    error: str | None = None
    #: What of it could not be used: a phone number that is none, a trigger that finds no time.
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class ImportSummary:
    """What became of a file of history."""

    read: int = 0
    #: Taken in now.
    new: int = 0
    #: Known before: nothing changed.
    known: int = 0
    #: Taken in, but without effect: the reason is with the event.
    failed: int = 0
    #: Not taken in.
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line of history that is no event."""

    line: int
    reason: str
    text: bytes


@dataclass(slots=True)
class _Work:
    """An event on its way through."""

    event: Event
    profile: Profile
    problems: list[str]
    customer: Customer | None = None
    error: str | None = None
    planned: Planned = field(default_factory=Planned)


class Intake:
    """Takes events in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        triggering: Triggering,
        profiles: ProfileReader,
        forgotten: Forgotten,
        currency: str | None = None,
        wake: Callable[[], object] = lambda: None,
    ) -> None:
        """`currency` is that of totals which name none; `wake` is called when messages have been planned."""
        self._store = store
        self._clock = clock
        self._triggering = triggering
        self._profiles = profiles
        self._forgotten = forgotten
        self._currency = currency
        self._wake = wake
        #: Guards what is below: a server receives in many threads.
        self._lock = threading.Lock()
        #: What other processes know this one by.
        self._worker: str | None = None
        #: The events that threads of this process are at.
        self._in_hand: Counter[str] = Counter()

    def receive(self, document: object, *, source: str = "api") -> Accepted:
        """Take a live event in. The same again changes nothing, unless it failed: then it is tried again.

        Raises:
            InputError: it is no event; nothing is kept.
            Conflict: its id is known for another content; nothing is changed.
            StoreError: it could not be kept.
        """
        now = self._clock.now()
        event = replace(read_event(document, default_source=source), received_at=now, worker=self._enlisted())
        if event.time > now + AHEAD:
            raise InputError(
                f"time: is {(event.time - now) / AHEAD:,.1f} days ahead of our clock, {now:%Y-%m-%dT%H:%MZ}",
                hint="an event is told when it has happened",
            )
        self._read_profile(event)
        with self._holding(event):
            (known,) = self._store.events.add([event])
            if known is None:
                return self._work_off(event, new=True)
            if known.fingerprint != event.fingerprint:
                raise Conflict(
                    f"event {event.id} of {event.source}/{event.shop} is known with another content",
                    hint="give what happened anew an id of its own",
                )
            if known.state is EventState.FAILED and known.live:
                return self._work_off(known, new=False)
        return Accepted(key=known.key, state=known.state, new=False, customer_id=known.customer_id, error=known.error)

    def resume(self) -> int:
        """Take up events whose effects a crash cut short; return how many."""
        count = 0
        while events := self._left(self._store.events.received(limit=PAGE)):
            for event in events:
                with self._holding(event):
                    self._work_off(event, new=False)
                count += 1
        return count

    def import_history(
        self,
        lines: Iterable[bytes],
        *,
        source: str = "api",
        reject: Callable[[Rejected], object] = lambda rejected: None,
        progress: Callable[[int], object] = lambda count: None,
    ) -> ImportSummary:
        """Take in what happened before: JSON Lines. Triggers nothing; events already known change nothing.

        A line that is no event goes to `reject`; `progress` is told how many lines each step was.
        """
        summary = ImportSummary()
        numbered = iter(enumerate(lines, 1))
        while page := list(islice(numbered, PAGE)):
            events = list(self._read_lines(page, source, summary, reject))
            self._import_page(events, summary)
            progress(len(page))
        return summary

    # Whose an event is.

    def _enlisted(self) -> str:
        with self._lock:
            if self._worker is None:
                self._worker = self._store.enlist()
            return self._worker

    @contextmanager
    def _holding(self, event: Event) -> Iterator[None]:
        with self._lock:
            self._in_hand[event.key] += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_hand[event.key] -= 1
                self._in_hand += Counter()  # without those at nought

    def _left(self, events: Sequence[Event]) -> list[Event]:
        """Those that nobody is at: what this process gave up, and all of those who died."""
        with self._lock:
            mine, in_hand = self._worker, set(self._in_hand)
        workers = {event.worker for event in events if event.worker not in (None, mine)}
        others = {worker for worker in workers if worker is not None and self._store.is_alive(worker)}
        return [event for event in events if event.key not in in_hand and event.worker not in others]

    # One live event.

    def _work_off(self, event: Event, *, new: bool) -> Accepted:
        work = self._try(event)
        if work.error is not None:
            self._store.events.settle(event.key, EventState.FAILED, error=work.error)
            log.warning("event %s failed: %s", event.key, work.error)
        elif work.planned.planned or work.planned.moved:
            self._wake()
        return Accepted(
            key=event.key,
            state=EventState.FAILED if work.error is not None else EventState.DONE,
            new=new,
            customer_id=work.event.customer_id,
            planned=work.planned.planned,
            moved=work.planned.moved,
            cancelled=work.planned.cancelled,
            error=work.error,
            warnings=(*work.problems, *work.planned.warnings),
        )

    def _try(self, event: Event) -> _Work:
        """All effects of `event`, or none and the reason."""
        now = self._clock.now()
        work = _Work(event, Profile(), [])
        try:
            work.profile, work.problems = self._read_profile(event)
            live = self._triggering.matching(event)
            with self._store.transaction():
                known = self._store.events.get([event.key]).get(event.key)
                if known is not None and known.state is EventState.DONE:
                    work.event = known  # two tried it again at once, and the other was first
                    return work
                self._effects([work], now)
                if work.error is not None:
                    raise InputError(work.error)
                work.planned = self._triggering.plan(work.event, work.customer, live, now=now)
                if not live.audiences:
                    self._done(work)
            if live.audiences:
                # Many rows, page by page: they have ids of their own, so a second try makes none twice.
                work.planned += self._triggering.plan_audiences(work.event, live, now=now)
                self._done(work)
        except StoreError:
            raise  # not the event's fault: it stays received and is taken up again
        except MessagingError as error:
            work.error, work.planned = str(error), Planned()
        except Exception as error:
            # A poison event must not come back for ever, whatever it did: it is failed and says so.
            log.exception("event %s", event.key)
            work.error, work.planned = f"{type(error).__name__} while its effects were worked out", Planned()
        return work

    def _done(self, work: _Work) -> None:
        self._store.events.settle(
            work.event.key, EventState.DONE, customer_id=work.customer.id if work.customer else None
        )

    def _effects(self, works: Sequence[_Work], now: datetime) -> None:
        """Customers and orders of events, in the caller's transaction; what contradicts is an error."""
        batch = CustomerBatch(self._store, self._forgotten, [work.profile for work in works], now=now)
        keys = {key for work in works if (key := order_of(work.event)) is not None}
        orders = self._store.events.orders(keys)
        folded: dict[str, Order] = {}
        for work in works:
            try:
                if work.profile.identifies:
                    work.customer, _ = batch.tell(work.profile, work.event.time)
                    work.event = replace(work.event, customer_id=work.customer.id)
                key = order_of(work.event)
                if key is not None:
                    folded[key] = fold(folded.get(key) or orders.get(key), work.event, currency=self._currency)
            except (MessagingError, ValueError) as error:
                work.error = str(error)
        batch.save()
        self._store.events.put_orders(order for key, order in folded.items() if order != orders.get(key))

    def _read_profile(self, event: Event) -> tuple[Profile, list[str]]:
        """Whom the event is about. What cannot be used of it is a warning, unless nobody is left."""
        profile, problems = self._profiles.read(event.customer)
        if event.customer and not profile.identifies and not event.data.get("product"):
            raise InputError(f"customer.{problems[0]}" if problems else "customer: has no id, email or phone")
        return profile, [f"customer.{problem}" for problem in problems]

    # History, page by page.

    def _read_lines(
        self,
        page: Sequence[tuple[int, bytes]],
        source: str,
        summary: ImportSummary,
        reject: Callable[[Rejected], object],
    ) -> Iterator[_Work]:
        for number, line in page:
            if not line.strip():
                continue
            summary.read += 1
            try:
                event = read_event(parse_json(line.removeprefix(b"\xef\xbb\xbf")), default_source=source)
                event = replace(event, live=False, received_at=self._clock.now())
                yield _Work(event, *self._read_profile(event))
            except InputError as error:
                summary.rejected += 1
                reject(Rejected(number, str(error), line))

    def _import_page(self, works: Sequence[_Work], summary: ImportSummary) -> None:
        now = self._clock.now()
        with self._store.transaction():
            known = self._store.events.get({work.event.key for work in works})
            fresh: dict[str, _Work] = {}
            for work in works:
                before = known.get(work.event.key)
                if work.event.key in fresh or (before is not None and before.state is not EventState.FAILED):
                    summary.known += 1
                else:
                    fresh[work.event.key] = work
            self._effects(list(fresh.values()), now)
            self._store.events.add([_settled(work) for key, work in fresh.items() if key not in known])
            for key in fresh.keys() & known.keys():
                event = _settled(fresh[key])
                self._store.events.settle(key, event.state, customer_id=event.customer_id, error=event.error)
        for work in fresh.values():
            if work.error is None:
                summary.new += 1
            else:
                summary.failed += 1


def _settled(work: _Work) -> Event:
    state = EventState.FAILED if work.error is not None else EventState.DONE
    return replace(work.event, state=state, error=work.error)


def as_document(accepted: Accepted) -> dict[str, Any]:
    """What a caller is told of an accepted event, as JSON; what says nothing is left out."""
    document: dict[str, Any] = {
        "key": accepted.key,
        "state": accepted.state.value,
        "new": accepted.new,
        "customer": accepted.customer_id,
        "messages": {"planned": accepted.planned, "moved": accepted.moved, "cancelled": accepted.cancelled},
        "error": accepted.error,
        "warnings": list(accepted.warnings),
    }
    return {name: value for name, value in document.items() if value not in (None, [])}
