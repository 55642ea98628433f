"""The one sender: locks messages that are due, renders them, marks them, hands them over, records the receipts.

What protects a message at each step:

- *locked* (still planned): a dead worker's lock frees it;
- *sending*: committed just before its bytes may leave; if its worker dies it becomes `unknown`, never planned;
- policy is asked again in the very transaction that marks it, so an unsubscribe that is committed stops it;
- each receipt is recorded as it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from threading import Event

from messaging.clock import Clock
from messaging.errors import AdapterUnusable, MessagingError, PluginError, PluginHangs
from messaging.garbage import collected_seldom
from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage
from messaging.nouns.customer import Customer
from messaging.nouns.links import ShortLink
from messaging.nouns.message import Lane, Message, MessageState
from messaging.services.adapters import Adapters
from messaging.services.composing import Composer, Unrenderable, with_snapshot
from messaging.services.handover import Handover
from messaging.services.marking import Marking, not_taken
from messaging.services.rates import Rates
from messaging.services.rechecking import AGAIN, Rechecks, held, skipped
from messaging.services.recovering import Recovery, skip_cancelled
from messaging.services.resting import Rests, took_by
from messaging.services.settling import Handed, Settling
from messaging.services.turns import Turn
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

#: Messages locked and rendered at a time.
PAGE = 256
#: How many are marked `sending` at once when they are handed over one by one. Two such groups may be marked, one on
#: its way and the next: if the sender dies, at most these become `unknown`.
GROUP = 16
#: How many are at stake when an adapter is tried after it rested: more than one, since one may be to blame itself.
TRIAL = 4

#: Told by who works that they live, again and again: whoever watches them knows a hang from a long task.
Alive = Callable[[], object]


def unwatched() -> None:
    """Nobody watches."""


@dataclass(slots=True)
class SendReport:
    """What a run did."""

    #: Told of each number of messages that are through.
    progress: Callable[[int], object] | None = None
    states: dict[MessageState, int] = field(default_factory=dict)
    #: Why it stopped early: the adapter rests, was refused, or hung, or a plugin hung while a message was rendered.
    fault: MessagingError | None = None
    #: Why it stopped early with nothing lost: a check could not be asked, and what was due waits for it.
    unchecked: PluginError | None = None

    def count(self, states: Sequence[MessageState]) -> None:
        for state in MessageState:
            if number := states.count(state):
                self.states[state] = self.states.get(state, 0) + number
        through = len(states) - states.count(MessageState.PLANNED)
        if self.progress is not None and through:
            self.progress(through)

    @property
    def handled(self) -> int:
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A group that an adapter has in hand."""

    handed: Mapping[str, Handed]
    handover: Handover


class Sender:
    """Sends what is due, for as long as it is told to. One per thread: it is one worker of the store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        rechecks: Rechecks,
        composer: Composer,
        adapters: Adapters,
        settling: Settling,
        rests: Rests,
        adapter_for: Callable[[str], str | None],
        rates: Mapping[str, float],
        timeout: timedelta,
        keep_campaigns: bool = False,
        stop: Event | None = None,
        alive: Alive = unwatched,
        turn: Turn | None = None,
        hand_over: type[Handover] = Handover,
    ) -> None:
        """`adapter_for` names the adapter of a channel; `rates` are messages a second by adapter.

        When its `turn` is over it sees through what it has handed over, as when it is to `stop`.

        The rendering context of event-driven messages is kept with them, with `keep_campaigns` that of all.
        """
        self._store = store
        self._clock = clock
        self._rechecks = rechecks
        self._marking = Marking(store, clock, rechecks)
        self._composer = composer
        self._adapters = adapters
        self._settling = settling
        self._rests = rests
        self._adapter_for = adapter_for
        self._timeout = timeout.total_seconds()
        self._keep_campaigns = keep_campaigns
        self._stop = stop or Event()
        self._alive = alive
        self._turn = turn or Turn()
        self._rates = Rates(store, rates, turn=self._turn, stop=self._stop, alive=alive)
        self._hand_over = hand_over
        self._recovery = Recovery(
            store,
            clock,
            adapters=adapters,
            adapter_for=adapter_for,
            settling=settling,
            alive=alive,
            ends=lambda: self._stop.is_set() or self._turn.over(),
        )
        self._worker: str | None = store.enlist()
        #: What an adapter has in hand.
        self._handover: Handover | None = None

    # What is called from outside.

    @property
    def worker(self) -> str:
        """Who it is in the store: another one after something failed, so that what it had in hand is taken up.

        Raises:
            StoreError: it cannot be anybody now.
        """
        if self._worker is None:
            self._worker = self._store.enlist()
        return self._worker

    @collected_seldom()
    def send_campaign(self, name: str, *, progress: Callable[[int], object] | None = None) -> SendReport:
        """Send what of a campaign is due now; return when nothing of it is, or it was paused, cancelled, or stopped."""
        report = SendReport(progress)
        campaign = self._store.campaigns.get(name)
        assert campaign is not None
        adapter_name = campaign.adapter or self._adapter_for(campaign.channel)
        self._pages(report, adapter_name, campaign.channel, campaign=name)
        skip_cancelled(self._store, [name])
        return report

    def send_lanes(self, lanes: Sequence[Lane], channels: Sequence[str]) -> SendReport:
        """Send what is due now of each lane in turn; a fault on one channel stops no other, nor does a check."""
        report = SendReport()
        faults: dict[str, MessagingError] = {}
        unchecked: PluginError | None = None
        for lane, channel in product(lanes, channels):
            if channel not in faults:
                self._pages(report, self._adapter_for(channel), channel, lane=lane)
                if report.fault is not None:
                    faults[channel], report.fault = report.fault, None
                unchecked, report.unchecked = unchecked or report.unchecked, None
        report.unchecked = unchecked
        report.fault = next(iter(faults.values()), None)
        return report

    def bury_the_dead(self) -> int:
        """Free what dead workers had locked, settle what they had in hand, for a turn; return how many of those."""
        try:
            return self._recovery.take_up(self.worker)
        except BaseException:
            self._resign()  # what is not settled is for whoever buries us
            raise

    def close(self) -> None:
        """Unlock what is still locked, and be no worker any more."""
        try:
            if self._worker is not None:
                self._store.outbox.release(self._worker)
        finally:
            self._resign()

    def _resign(self) -> None:
        """Be no worker any more: whoever buries the dead takes up what it had."""
        worker, self._worker = self._worker, None
        if self._handover is not None:
            self._handover.leave()
            self._handover = None
        if worker is not None:
            self._store.dismiss(worker)

    # A page: tokens, lock, render, then group by group.

    def _pages(
        self,
        report: SendReport,
        adapter_name: str | None,
        channel: str,
        *,
        lane: Lane | None = None,
        campaign: str | None = None,
    ) -> None:
        """Send page after page, until nothing is due or something is in the way."""
        while adapter_name is not None and not (self._stop.is_set() or report.fault or report.unchecked):
            before = report.handled
            try:
                more = self._page(report, adapter_name, channel, lane, campaign)
            except BaseException:
                self._resign()  # else what it has in hand would be in the hands of somebody alive, for ever
                raise
            if not more or report.handled == before or self._turn.over():
                return  # in the second case it was stopped by somebody else in the meantime

    def _page(
        self,
        report: SendReport,
        adapter_name: str,
        channel: str,
        lane: Lane | None,
        campaign: str | None,
    ) -> bool:
        """Send one page; return whether there was anything to send."""
        self._alive()
        now = self._clock.now()
        lanes = None if lane is None else (lane,)
        due = self._store.outbox.next_due(lanes=lanes, campaign=campaign, channel=channel)
        if due is None or due > now:
            return False
        try:
            adapter = self._adapters.get(adapter_name)
            trial = self._rests.begin(adapter_name, self.worker)
        except MessagingError as error:
            report.fault = error
            return False
        # What goes in one request is locked together, so that a page is no less than one.
        size = TRIAL if trial else max(PAGE, adapter.capabilities.batch_size)
        try:
            return self._locked(report, adapter, size, lane, campaign, channel, now)
        finally:
            if trial:
                self._rests.end(adapter_name, self.worker)

    def _locked(
        self,
        report: SendReport,
        adapter: Adapter,
        size: int,
        lane: Lane | None,
        campaign: str | None,
        channel: str,
        now: datetime,
    ) -> bool:
        """Lock up to `size` messages and send them; return whether there were any."""
        lanes = None if lane is None else (lane,)
        grant = self._rates.take(adapter.name, lane, size)
        messages = self._store.outbox.claim(
            self.worker, now=now, limit=grant.number, lanes=lanes, campaign=campaign, channel=channel
        )
        if not messages:
            self._rates.give_back(grant, grant.number)
            return False
        if len(messages) == grant.number:
            self._turn.more()
        try:
            letters, by_id, links = self._rendered(report, messages, now, pieces=adapter.capabilities.batch_size > 1)
            # At once: another sender waits for them.
            self._rates.give_back(grant, grant.number - len(letters))
            self._rates.give_back(grant, self._send_page(report, adapter, letters, by_id, links))
        finally:
            self._store.outbox.release(self.worker, [message.id for message in messages])
        return True

    def _rendered(
        self, report: SendReport, messages: Sequence[Message], now: datetime, *, pieces: bool
    ) -> tuple[list[RenderedMessage], dict[str, Message], list[ShortLink]]:
        """The letters of those that may still go, their rows by id, and the short links in them.

        What becomes of the others is recorded.
        """
        customers = self._store.customers.get({message.customer_id for message in messages})
        ready, decided, report.unchecked = self._rechecks.ready(messages, customers, now)
        self._settle(report, decided)
        filled = self._composer.filled(ready)
        by_id = {
            message.id: self._with_context(message, full, customers)
            for message, full in zip(ready, filled, strict=True)
        }
        letters: list[RenderedMessage] = []
        failed: list[Outcome] = []
        links: list[ShortLink] = []
        composed = self._composer.compose(filled, now=now, customers=customers, pieces=pieces, short_links=links)
        for item in composed:
            self._alive()
            if isinstance(item, Unrenderable):
                failed.append(self._unrendered(report, by_id[item.id], item.error, now))
            else:
                letters.append(item)
        self._settle(report, failed)
        return letters, by_id, links

    def _unrendered(self, report: SendReport, message: Message, error: MessagingError, now: datetime) -> Outcome:
        """What becomes of a message that could not be rendered: it is not to blame for a plugin that hangs."""
        if isinstance(error, PluginHangs):
            report.fault = error
            return held(message, now + AGAIN, error.message)
        return skipped(message, f"cannot be rendered: {error.message}")

    def _send_page(
        self,
        report: SendReport,
        adapter: Adapter,
        letters: Sequence[RenderedMessage],
        by_id: Mapping[str, Message],
        links: Sequence[ShortLink],
    ) -> int:
        """Hand over group by group; return how many were left because the turn was over."""
        size = adapter.capabilities.batch_size if adapter.capabilities.batch_size > 1 else GROUP
        under_way: _UnderWay | None = None
        left = 0
        for start in range(0, len(letters), size):
            if start and self._turn.over():
                left = len(letters) - start
                break
            group = letters[start : start + size]
            # The next group is marked while the one before is on its way: the disk and the network work together.
            variants = {letter.id: letter.variant for letter in group}
            begun = self._marking.begin(self.worker, variants, by_id, links, count=report.count)
            waited = under_way is not None
            if under_way is not None:
                self._receipts(report, adapter, under_way)
                under_way = self._handover = None
            if begun is None:
                break
            if self._stop.is_set() or report.fault is not None:
                self._marking.take_back(begun.values())
                break
            if waited:
                begun = self._marking.still(begun, count=report.count)
            if begun:
                sent = [letter for letter in group if letter.id in begun]
                handover = self._hand_over(adapter, sent, timeout=self._timeout, blame=self._adapters.blame)
                under_way, self._handover = _UnderWay(begun, handover), handover
        if under_way is not None:
            self._receipts(report, adapter, under_way)
        return left

    def _with_context(self, message: Message, filled: Message, customers: Mapping[str, Customer]) -> Message:
        customer = customers.get(message.customer_id)
        if customer is None or (message.lane is Lane.CAMPAIGN and not self._keep_campaigns):
            return message
        return replace(message, context=with_snapshot(filled, customer))

    def _receipts(self, report: SendReport, adapter: Adapter, under_way: _UnderWay) -> None:
        """Record what becomes of a group that was handed over."""
        handed, handover = under_way.handed, under_way.handover
        told: list[Receipt] = []
        for receipts in handover:
            self._alive()
            told += receipts
            report.count(self._settling.receipts(receipts, handed, adapter, now=self._clock.now()))
        self._settling.tell()
        rests = self._rests.record(adapter.name, took_by(adapter, told, handover))
        report.fault = handover.fault or rests
        if handover.hung:
            self._adapters.give_up_on(adapter.name, handover)
        if isinstance(handover.fault, AdapterUnusable):
            # Surely not taken: they wait for an adapter that works.
            left = [handed[id] for id in handover.missing]
            self._store.outbox.settle([not_taken(one, handover.fault.message) for one in left])
        elif handover.missing:
            why = str(handover.fault) if handover.fault else "the adapter gave no receipt"
            lost = [handed[id] for id in handover.missing]
            report.count(self._settling.lost(lost, why, adapter, now=self._clock.now()))

    def _settle(self, report: SendReport, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._store.outbox.settle(outcomes)
            report.count([outcome.state for outcome in outcomes])
