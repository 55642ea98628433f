"""Takes events in, once: the one door for what a shop tells, live and as history.

A live event is first made safe (received, committed); then its effects happen (`services.effects`). `receive` does both
and says what became of it; `accept` does the first alone, in milliseconds, for who posts to a hook. What a crash left
between the two, and what was only accepted, is worked off behind them (`services.backlog`).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from messaging.clock import Clock
from messaging.errors import Conflict, InputError
from messaging.nouns.event import Accepted, Event, EventState
from messaging.rules.envelope import parse_json, read_event
from messaging.services.effects import REDACTED, Effects, Work
from messaging.stores.base import Store

log = logging.getLogger("messaging.intake")

#: What is said of an event whose customer was erased.
IGNORED = "ignored: the customer was erased"
#: Events of history in one transaction.
PAGE = 500


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


class Intake:
    """Takes events in."""

    def __init__(self, store: Store, clock: Clock, effects: Effects, *, wake: Callable[[], object] = lambda: None):
        """`wake` is called when events wait to be worked off."""
        self._store = store
        self._clock = clock
        self._effects = effects
        self._wake = wake
        #: Guards what is below: a server receives in many threads.
        self._lock = threading.Lock()
        #: What other processes know this one by.
        self._worker: str | None = None
        #: The events that threads of this process are at.
        self._in_hand: Counter[str] = Counter()

    def receive(self, document: object, *, source: str = "api") -> Accepted:
        """Take in the live event that `document` tells: see `take`.

        Raises:
            InputError: it is no event; nothing is kept.
        """
        return self.take(read_event(document, default_source=source))

    def take(self, event: Event) -> Accepted:
        """Take a live event in. The same again changes nothing, unless it failed: then it is tried again.

        Raises:
            InputError: it is not to be believed; nothing is kept.
            Conflict: its id is known for another content; nothing is changed.
            StoreError: it could not be kept.
        """
        event = replace(event, received_at=self._clock.now(), worker=self._enlisted())
        self._effects.check_time(event)
        if self._effects.is_erased(self._effects.read(event)):
            self._effects.ignore([event.key])
            return Accepted(key=event.key, state=EventState.DONE, new=False, warnings=(IGNORED,))
        with self._holding(event):
            (known,) = self._store.events.add([event])
            if known is None:
                return self._work_off(event, new=True)
            if _differs(known, event):
                raise Conflict(
                    f"event {event.id} of {event.source}/{event.shop} is known with another content",
                    hint="give what happened anew an id of its own",
                )
            if known.state is EventState.FAILED and known.live:
                return self._work_off(known, new=False)
        return Accepted(key=known.key, state=known.state, new=False, customer_id=known.customer_id, error=known.error)

    def accept(self, documents: Sequence[Mapping[str, Any]]) -> list[Accepted]:
        """Keep what a source made of one delivery, all of it in one commit; its effects are worked out later.

        Says what became of each event, once.

        The first of an id stays, whatever comes under it again: a shop that is told off switches its webhook off.

        Raises:
            InputError: one of them is no event; nothing is kept.
            StoreError: they could not be kept.
        """
        now = self._clock.now()
        told = [replace(read_event(document, thin=True), received_at=now) for document in documents]
        events = [event for event in told if not self._is_erased(event)]
        kept = {event.key for event in events}
        if erased := [event.key for event in told if event.key not in kept]:
            self._effects.ignore(erased)
        states = dict.fromkeys((event.key for event in told), EventState.DONE)
        new = set()
        for event, known in zip(events, self._store.events.add(events) if events else [], strict=True):
            if known is None:
                new.add(event.key)
            elif _differs(known, event):
                # Nothing is wrong: many a shop tells all of an order anew with each change of it.
                log.info("event %s of %s/%s came again, and differs", event.key, event.source, event.shop)
            states[event.key] = EventState.RECEIVED if known is None else known.state
        if new:
            self._wake()
        return [Accepted(key=key, state=state, new=key in new) for key, state in states.items()]

    def left(self, events: Sequence[Event]) -> list[Event]:
        """Those of `events` that nobody is at: what was only accepted, what this process gave up, and all of who died.

        A request that lives, here or in another process, answers for its own.
        """
        with self._lock:
            mine, in_hand = self._worker, set(self._in_hand)
        workers = {event.worker for event in events if event.worker not in (None, mine)}
        others = {worker for worker in workers if worker is not None and self._store.is_alive(worker)}
        return [event for event in events if event.key not in in_hand and event.worker not in others]

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
            works = list(self._read_lines(page, source, summary, reject))
            self._import_page(works, summary)
            progress(len(page))
        return summary

    def _is_erased(self, event: Event) -> bool:
        """Whether nothing of it may be kept any more."""
        try:
            return event.incomplete is None and self._effects.is_erased(self._effects.read(event))
        except InputError:
            return False  # it is kept, and fails where people look

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

    def _work_off(self, event: Event, *, new: bool) -> Accepted:
        (work,) = self._effects.work_off([event])
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

    # History, page by page.

    def _read_lines(
        self,
        page: Sequence[tuple[int, bytes]],
        source: str,
        summary: ImportSummary,
        reject: Callable[[Rejected], object],
    ) -> Iterator[Work]:
        for number, line in page:
            if not line.strip():
                continue
            summary.read += 1
            try:
                event = read_event(parse_json(line.removeprefix(b"\xef\xbb\xbf")), default_source=source)
                yield self._effects.read(replace(event, live=False, received_at=self._clock.now()))
            except InputError as error:
                summary.rejected += 1
                reject(Rejected(number, str(error), line))

    def _import_page(self, works: Sequence[Work], summary: ImportSummary) -> None:
        now = self._clock.now()
        with self._store.transaction():
            keys = {work.event.key for work in works}
            known, gone = self._store.events.get(keys), self._store.events.forgotten(keys)
            fresh: dict[str, Work] = {}
            erased: list[str] = []
            for work in works:
                before = known.get(work.event.key)
                over = before is not None and before.state is not EventState.FAILED
                if work.event.key in fresh or over or work.event.key in gone:
                    summary.known += 1
                elif self._effects.is_erased(work):
                    summary.known += 1
                    erased.append(work.event.key)
                else:
                    fresh[work.event.key] = work
            self._effects.ignore(erased)
            self._effects.happen([work for work in fresh.values() if work.event.type != REDACTED], now)
            self._store.events.add([_settled(work) for key, work in fresh.items() if key not in known])
            for key in fresh.keys() & known.keys():
                event = _settled(fresh[key])
                self._store.events.settle(key, event.state, customer_id=event.customer_id, error=event.error)
        # What a history says of people who had themselves erased is done as well: after all that came before it.
        redacted = self._effects.work_off([work.event for work in fresh.values() if work.event.type == REDACTED])
        for work in (*(work for work in fresh.values() if work.event.type != REDACTED), *redacted):
            if work.error is None:
                summary.new += 1
            else:
                summary.failed += 1


def _differs(known: Event, event: Event) -> bool:
    """Whether two of one id tell two things. Of an erased one nothing is left to compare."""
    return bool(known.fingerprint) and known.fingerprint != event.fingerprint


def _settled(work: Work) -> Event:
    state = EventState.FAILED if work.error is not None else EventState.DONE
    return replace(work.event, state=state, error=work.error)
