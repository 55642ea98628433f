"""Which workers live: each has an advisory lock, on a connection that its process keeps for that.

The server frees it when the process dies, however it dies; if its machine does, keepalives tell after a minute. A
connection that broke is made anew and its locks are taken again, when a worker next asks for messages.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

import psycopg

from messaging.ids import random_id
from messaging.stores.postgres.connections import Borrowed
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.session import Session

_WORKER = re.compile(r"[0-9a-f]{32}")


class Workers:
    """The workers of one process, and whether those of others live."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._mine: set[str] = set()
        self._held: Borrowed | None = None

    def enlist(self) -> str:
        """The id of a new worker, alive from now on. Raises StoreError."""
        worker = random_id()
        with self._lock:
            self._mine.add(worker)
            try:
                self._hold([worker])
            except BaseException:
                self._mine.discard(worker)
                raise
        return worker

    def keep(self, worker: str) -> None:
        """See to it that a worker of this process is taken to be alive."""
        if worker in self._mine:
            with self._lock:
                self._hold([])

    def is_alive(self, worker: str) -> bool:
        """Whether the worker's process lives and has not dismissed it."""
        if not _WORKER.fullmatch(worker):
            return False
        key = _key(worker)
        rows = self._database.rows(
            """
            SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid::bigint = %(high)s AND objid::bigint = %(low)s
            """,
            {"high": key >> 32, "low": key & 0xFFFFFFFF},
        )
        return bool(rows)

    def dismiss(self, worker: str) -> None:
        """End a worker of this process."""
        with self._lock:
            if worker in self._mine:
                self._mine.discard(worker)
                if self._held is not None:
                    try:
                        Session(self._held.connection).rows("SELECT pg_advisory_unlock(%(key)s)", {"key": _key(worker)})
                    except psycopg.Error:
                        self._let_go()  # and with the connection, of its locks

    def close(self) -> None:
        """End all workers of this process."""
        with self._lock:
            self._mine.clear()
            self._let_go()

    def forked(self) -> None:
        """Forget, in a new process, those of the old one."""
        self._lock = threading.Lock()
        self._mine, self._held = set(), None

    def _hold(self, workers: Iterable[str]) -> None:
        """Take the locks of these; of all, if the connection that had them broke."""
        if self._held is not None:
            try:
                _take(self._held, workers)
            except psycopg.Error:
                self._let_go()
            else:
                return
        self._database.again(self._take_all)

    def _take_all(self) -> None:
        borrowed = self._database.connections.keep()
        try:
            _take(borrowed, self._mine)
        except BaseException:
            borrowed.give_back()
            raise
        self._held = borrowed

    def _let_go(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            try:
                # The server may notice a moment later that the connection is closed.
                Session(held.connection).rows("SELECT pg_advisory_unlock_all()")
            except psycopg.Error:
                pass
            held.end()


def _take(borrowed: Borrowed, workers: Iterable[str]) -> None:
    keys = [_key(worker) for worker in workers]
    statement = "SELECT pg_advisory_lock(key) FROM unnest(%(keys)s::bigint[]) AS key"
    Session(borrowed.connection).rows(statement, {"keys": keys})


def _key(worker: str) -> int:
    """The key of its lock: the first 60 bits of its id, which are random."""
    return int(worker[:15], 16)
