"""Connections that outlive one `deliver`."""

from __future__ import annotations

import threading
import time
from typing import Generic, Protocol, TypeVar


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
