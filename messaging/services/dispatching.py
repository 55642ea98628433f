"""Keeps senders going: a campaign until it is done, what is due once, or everything for as long as a server runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from messaging.clock import Clock
from messaging.errors import AdapterRests, Conflict, MessagingError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane, MessageState
from messaging.nouns.work import LANES, Kind, Work
from messaging.services.campaign_runs import Runs
from messaging.services.campaigning import Campaigning
from messaging.services.sending import Alive, Sender, SendReport, unwatched
from messaging.services.shards import LeftAlone, Shards
from messaging.services.turns import Turn
from messaging.stores.base import Store

log = logging.getLogger("messaging.dispatching")

EVENT_LANES = tuple(LANES.values())

#: How often who waits for another one looks how far that is, in seconds.
POLL = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a run waits for, with nothing to do meanwhile."""

    campaign: str
    #: Messages that are still to go.
    messages: int
    #: When the first of them is tried again; None: another sender has them.
    until: datetime | None
    #: Why most of them wait, as far as it is known.
    reason: str | None


#: Told before each wait.
Waits = Callable[[Wait], object]


class Dispatcher:
    """Runs senders. Each run is a worker of its own."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        campaigning: Campaigning,
        runs: Runs,
        make_sender: Callable[[threading.Event, Alive, Turn | None], Sender],
        channels: Callable[[], Sequence[str]],
        resting: Callable[[str], AdapterRests | None],
        work_off: Callable[[Alive, Callable[[], bool]], object],
        keep_contexts: timedelta,
        wake: Callable[..., object] = lambda *works: None,
        patience: timedelta = timedelta(minutes=10),
    ) -> None:
        """`resting` says whether a campaign waits for its adapter; `work_off` works off the events that wait;
        `keep_contexts`: how long messages' are kept; `wake` has workers look after some work; `patience`: how long a
        run waits for another try.
        """
        self._store = store
        self._clock = clock
        self._campaigning = campaigning
        self._runs = runs
        self._make_sender = make_sender
        self._channels = channels
        self._resting = resting
        self._work_off = work_off
        self._keep_contexts = keep_contexts
        self._wake = wake
        self._patience = patience
        #: The last fault of each part of a server's work.
        self._told: dict[str, str | None] = {}

    def send(
        self,
        name: str,
        *,
        plan_hash: str | None = None,
        stop: threading.Event | None = None,
        listed: Callable[[int], object] | None = None,
        sent: Callable[[int], object] | None = None,
        waits: Waits = lambda wait: None,
        patience: timedelta | None = None,
        alive: Alive = unwatched,
    ) -> MessagingError | None:
        """Start a campaign or take it up where it was, and send it, waiting out delays shorter than `patience`.

        Returns what stopped it, if something did. `listed` and `sent` are told of progress, `waits` of waiting.

        Raises:
            Conflict: it cannot be started, or not as the plan showed it.
        """
        stop = stop or threading.Event()
        sender = self._make_sender(stop, alive, None)

        def noting(tell: Callable[[int], object] | None) -> Callable[[int], None]:
            def step(number: int) -> None:
                alive()
                self._runs.progress(name, sender.worker)
                if tell is not None:
                    tell(number)

            return step

        try:
            # Before anything of it can be seen: a server leaves it to us.
            self._runs.begin(name, sender.worker)
            if self._campaigning.start(name, plan_hash=plan_hash).state is CampaignState.SCHEDULED:
                return None
            self._campaigning.fill(name, progress=noting(listed))
            patience = self._patience if patience is None else patience
            return self._send(sender, name, stop, noting(sent), waits, patience)
        finally:
            sender.close()

    def _send(
        self,
        sender: Sender,
        name: str,
        stop: threading.Event,
        progress: Callable[[int], object],
        waits: Waits,
        patience: timedelta,
    ) -> MessagingError | None:
        until = time.monotonic() + patience.total_seconds()
        while not stop.is_set():
            sender.bury_the_dead()
            report = sender.send_campaign(name, progress=progress)
            rests = report.fault if isinstance(report.fault, AdapterRests) else None
            if report.fault is not None and rests is None:
                return report.fault  # it goes on by itself, once the adapter works
            if report.unchecked is not None:
                return report.unchecked  # it goes on by itself, once the check can be asked
            if self._campaigning.finish(name).state is not CampaignState.SENDING:
                return None
            due = self._store.outbox.next_due(campaign=name)
            if rests is not None:
                self._runs.progress(name, sender.worker)  # what waits for an adapter is not late by that
                due = max(rests.until, due or rests.until)
                if due - self._clock.now() > patience:
                    return rests
            if due is None:
                # The rest is in the hands of another sender: see it through.
                if time.monotonic() > until:
                    return None
                waits(wait_of(self._store, name, None))
                stop.wait(POLL)
                continue
            wait = due - self._clock.now()
            if wait > patience:
                return None
            if wait > timedelta():
                waits(wait_of(self._store, name, due, rests))
            self._clock.wait(max(0.0, wait.total_seconds()), stop)
        return None

    def run_due(
        self,
        *,
        stop: threading.Event | None = None,
        progress: Callable[[int], None] | None = None,
        waits: Waits = lambda wait: None,
    ) -> tuple[SendReport, MessagingError | None]:
        """Send once what is due now: order messages first, then campaigns."""
        self._work_off(unwatched, lambda: False)
        self._forget()
        stop = stop or threading.Event()
        sender = self._make_sender(stop, unwatched, None)
        try:
            sender.bury_the_dead()
            report = sender.send_lanes(EVENT_LANES, self._channels())
        finally:
            sender.close()
        fault = report.fault or report.unchecked
        for name in self._campaigning.due():
            if stop.is_set():
                break
            fault = self._send_due(name, stop, self._patience, progress, waits) or fault
        return report, fault

    def _send_due(
        self,
        name: str,
        stop: threading.Event,
        patience: timedelta,
        progress: Callable[[int], None] | None = None,
        waits: Waits = lambda wait: None,
        alive: Alive = unwatched,
    ) -> MessagingError | None:
        """Send a campaign whose time has come; one that is no longer what its plan showed is held."""
        try:
            return self.send(name, stop=stop, sent=progress, waits=waits, patience=patience, alive=alive)
        except Conflict as error:
            # Or another one was quicker, or a person paused it.
            return error if self._campaigning.hold(name, error.message) else None
        except MessagingError as error:
            return error  # the others have their turn

    # What a server's threads repeat, and workers do when they are woken, until `stop` or the turn is over; a round that
    # takes long shows by `alive` that it lives.

    def lane_round(
        self, lane: Lane, channel: str, stop: threading.Event, alive: Alive, turn: Turn | None = None
    ) -> Callable[[], object]:
        """Sends the messages of one lane that are due on one channel."""
        sender = self._make_sender(stop, alive, turn)

        def send() -> None:
            report = sender.send_lanes((lane,), (channel,))
            fault = report.fault or report.unchecked
            if fault is not None or report.states:  # where nothing was due, nothing is known to be well again
                self._tell(f"{lane.name.lower()} messages by {channel}", fault)

        return send

    def recovery_round(self, stop: threading.Event, alive: Alive, turn: Turn | None = None) -> Callable[[], object]:
        """Takes up the messages that others had in hand when they died."""
        return self._make_sender(stop, alive, turn).bury_the_dead

    def events_round(self, stop: threading.Event, alive: Alive, turn: Turn | None = None) -> Callable[[], object]:
        """Works off the events that wait."""
        return lambda: self._work_off(alive, lambda: stop.is_set() or (turn is not None and turn.over()))

    def campaign_round(self, stop: threading.Event, alive: Alive) -> Callable[[], object]:
        """Sends what is due of campaigns that nobody else is sending."""
        alone = LeftAlone(self._clock, self._resting)

        def send() -> None:
            for name in self._campaigning.due():
                if stop.is_set():
                    return
                if name in alone:
                    continue
                # It does not wait for one of them while others are due.
                fault = self._send_due(name, stop, timedelta(0), alive=alive)
                self._tell(f"campaign {name}", fault)
                alone.note(name, fault)

        return send

    def shard_round(self, stop: threading.Event, alive: Alive, turn: Turn) -> Callable[[], object]:
        """Sends what is due of campaigns, together with other workers."""
        shards = Shards(
            self._store,
            self._clock,
            campaigning=self._campaigning,
            runs=self._runs,
            make_sender=self._make_sender,
            resting=self._resting,
            tell=self._tell,
            wake=lambda: self._wake(Work(Kind.CAMPAIGNS)),
        )
        return shards.round(stop, alive, turn)

    def look(self) -> None:
        """Wake for all that is due by the store: who was not woken, or whose time has come."""
        now = self._clock.now()
        for channel in self._channels():
            for kind, lane in LANES.items():
                due = self._store.outbox.next_due(lanes=(lane,), channel=channel)
                if due is not None and due <= now:
                    self._wake(Work(kind, channel))
        if self._store.events.received(now=now, limit=1):
            self._wake(Work(Kind.INTAKE))
        if next(self._campaigning.due(shared=True), None) is not None:
            self._wake(Work(Kind.CAMPAIGNS))
        self._wake(Work(Kind.RECOVERY))

    def tidy(self) -> None:
        """Drop what was kept long enough."""
        self._forget()
        self._store.tidy()

    def _forget(self) -> None:
        """Drop rendering contexts that were kept long enough, and skip what somebody left of cancelled campaigns."""
        self._store.outbox.forget_contexts(self._clock.now() - self._keep_contexts)
        self._campaigning.sweep()

    def _tell(self, what: str, fault: MessagingError | None) -> None:
        """Log a fault, once for as long as it stays the same: an adapter that rests again and again does."""
        same = fault.name if isinstance(fault, AdapterRests) else None if fault is None else str(fault)
        if same is not None and same != self._told.get(what):
            log.error("%s: %s", what, fault)
        self._told[what] = same


def wait_of(store: Store, name: str, until: datetime | None, rests: AdapterRests | None = None) -> Wait:
    """What is to be said of a campaign that waits; `rests`, if it is its adapter that it waits for."""
    counts = store.outbox.counts(name)
    why = {
        reason: number
        for (state, reason), number in store.outbox.reasons(name).items()
        if state is MessageState.PLANNED
    }
    return Wait(
        campaign=name,
        messages=counts[MessageState.PLANNED] + counts[MessageState.SENDING],
        until=until,
        reason=rests.reason if rests else max(why, key=lambda reason: why[reason], default=None) if until else None,
    )
