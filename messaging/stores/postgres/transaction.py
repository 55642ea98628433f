"""One transaction of one thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg

from messaging.errors import StoreError
from messaging.stores.postgres.connections import Borrowed, Connections
from messaging.stores.postgres.faults import is_lost, pauses, told
from messaging.stores.postgres.session import Session

T = TypeVar("T")

#: How it waits for others: alone, beside others that are shared, or not at all. A snapshot only reads.
_LOCKS = {
    "alone": "SELECT pg_advisory_xact_lock({});",
    "shared": "SELECT pg_advisory_xact_lock_shared({});",
    "free": "",
    "snapshot": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;",
}


class Transaction:
    """Begun when it is made; ends by `commit` or `roll_back`."""

    def __init__(self, connections: Connections, *, lock: str, durable: bool, in_order: bool = False) -> None:
        """Raises psycopg.Error."""
        self._connections = connections
        self._borrowed: Borrowed = connections.borrow()
        self._session = Session(self._borrowed.connection)
        self._parts = 0
        self.is_snapshot = lock == "snapshot"
        #: What it cannot go on after.
        self._failed: psycopg.Error | None = None
        #: What is done once it is committed.
        self.afterwards: list[Callable[[], None]] = []
        begin = "BEGIN;" + _LOCKS[lock].format(connections.place.lock)
        begin += "" if durable else "SET LOCAL synchronous_commit = off;"
        begin += "SET LOCAL enable_sort = off" if in_order else ""
        try:
            self._borrowed.connection.execute(begin)
        except BaseException:
            self.roll_back()
            raise

    def do(self, work: Callable[[Session], T]) -> T:
        """Do a part of it. Raises psycopg.Error."""
        if self._failed is not None:
            raise self._failed
        try:
            return work(self._session)
        except psycopg.Error as error:
            self._failed = error
            raise

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part that can be undone by itself."""
        point, before = f"part_{self._parts}", len(self.afterwards)
        self._parts += 1
        try:
            self._told(f"SAVEPOINT {point}")
            yield
            self._told(f"RELEASE SAVEPOINT {point}")
        except BaseException:
            del self.afterwards[before:]
            if self._failed is None or not is_lost(self._failed):
                self._failed = None
                self._told(f"ROLLBACK TO SAVEPOINT {point}")
            raise

    def _told(self, statement: str) -> None:
        try:
            self.do(lambda session: session.run(statement))
        except psycopg.Error as error:
            raise told(error, self._connections.place.shown) from None

    def roll_back(self) -> None:
        """Undo all of it."""
        self._borrowed.give_back()

    def commit(self) -> None:
        """Keep all of it.

        Raises:
            psycopg.Error: nothing of it was done.
            StoreError: nobody can say.
        """
        try:
            xid = self.do(_number)
            self._borrowed.connection.execute("COMMIT")
        except psycopg.Error as error:
            self.roll_back()
            if self._failed is not None or not is_lost(error):
                raise
            self._find_out(xid, error)
        except BaseException:
            self.roll_back()
            raise
        else:
            self._borrowed.give_back()

    def _find_out(self, xid: str | None, broken: psycopg.Error) -> None:
        """The connection broke while it was committed: ask the server what became of it."""
        if xid is None:
            return  # it changed nothing
        for pause in (*pauses(), None):
            fate = self._fate(xid)
            if fate == "committed":
                return
            if fate == "aborted":
                raise broken
            if pause is not None:
                time.sleep(pause)
        raise StoreError(
            f"{self._connections.place.shown}: the connection broke while it was written, and nobody can say whether "
            "it was",
            hint="look once the database is back",
        )

    def _fate(self, xid: str) -> str | None:
        try:
            borrowed = self._connections.borrow()
        except psycopg.Error:
            return None
        try:
            row = Session(borrowed.connection).row("SELECT pg_xact_status(%(xid)s::xid8) AS fate", {"xid": xid})
        except psycopg.Error:
            return None
        finally:
            borrowed.give_back()
        return row["fate"] if row else None


def _number(session: Session) -> str | None:
    """The transaction's own, if it wrote anything."""
    row = session.row("SELECT pg_current_xact_id_if_assigned()::text AS xid")
    return row["xid"] if row else None
