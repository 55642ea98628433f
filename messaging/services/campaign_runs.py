"""Who runs a campaign, and when it last got ahead: a server leaves it to them, and sees one that stood still."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from messaging.clock import Clock
from messaging.nouns.documents import time_from_text, time_to_text
from messaging.stores.base import Store


class Runs:
    """One note a campaign: the worker that runs it, and the business time of its last progress."""

    def __init__(self, store: Store, clock: Clock, *, grain: timedelta) -> None:
        """`grain`: progress is noted no more often than that, since each note is a write."""
        self._store = store
        self._clock = clock
        self._grain = grain

    def begin(self, name: str, worker: str) -> bool:
        """`worker` runs it from now on, unless somebody alive does (false). It has not got ahead by that."""
        with self._store.transaction():
            if self.is_going(name):
                return False
            self._store.put_note(_key(name), {**self._note(name), "worker": worker})
            return True

    def progress(self, name: str, worker: str) -> None:
        """It got ahead, by `worker`."""
        last = self.last(name)
        if last is None or self._clock.now() - last >= self._grain or not self.is_going(name):
            self._put(name, worker)

    def let_go_on(self, name: str) -> None:
        """A person decided that it goes on: as if it had just got ahead."""
        self._put(name, self._note(name).get("worker"))

    def is_going(self, name: str) -> bool:
        """Whether its runner is alive."""
        worker = self._note(name).get("worker")
        return worker is not None and self._store.is_alive(worker)

    def last(self, name: str) -> datetime | None:
        """When it last got ahead, to the grain."""
        return time_from_text(self._note(name).get("at"))

    def _note(self, name: str) -> dict[str, Any]:
        return self._store.get_note(_key(name)) or {}

    def _put(self, name: str, worker: str | None) -> None:
        self._store.put_note(_key(name), {"worker": worker, "at": time_to_text(self._clock.now())})


def _key(name: str) -> str:
    return f"campaign-run:{name}"
