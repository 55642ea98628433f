"""How fast messages may go: each adapter's rate, by tokens that all processes share. Taken before rows are locked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event

from messaging.nouns.message import Lane
from messaging.services.turns import Turn
from messaging.stores.base import Store

#: Share of an adapter's rate that is kept for order messages.
ORDER_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages may be sent now, and the bucket their tokens are from, if the rate has a limit."""

    number: int
    bucket: str | None = None
    burst: int = 0


class Rates:
    """Grants what may be sent, to one sender."""

    def __init__(
        self, store: Store, rates: Mapping[str, float], *, turn: Turn, stop: Event, alive: Callable[[], object]
    ) -> None:
        """`rates` are messages a second by adapter; 0 is no limit."""
        self._store = store
        self._rates = rates
        self._turn = turn
        self._stop = stop
        self._alive = alive

    def take(self, adapter: str, lane: Lane | None, page: int) -> Grant:
        """How many of a `page` of messages may be sent now; waits until it is at least one."""
        rate = self._rates.get(adapter, 0.0)
        if rate <= 0:
            return Grant(page)
        buckets = [(f"rate:{adapter}", rate * (1 - ORDER_SHARE))]
        if lane is Lane.ORDER:
            buckets.insert(0, (f"rate:{adapter}:orders", rate * ORDER_SHARE))
        while not self._stop.is_set():
            self._alive()
            wait = 1.0
            for bucket, share in buckets:
                burst = max(1, round(share))
                taken, seconds = self._store.take_tokens(bucket, page, rate=share, burst=burst)
                if taken:
                    return Grant(taken, bucket, burst)
                wait = min(wait, seconds)
            if self._turn.over():
                break
            self._stop.wait(min(wait, self._turn.left()))
        return Grant(0)

    def give_back(self, grant: Grant, number: int) -> None:
        """So many of a grant were not used."""
        if grant.bucket is not None and number:
            self._store.give_back_tokens(grant.bucket, number, burst=grant.burst)
