"""Several hand-overs at once inside one `deliver`.

A provider's answer takes a round trip; while one thread waits for it the others go on. An adapter that hands over one
message a request needs one line of it:

    def deliver(self, messages):
        return hand_over(messages, one_by_one(self._send), width=self.settings.connections)
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from messaging.errors import AdapterUnusable
from messaging.nouns.adapter import Receipt, RenderedMessage

log = logging.getLogger("messaging.parallel")

T = TypeVar("T")

#: Seconds without a receipt after which another thread joins in. A server on the same machine answers faster,
#: and there threads would only stand in each other's way.
_PATIENCE = 0.001


class Feed(deque[T]):
    """What is still to be handed over: a message, or more that go together. Every thread takes from its left; what
    was taken, and is to go otherwise, may be put back there.
    """

    #: Nobody listens any more: nothing else is to leave.
    closed = False

    def __init__(self, items: Iterable[T] = ()) -> None:
        super().__init__(items)
        #: What was surely not taken, and is not to be tried by another thread either.
        self.given_back: list[T] = []

    def give_back(self, item: T) -> None:
        """It was surely not taken: it is for the core to try it again. For who raises `Unavailable` then."""
        self.given_back.append(item)

    def __bool__(self) -> bool:
        return not self.closed and len(self) > 0

    def take(self) -> T | None:
        """The next of it; None if there is none."""
        try:
            return self.popleft() if self else None
        except IndexError:  # another thread was faster
            return None


class Unavailable(Exception):
    """Nothing can be handed over for now. What was given back, or is still in the feed, was surely not taken."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


def _own_id(message: Any) -> list[str]:
    return [message.id]


def hand_over(
    items: Iterable[T],
    work: Callable[[Feed[T]], Iterator[Receipt]],
    *,
    width: int,
    ids: Callable[[T], Iterable[str]] = _own_id,
) -> Iterator[Receipt]:
    """Run `work` over one feed of `items`, in as many threads (up to `width`) as a slow provider makes worth it.

    Yields receipts as they come. Items are messages; where one is more of them that go together, `ids` tells whose
    they are. `work` takes from the feed until it is empty: `one_by_one`, or one's own that keeps a connection.

    A thread that raises `Unavailable` leaves the feed to the others, and no more of them begin; what all of them leave
    is to be tried again. Any other exception ends the hand-over: the threads finish what they have in hand, nothing
    else leaves, then it is raised here, `AdapterUnusable` before others. So does a caller that stops listening, and
    waits for nobody.
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
        left = [*feed.given_back, *feed]
    if faults:
        raise next((fault for fault in faults if isinstance(fault, AdapterUnusable)), faults[0])
    for item in left:
        for message_id in ids(item):
            yield Receipt.try_again(message_id, unavailable.reason, unavailable.after)


def one_by_one(
    send: Callable[[RenderedMessage], Iterator[Receipt]],
) -> Callable[[Feed[RenderedMessage]], Iterator[Receipt]]:
    """The `work` of an adapter that hands over one message at a time: `send` yields its receipt.

    `send` may raise `AdapterUnusable` (no other message is to go there; it may have yielded the receipt before), or
    `Unavailable` (not now, and the others not either; without a receipt the message was surely not taken). After any
    other exception the message is `unknown`, and the others go on.
    """

    def work(feed: Feed[RenderedMessage]) -> Iterator[Receipt]:
        while (message := feed.take()) is not None:
            told = False
            try:
                for receipt in send(message):
                    told = True
                    yield receipt
            except Unavailable:
                if not told:
                    feed.give_back(message)
                raise
            except AdapterUnusable:
                raise
            except Exception as error:  # over one of them: the others' receipts are not lost for it
                log.error("a fault of the adapter: %s", type(error).__name__)
                if not told:
                    yield Receipt.unknown(message.id, f"a fault of the adapter: {type(error).__name__}")

    return work


@dataclass(frozen=True, slots=True)
class _Ended:
    """A thread is through, and with what."""

    error: BaseException | None


def _get(said: SimpleQueue[Receipt | _Ended], *, timeout: float | None) -> Receipt | _Ended | None:
    try:
        return said.get(timeout=timeout)
    except Empty:
        return None
