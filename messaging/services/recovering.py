"""Takes up what died in the hands of senders, and skips what a cancelled campaign had in theirs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from messaging.clock import Clock
from messaging.errors import MessagingError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Message
from messaging.services.adapters import Adapters
from messaging.services.resting import adapter_of
from messaging.services.settling import Handed, Settling
from messaging.stores.base import Store

CANCELLED = "cancelled"


class Recovery:
    """What a sender does about those that died. What it has begun to settle is in its hands until it is through."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        adapters: Adapters,
        adapter_for: Callable[[str], str | None],
        settling: Settling,
        alive: Callable[[], object],
        ends: Callable[[], bool],
    ) -> None:
        """`adapter_for` names the adapter of a channel; `alive` is called on the way; `ends`: whether to stop there."""
        self._store = store
        self._clock = clock
        self._adapters = adapters
        self._settling = settling
        self._alive = alive
        self._ends = ends
        self._adapter_of = adapter_of(store, adapter_for)
        #: In its hands and to be asked about.
        self._lost: deque[Message] = deque()

    def take_up(self, worker: str) -> int:
        """Free what dead workers had locked, ask about what they had handed over; return how many of those.

        Where it ends early, the next call goes on; should `worker` die before that, somebody else does.
        """
        try:
            settled = self._settle()
            for dead in self._store.outbox.workers():
                if settled and self._ends():
                    break
                if dead != worker and not self._store.is_alive(dead):
                    self._lost.extend(self._store.outbox.bury(dead, by=worker))
                    settled += self._settle()
        except BaseException:
            self._lost.clear()
            raise
        return settled

    def _settle(self) -> int:
        number, campaigns = 0, set()
        while self._lost and not (number and self._ends()):
            message = self._lost[0]
            self._alive()
            name = message.adapter or self._adapter_of(message)
            try:
                adapter = self._adapters.get(name) if name else None
            except MessagingError:
                adapter = None
            self._settling.lost([Handed.read(message)], "its sender died", adapter, now=self._clock.now())
            self._lost.popleft()
            campaigns.add(message.campaign)
            number += 1
        skip_cancelled(self._store, campaigns)
        return number


def skip_cancelled(store: Store, campaigns: Iterable[str | None]) -> None:
    """Skip what those of `campaigns` that were cancelled have planned: it was in hand then, and is planned again."""
    for name in campaigns:
        campaign = store.campaigns.get(name) if name is not None else None
        if campaign is not None and campaign.state is CampaignState.CANCELLED:
            store.outbox.stop(campaign.name, CANCELLED)
