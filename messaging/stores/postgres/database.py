"""The database, as the collections use it.

A method outside of a transaction is one of its own, and is tried again if a deadlock or a lost connection undid it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakSet

import psycopg
from psycopg.rows import dict_row

from messaging.stores.postgres.address import Place
from messaging.stores.postgres.connections import Connections
from messaging.stores.postgres.faults import is_lost, is_undone, pauses, told
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.transaction import Transaction

T = TypeVar("T")
#: Rows of a stream that are fetched at once.
STREAMED = 1000
log = logging.getLogger(__name__)


class _Mine(threading.local):
    """What is this thread's own."""

    transaction: Transaction | None = None


class Database:
    """One schema of a database. May be used from several threads."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.connections = Connections(place)
        self._mine = _Mine()
        self._at_fork: list[Callable[[], None]] = []
        _OPEN.add(self)

    def rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """Read by one statement."""
        return self.read(lambda session: session.rows(statement, values))

    def tuples(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """See `Session.tuples`."""
        return self.read(lambda session: session.tuples(statement, values))

    def read(self, work: Callable[[Session], T], *, in_order: bool = False) -> T:
        """Do what changes nothing, each statement by itself.

        `in_order`: an index has the rows in the order they are wanted in, and the planner must not sort: right after a
        campaign was planned it still believes that nothing is.
        """
        mine = self._mine.transaction
        if mine is not None:
            return self._within(mine, work)
        return self.again(lambda: self._in_order(work) if in_order else self._alone(work))

    def snapshot(self, work: Callable[[], T]) -> T:
        """Let all that `work` reads by this database be of one moment."""
        if self._mine.transaction is not None:
            return work()

        def once() -> T:
            transaction = self._mine.transaction = Transaction(self.connections, lock="snapshot", durable=True)
            try:
                return work()
            finally:
                self._mine.transaction = None
                transaction.roll_back()

        return self.again(once)

    def stream(self, statement: str, values: Mapping[str, Any] | None = None) -> Iterator[Row]:
        """The rows of one statement as of when it begins, a page at a time, by a connection of its own."""
        try:
            borrowed = self.connections.borrow()
            try:
                connection = borrowed.connection
                connection.execute("BEGIN READ ONLY; SET LOCAL statement_timeout = 0")
                with connection.cursor("rows", row_factory=dict_row) as cursor:
                    cursor.itersize = STREAMED
                    yield from cursor.execute(statement, values)
            finally:
                borrowed.give_back()
        except psycopg.Error as error:
            raise told(error, self.place.shown) from None

    def write(
        self, work: Callable[[Session], T], *, serial: bool = False, durable: bool = True, in_order: bool = False
    ) -> T:
        """Do all of `work` or nothing; more than once, should the first time have been undone.

        `serial`: it changes what transactions go by, so it waits for them, and they for it. Not `durable`: the death of
        the server may undo it after it was done. `in_order`: see `read`.
        """
        mine = self._mine.transaction
        if mine is not None:
            return self._within(mine, work)

        def once() -> T:
            lock = "alone" if serial else "free"
            transaction = Transaction(self.connections, lock=lock, durable=durable, in_order=in_order)
            try:
                result = transaction.do(work)
            except BaseException:
                transaction.roll_back()
                raise
            transaction.commit()
            return result

        return self.again(once)

    @contextmanager
    def transaction(self, *, shared: bool = False) -> Iterator[None]:
        """See `Store.transaction`. Its beginning is tried again; what is done in it is the caller's."""
        mine = self._mine.transaction
        if mine is not None:
            with mine.part():
                yield
            return
        lock = "shared" if shared else "alone"
        mine = self.again(lambda: Transaction(self.connections, lock=lock, durable=True))
        self._mine.transaction = mine
        try:
            yield
        except BaseException:
            mine.roll_back()
            raise
        finally:
            self._mine.transaction = None
        try:
            mine.commit()
        except psycopg.Error as error:
            raise told(error, self.place.shown) from None
        for work in mine.afterwards:
            work()

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do `work` when this thread's transaction is committed; now, if there is none."""
        mine = self._mine.transaction
        if mine is not None:
            mine.afterwards.append(work)
        else:
            work()

    def alone(self, work: Callable[[Session], T]) -> T:
        """Do what cannot be part of a transaction (VACUUM), and may be done twice."""
        return self.again(lambda: self._alone(work))

    def again(self, work: Callable[[], T]) -> T:
        """`work`, tried again as often as that may help. Raises InputError, StoreError."""
        for pause in (*pauses(), None):
            try:
                return work()
            except psycopg.Error as error:
                if pause is None or not (is_undone(error) or is_lost(error)):
                    raise told(error, self.place.shown) from None
                log.info("%s: %s; trying again", self.place.shown, type(error).__name__)
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        """Close all connections."""
        self.connections.close()

    def at_fork(self, work: Callable[[], None]) -> None:
        """Do `work` in a new process, too."""
        self._at_fork.append(work)

    def forked(self) -> None:
        """Forget, in a new process, what is the old one's."""
        self.connections.forked()
        self._mine = _Mine()
        for work in self._at_fork:
            work()

    def _within(self, mine: Transaction, work: Callable[[Session], T]) -> T:
        try:
            return mine.do(work)
        except psycopg.Error as error:
            if mine.is_snapshot:
                raise  # to be tried again
            raise told(error, self.place.shown) from None

    def _alone(self, work: Callable[[Session], T]) -> T:
        borrowed = self.connections.borrow()
        try:
            return work(Session(borrowed.connection))
        finally:
            borrowed.give_back()

    def _in_order(self, work: Callable[[Session], T]) -> T:
        """What the planner is told holds for a transaction, though nothing is written in it."""
        transaction = Transaction(self.connections, lock="snapshot", durable=True, in_order=True)
        try:
            return transaction.do(work)
        finally:
            transaction.roll_back()


#: All that are open, for a fork.
_OPEN: WeakSet[Database] = WeakSet()


def _forked() -> None:
    for database in list(_OPEN):
        database.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
