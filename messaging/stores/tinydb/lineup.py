"""Who is next: the planned messages of the outbox in the order they go out, and who has which.

A claim costs what it takes, not what is stored: each line is a heap whose entries are dropped when they come
up and no longer hold.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from itertools import count

from messaging.nouns.documents import Document
from messaging.nouns.message import Lane, MessageState

#: (due time as text, order of arrival, message id)
_Entry = tuple[str, int, str]

_PLANNED = MessageState.PLANNED.value
_NOTHING: dict[str, None] = {}


class Line:
    """The unlocked planned messages of one lane, campaign and channel, by due time, then arrival."""

    def __init__(self) -> None:
        self._heap: list[_Entry] = []
        #: The entry of each message that is in the line; one in the heap that is not here has left.
        self._entries: dict[str, _Entry] = {}
        self._arrivals = count()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def add(self, key: str, due: str) -> None:
        entry = (due, next(self._arrivals), key)
        self._entries[key] = entry
        heapq.heappush(self._heap, entry)

    def remove(self, key: str) -> None:
        self._entries.pop(key, None)
        # Messages that another process takes leave no other way: the heap must not keep them for ever.
        if len(self._heap) > 64 + 2 * len(self._entries):
            self._heap = list(self._entries.values())
            heapq.heapify(self._heap)

    def first(self) -> _Entry | None:
        """The entry whose turn it is."""
        heap = self._heap
        while heap:
            if self._entries.get(heap[0][2]) is heap[0]:
                return heap[0]
            heapq.heappop(heap)
        return None

    def first_due(self, now: str) -> _Entry | None:
        """The entry whose turn it is, if it is due."""
        entry = self.first()
        return entry if entry is not None and entry[0] <= now else None


class Lineup:
    """All lines, and the messages each worker has."""

    #: Lane, campaign and channel never change.
    fields = frozenset(["state", "worker", "due_at"])

    def __init__(self) -> None:
        self._lines: dict[tuple[int, str | None, str], Line] = {}
        #: Worker -> its messages: locked, sending, or unknown and not settled yet.
        self.held: dict[str, dict[str, None]] = {}

    def lines(
        self, lanes: Collection[Lane] | None, campaign: str | None, channel: str | None
    ) -> list[tuple[int, Line]]:
        """The lines that match, with their lanes."""
        return [
            (lane, line)
            for (lane, of_campaign, of_channel), line in self._lines.items()
            if (lanes is None or lane in lanes)
            and (campaign is None or campaign == of_campaign)
            and (channel is None or channel == of_channel)
        ]

    def take(self, lines: list[tuple[int, Line]], now: str, limit: int) -> list[str]:
        """Take up to `limit` messages that are due out of `lines`: by lane, then due time, then arrival."""
        heads = [(lane, entry, line) for lane, line in lines if (entry := line.first_due(now)) is not None]
        heapq.heapify(heads)
        taken: list[str] = []
        while heads and len(taken) < limit:
            lane, (_, _, key), line = heads[0]
            line.remove(key)
            taken.append(key)
            following = line.first_due(now)
            if following is not None:
                heapq.heapreplace(heads, (lane, following, line))
            else:
                heapq.heappop(heads)
        return taken

    def of_worker(self, worker: str) -> dict[str, None]:
        """The messages that `worker` has. Not to be changed."""
        return self.held.get(worker, _NOTHING)

    def move(self, key: str, old: Document | None, new: Document | None) -> None:
        before, after = _place(old), _place(new)
        if before == after:
            return
        if old is not None and before is not None:
            self._leave(key, old)
        if new is not None and after is not None:
            self._enter(key, new)

    def clear(self) -> None:
        self._lines.clear()
        self.held.clear()

    def _enter(self, key: str, document: Document) -> None:
        worker = document.get("worker")
        if worker is not None:
            self.held.setdefault(worker, {})[key] = None
        else:
            place = _line_of(document)
            if place not in self._lines:
                self._lines[place] = Line()
            self._lines[place].add(key, document["due_at"])

    def _leave(self, key: str, document: Document) -> None:
        worker = document.get("worker")
        if worker is not None:
            held = self.held[worker]
            held.pop(key, None)
            if not held:
                del self.held[worker]
        else:
            place = _line_of(document)
            line = self._lines.get(place)
            if line is not None:
                line.remove(key)
                if line.first() is None:
                    del self._lines[place]


def _line_of(document: Document) -> tuple[int, str | None, str]:
    return document["lane"], document.get("campaign"), document["channel"]


def _place(document: Document | None) -> tuple[str | None, str] | None:
    """What decides where a message stands: its worker, and its due time while it is planned."""
    if document is None:
        return None
    worker = document.get("worker")
    if worker is None and document["state"] != _PLANNED:
        return None
    return worker, document["due_at"]
