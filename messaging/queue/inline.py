"""Wakes the threads of this process that wait for it."""

from __future__ import annotations

import threading

from messaging.nouns.work import Work
from messaging.queue.base import Queue


class InlineQueue(Queue):
    """An event for each work that a thread waits for."""

    def __init__(self) -> None:
        self._listeners: dict[Work, list[threading.Event]] = {}

    def listen(self, work: Work) -> threading.Event:
        """Set whenever somebody should look after `work`, at once."""
        event = threading.Event()
        self._listeners.setdefault(work, []).append(event)
        return event

    def wake(self, *works: Work) -> None:
        for work in works:
            for event in self._listeners.get(work, ()):
                event.set()

    def wake_all(self) -> None:
        """Wake all that wait: there may be nothing to wait for any more."""
        self.wake(*list(self._listeners))
