"""Keeps senders going: a campaign until it is done, what is due once, or everything for as long as a server runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from messaging.clock import Clock
from messaging.errors import Conflict, MessagingError, SettingsError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane
from messaging.services.campaigning import Campaigning
from messaging.services.sending import Sender, SendReport
from messaging.stores.base import Store

log = logging.getLogger("messaging.dispatching")

EVENT_LANES = (Lane.ORDER, Lane.EVENT)

#: How often a server looks for what became due, in seconds; an event that it took in itself wakes it at once.
POLL = 0.5
#: How often it tidies up, in seconds.
HOUSEKEEPING = 3600.0


class Dispatcher:
    """Runs senders. Each run is a worker of its own."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        campaigning: Campaigning,
        make_sender: Callable[[threading.Event], Sender],
        channels: Callable[[], Sequence[str]],
        take_up: Callable[[], object],
        keep_contexts: timedelta,
        patience: timedelta = timedelta(minutes=10),
    ) -> None:
        """`take_up` works off events whose effects were cut short; `keep_contexts`: how long messages' are kept;
        `patience`: how long a run waits for another try.
        """
        self._store = store
        self._clock = clock
        self._campaigning = campaigning
        self._make_sender = make_sender
        self._channels = channels
        self._take_up = take_up
        self._keep_contexts = keep_contexts
        self._patience = patience

    def send(
        self,
        name: str,
        *,
        plan_hash: str | None = None,
        stop: threading.Event | None = None,
        listed: Callable[[int], None] | None = None,
        sent: Callable[[int], None] | None = None,
    ) -> MessagingError | None:
        """Start a campaign or take it up where it was, and send it, waiting out short delays.

        Returns what stopped it, if something did. `listed` and `sent` are told of progress.

        Raises:
            Conflict: it cannot be started, or not as the plan showed it.
        """
        stop = stop or threading.Event()
        sender = self._make_sender(stop)
        try:
            # Before anything of it can be seen: a server leaves it to us.
            runner = self._store.get_note(_runner_key(name))
            if runner is None or not self._store.is_alive(runner):
                self._store.put_note(_runner_key(name), sender.worker)
            if self._campaigning.start(name, plan_hash=plan_hash).state is CampaignState.SCHEDULED:
                return None
            self._campaigning.fill(name, progress=listed)
            return self._send(sender, name, stop, sent)
        finally:
            sender.close()
            self._campaigning.sweep()

    def _send(
        self, sender: Sender, name: str, stop: threading.Event, progress: Callable[[int], None] | None
    ) -> MessagingError | None:
        until = time.monotonic() + self._patience.total_seconds()
        while not stop.is_set():
            sender.bury_the_dead()
            report = sender.send_campaign(name, progress=progress)
            if report.fault is not None:
                self._stop_campaign(name, report.fault)
                return report.fault
            if self._campaigning.finish(name).state is not CampaignState.SENDING:
                return None
            due = self._store.outbox.next_due(campaign=name)
            if due is None:
                # The rest is in the hands of another sender: see it through.
                if time.monotonic() > until:
                    return None
                stop.wait(POLL)
                continue
            wait = due - self._clock.now()
            if wait > self._patience:
                return None
            self._clock.wait(max(0.0, wait.total_seconds()), stop)
        return None

    def _stop_campaign(self, name: str, fault: MessagingError) -> None:
        """A settings mistake leaves it as it is; a provider that refuses us pauses it, so that nobody is burned."""
        if isinstance(fault, SettingsError):
            return
        if self._campaigning.get(name).state is CampaignState.SENDING:
            self._campaigning.pause(name, fault.message)

    def run_due(self, *, progress: Callable[[int], None] | None = None) -> tuple[SendReport, MessagingError | None]:
        """Send once what is due now: order messages first, then campaigns."""
        self._take_up()
        self._forget()
        stop = threading.Event()
        sender = self._make_sender(stop)
        try:
            sender.bury_the_dead()
            report = sender.send_lanes(EVENT_LANES, self._channels())
        finally:
            sender.close()
        fault = report.fault
        for name in self._campaigning.due():
            fault = self._send_due(name, stop, progress) or fault
        return report, fault

    def _send_due(
        self, name: str, stop: threading.Event, progress: Callable[[int], None] | None = None
    ) -> MessagingError | None:
        """Send a campaign whose time has come; one that is no longer what its plan showed is held."""
        try:
            return self.send(name, stop=stop, sent=progress)
        except Conflict as error:
            self._campaigning.hold(name, error.message)
            return error

    def serve_events(self, stop: threading.Event, wake: threading.Event) -> None:
        """Send event-driven messages as they become due, until `stop`."""
        sender = self._make_sender(stop)
        forget_at = time.monotonic()
        try:
            while not stop.is_set():
                try:
                    sender.bury_the_dead()
                    self._take_up()
                    if time.monotonic() >= forget_at:
                        self._forget()
                        self._store.tidy()
                        forget_at = time.monotonic() + HOUSEKEEPING
                    report = sender.send_lanes(EVENT_LANES, self._channels())
                    if report.fault is not None:
                        log.error("%s", report.fault)
                except MessagingError as error:
                    log.error("%s", error)
                except (Exception, SystemExit):
                    log.exception("sending failed")
                wake.wait(POLL)
                wake.clear()
        finally:
            try:
                sender.close()
            except MessagingError as error:
                log.error("%s", error)

    def _forget(self) -> None:
        """Drop rendering contexts that were kept long enough."""
        self._store.outbox.forget_contexts(self._clock.now() - self._keep_contexts)

    def serve_campaigns(self, stop: threading.Event) -> None:
        """Send campaigns that nobody else is sending, until `stop`."""
        while not stop.wait(POLL):
            try:
                for name in self._campaigning.due():
                    runner = self._store.get_note(_runner_key(name))
                    if runner is not None and self._store.is_alive(runner):
                        continue
                    fault = self._send_due(name, stop)
                    if fault is not None:
                        log.error("%s", fault)
            except MessagingError as error:
                log.error("%s", error)
            except (Exception, SystemExit):
                log.exception("sending a campaign failed")


def _runner_key(name: str) -> str:
    return f"campaign-runner:{name}"
