"""Campaigns sent by many workers together: each takes what nobody has, for a turn at a time.

Who comes first makes a campaign's list and its messages, alone, and takes up what another died over. From then on
whoever is woken sends of it; the store's locks share the messages out, and the one who finds nothing left says that it
is done. Between their turns, and between groups of messages, they see that it was paused or cancelled.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from messaging.clock import Clock
from messaging.errors import AdapterRests, Conflict, MessagingError
from messaging.nouns.campaign import CampaignState
from messaging.services.campaign_runs import Runs
from messaging.services.campaigning import Campaigning
from messaging.services.sending import Alive, Sender
from messaging.services.turns import Turn
from messaging.stores.base import Store

#: How long a worker leaves alone a campaign that met a fault, in seconds: each try is written down.
FAULT_PAUSE = 30.0


class LeftAlone:
    """Campaigns that met a fault, for a while; those that wait for an adapter, for no longer than it rests.

    `resting` says of a campaign whether its adapter does: a person may end a rest, from wherever they are.
    """

    def __init__(self, clock: Clock, resting: Callable[[str], AdapterRests | None]) -> None:
        self._clock = clock
        self._resting = resting
        self._not_before: dict[str, float] = {}
        self._waiting: set[str] = set()

    def __contains__(self, name: str) -> bool:
        if time.monotonic() >= self._not_before.get(name, 0.0):
            return False
        if name not in self._waiting:
            return True
        rests = self._resting(name)
        return rests is not None and self._clock.now() < rests.until

    def note(self, name: str, fault: MessagingError | None) -> None:
        """What it met, if anything."""
        self._waiting.discard(name)
        if fault is not None:
            self._not_before[name] = time.monotonic() + FAULT_PAUSE
        if isinstance(fault, AdapterRests):
            self._waiting.add(name)


class _Stopped(Exception):
    """This process is to end."""


class Shards:
    """What a worker does for campaigns."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        campaigning: Campaigning,
        runs: Runs,
        make_sender: Callable[[threading.Event, Alive, Turn | None], Sender],
        resting: Callable[[str], AdapterRests | None],
        tell: Callable[[str, MessagingError | None], object],
        wake: Callable[[], object],
    ) -> None:
        """`resting` says whether a campaign waits for its adapter; `tell` logs a fault, once; `wake` has another look
        taken, by whoever is free.
        """
        self._store = store
        self._clock = clock
        self._campaigning = campaigning
        self._runs = runs
        self._make_sender = make_sender
        self._resting = resting
        self._tell = tell
        self._wake = wake

    def round(self, stop: threading.Event, alive: Alive, turn: Turn) -> Callable[[], object]:
        """Sends what is due of campaigns, whoever else does, until the turn is over."""
        sender = self._make_sender(stop, alive, turn)
        alone = LeftAlone(self._clock, self._resting)
        preparing: dict[str, threading.Thread] = {}

        def send() -> None:
            due = list(self._campaigning.due(shared=True))
            random.shuffle(due)  # each gets its share of the turns
            sent = False
            for name in due:
                # However long it took to find them: a turn gets one of them ahead.
                if stop.is_set() or (sent and turn.over()):
                    return
                if name in alone:
                    continue
                if self._campaigning.get(name).state is not CampaignState.SENDING:
                    # It may take minutes, in which others are sent.
                    if name not in preparing or not preparing[name].is_alive():
                        preparing[name] = self._begin(name, stop, alone)
                    continue
                self._note(name, self._send(name, sender, turn), alone)
                sent = True

        return send

    def _send(self, name: str, sender: Sender, turn: Turn) -> MessagingError | None:
        report = sender.send_campaign(name, progress=lambda number: self._runs.progress(name, sender.worker))
        if isinstance(report.fault, AdapterRests):
            self._runs.progress(name, sender.worker)  # what waits for an adapter is not late by that
        if report.fault is not None:
            return report.fault
        if not (report.handled and turn.over()):  # nothing of it is due
            self._campaigning.finish(name)
        return report.unchecked

    def _note(self, name: str, fault: MessagingError | None, alone: LeftAlone) -> None:
        self._tell(f"campaign {name}", fault)
        alone.note(name, fault)

    def _begin(self, name: str, stop: threading.Event, alone: LeftAlone) -> threading.Thread:
        thread = threading.Thread(
            target=self._prepare, args=(name, stop, alone), name=f"messaging-plan-{name}", daemon=True
        )
        thread.start()
        return thread

    def _prepare(self, name: str, stop: threading.Event, alone: LeftAlone) -> None:
        """Store its list and make its messages, unless somebody alive is at it."""

        def progress(number: int) -> None:
            if stop.is_set():
                raise _Stopped
            self._runs.progress(name, worker)

        try:
            worker = self._store.enlist()
            try:
                if not self._runs.begin(name, worker):
                    return
                if self._campaigning.start(name).state is CampaignState.PLANNING:
                    self._campaigning.fill(name, progress=progress)
            except _Stopped:
                pass
            finally:
                self._store.dismiss(worker)
        except Conflict as error:
            # It is no longer what its plan showed; or a person paused it.
            if self._campaigning.hold(name, error.message):
                self._note(name, error, alone)
        except MessagingError as error:
            self._note(name, error, alone)
        else:
            self._wake()
