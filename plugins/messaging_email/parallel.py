"""Several hand-overs at once inside one `deliver`, over connections that outlive it.

A provider's answer takes a round trip; while one thread waits for it the others go on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from messaging import AdapterUnusable, Receipt

T = TypeVar("T")

#: Seconds without a receipt after which another thread joins in. A server on the same machine answers faster,
#: and there threads would only stand in each other's way.
_PATIENCE = 0.001


class Feed(deque[T]):
    """What is still to be handed over: a message, or more that go together. Every thread takes from its left; what
    was taken and surely not handed over may be put back there.
    """

    #: Nobody listens any more: nothing else is to leave.
    closed = False

    def __bool__(self) -> bool:
        return not self.closed and len(self) > 0


class Unavailable(Exception):
    """Nothing can be handed over for now. What is still in the feed was surely not taken."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


def take(feed: Feed[T]) -> T | None:
    """The next of it; None if there is none."""
    try:
        return feed.popleft() if feed else None
    except IndexError:
        return None


def hand_over(
    items: Iterable[T], work: Callable[[Feed[T]], Iterator[Receipt]], *, width: int, ids: Callable[[T], Iterable[str]]
) -> Iterator[Receipt]:
    """Run `work` over one feed, in as many threads (up to `width`) as a slow provider makes worth it.

    `ids` are those of an item's messages. Yields receipts as they come. A thread that raises `Unavailable` leaves the
    feed to the others; what all of them leave is to be tried again. Any other exception ends the hand-over: the threads
    finish what they have in hand, then it is raised here.
    """
    feed = Feed(items)
    said: SimpleQueue[Receipt | _Ended] = SimpleQueue()
    unavailable = Unavailable("nothing was handed over")
    faults: list[BaseException] = []
    started = running = 0

    def run() -> None:
        try:
            for receipt in work(feed):
                said.put(receipt)
        except BaseException as error:  # raised again by who waits
            said.put(_Ended(error))
        else:
            said.put(_Ended(None))

    try:
        while running or not started:
            heard = None
            if started:
                heard = _get(said, timeout=_PATIENCE if feed and started < width else None)
            if heard is None:
                threading.Thread(target=run, daemon=True).start()
                started, running = started + 1, running + 1
            elif isinstance(heard, Receipt):
                yield heard
            else:
                running -= 1
                if isinstance(heard.error, Unavailable):
                    unavailable, width = heard.error, 0  # no more threads: they would fare no better
                elif heard.error is not None:
                    faults.append(heard.error)
                    feed.closed = True
    finally:
        feed.closed = True
        left = list(feed)
    if faults:
        raise next((fault for fault in faults if isinstance(fault, AdapterUnusable)), faults[0])
    for item in left:
        for message_id in ids(item):
            yield Receipt.try_again(message_id, unavailable.reason, unavailable.after)


@dataclass(frozen=True, slots=True)
class _Ended:
    """A thread is through, and with what."""

    error: BaseException | None


def _get(said: SimpleQueue[Receipt | _Ended], *, timeout: float | None) -> Receipt | _Ended | None:
    try:
        return said.get(timeout=timeout)
    except Empty:
        return None


class Closable(Protocol):
    """What a pool can hold."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """Connections that nobody uses at the moment. Each is used by one thread at a time."""

    def __init__(self, *, size: int, idle: float) -> None:
        """Keep at most `size`, none longer than `idle` seconds."""
        self._size = size
        self._idle = idle
        self._kept: list[tuple[float, C]] = []
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> C | None:
        """The connection that was used last; None if a new one has to be opened."""
        with self._lock:
            if not self._kept:
                return None
            since, connection = self._kept.pop()
            stale = [connection] if time.monotonic() - since > self._idle else []
            if stale:  # then so are all the others
                stale += [other for _, other in self._kept]
                self._kept.clear()
        for other in stale:
            other.close()
        return None if stale else connection

    def give_back(self, connection: C) -> None:
        """Keep a connection that works for whoever needs one next."""
        with self._lock:
            if not self._closed and len(self._kept) < self._size:
                self._kept.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        """Close what is kept, and from now on what is given back."""
        with self._lock:
            kept, self._kept, self._closed = self._kept, [], True
        for _, connection in kept:
            connection.close()
