"""Follows a campaign that workers send, until it is through or what is left of it waits for a later time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from messaging.clock import Clock
from messaging.errors import AdapterRests, Conflict
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import MessageState
from messaging.nouns.work import Kind, Work
from messaging.services.campaign_runs import Runs
from messaging.services.campaigning import Campaigning
from messaging.services.dispatching import POLL, Waits, wait_of
from messaging.stores.base import Store

#: Who follows is told that nothing happens when nothing did for so long, in seconds.
IDLE = 15.0


class Following:
    """Hands campaigns to workers, and looks on."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        campaigning: Campaigning,
        runs: Runs,
        resting: Callable[[str], AdapterRests | None],
        wake: Callable[[Work], object],
        patience: timedelta = timedelta(minutes=10),
    ) -> None:
        """`resting` says whether a campaign waits for its adapter.

        `patience`: how far off the next try may be that is worth waiting for.
        """
        self._store = store
        self._clock = clock
        self._campaigning = campaigning
        self._runs = runs
        self._resting = resting
        self._wake = wake
        self._patience = patience

    def hand_over(self, name: str, *, plan_hash: str | None = None) -> None:
        """Start a campaign, its list stored, or have it taken up where it was.

        Raises:
            Conflict: it cannot be started, or not as the plan showed it.
        """
        worker = self._store.enlist()
        try:
            # Workers leave it alone until its list is stored.
            mine = self._runs.begin(name, worker)
            if not mine and self._campaigning.get(name).state in (CampaignState.DRAFT, CampaignState.SCHEDULED):
                raise Conflict(f"campaign {name} is just being started by somebody else", hint="look at its status")
            self._campaigning.start(name, plan_hash=plan_hash)
        finally:
            self._store.dismiss(worker)
        self._wake(Work(Kind.CAMPAIGNS))

    def follow(
        self,
        name: str,
        *,
        stop: threading.Event,
        listed: Callable[[int], object],
        sent: Callable[[int], object],
        waits: Waits,
        idle: Callable[[], object],
    ) -> None:
        """Tell of its progress until there is nothing to wait for.

        `idle` is told when nobody seems to be at it.
        """
        before = (0, 0)
        moved = time.monotonic()
        while not stop.is_set():
            counts = self._store.outbox.counts(name)
            state = self._campaigning.get(name).state
            rows = sum(counts.values())
            now = (rows, rows - counts[MessageState.PLANNED] - counts[MessageState.SENDING])
            if now[0] > before[0]:
                listed(now[0] - before[0])
            if now[1] > before[1]:
                sent(now[1] - before[1])
            if state not in (CampaignState.PLANNING, CampaignState.SENDING):
                return
            due = self._store.outbox.next_due(campaign=name) if state is CampaignState.SENDING else None
            rests = self._resting(name)
            if rests is not None:
                due = max(rests.until, due or rests.until)
            off = due - self._clock.now() if due is not None else timedelta()
            if off > self._patience:
                return
            if now != before or off > timedelta():
                moved = time.monotonic()
            elif time.monotonic() - moved > IDLE:
                idle()
                moved = time.monotonic()
            if off > timedelta():
                waits(wait_of(self._store, name, due, rests))
            before = now
            stop.wait(POLL)
