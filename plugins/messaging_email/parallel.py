"""Several hand-overs at once inside one `deliver`, over connections that outlive it.

A provider's answer takes a round trip; while one thread waits for it the others go on. Nothing here knows a protocol.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from messaging import AdapterUnusable, Receipt, RenderedMessage

#: What is still to be handed over. Every thread takes from its left; what a thread took and surely did not hand over
#: it may put back there.
Feed = deque[RenderedMessage]
Work = Callable[[Feed], Iterator[Receipt]]


class Unavailable(Exception):
    """Nothing can be handed over for now. What is still in the feed was surely not taken."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


def take(feed: Feed) -> RenderedMessage | None:
    """The next message; None if there is none."""
    try:
        return feed.popleft()
    except IndexError:
        return None


def hand_over(messages: Sequence[RenderedMessage], work: Work, *, width: int) -> Iterator[Receipt]:
    """Run `work` over one feed, in as many threads (up to `width`) as it takes not to wait for a slow provider.

    Yields receipts as they come. A thread that raises `Unavailable` leaves the feed to the others; what all of them
    leave is to be tried again. Any other exception ends the hand-over: the threads finish what they have in hand,
    then it is raised here.
    """
    feed: Feed = deque(messages)
    said: SimpleQueue[Receipt | _Ended] = SimpleQueue()
    started = running = 0
    fault: BaseException | None = None
    unavailable: Unavailable | None = None
    try:
        while running or not started:
            wanted = feed and started < width and unavailable is None
            if not started:
                item = None
            else:
                item = _get(said, _PATIENCE if wanted else None)
            if item is None:
                threading.Thread(target=_run, args=(work, feed, said), daemon=True).start()
                started, running = started + 1, running + 1
            elif isinstance(item, Receipt):
                yield item
            else:
                running -= 1
                if isinstance(item.error, Unavailable):
                    unavailable = item.error
                elif item.error is not None:
                    fault = item.error if fault is None or isinstance(item.error, AdapterUnusable) else fault
                    feed.clear()
    finally:
        left = list(feed)
        feed.clear()  # whoever stopped listening wants no more to leave
    if fault is not None:
        raise fault
    for message in left:
        reason = unavailable.reason if unavailable else "nothing was handed over"
        yield Receipt.try_again(message.id, reason, unavailable.after if unavailable else None)


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
