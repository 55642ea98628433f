"""The pool of connections to one schema, and how each is prepared."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.pool import PoolProxiedConnection

from messaging.errors import StoreError
from messaging.stores.postgres.address import Place
from messaging.stores.postgres.values import JsonLoader, Texts, TextsDumper

#: Beats the database's, the role's and the environment's (PGTZ …). Some are not known to all servers.
_SET = """
SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wanted (name, value)
WHERE current_setting(name, true) IS NOT NULL
"""
#: Class of the advisory locks by which connections choose their shard of the counts.
_SHARDS = 0x6D736773
#: Two connections never have the same, so that they never wait for each other over a count. The numbers are made one by
#: one, as they are tried: were they named in FROM, the server would write down a million first, for each connection.
_TAKE_SHARD = """
SELECT set_config('messaging.shard', shard::text, false), pg_backend_pid()
FROM (SELECT generate_series(0, 1000000) AS shard) AS shards
WHERE pg_try_advisory_lock(%s, shard) LIMIT 1
"""
#: So that it is seen who has the store open.
_BE_THERE = "SELECT pg_advisory_lock_shared(%s)"


def make_engine(place: Place, **options: Any) -> Engine:
    """An engine whose connections have the place's settings."""

    def set_up(connection: Any, _record: object) -> None:
        connection.execute(_SET, [list(place.settings), list(place.settings.values())])
        connection.commit()

    engine = create_engine(place.url, connect_args=dict(place.connect_args), use_native_hstore=False, **options)
    event.listen(engine, "connect", set_up)
    return engine


class Connections:
    """At most `place.pool` at once. Each statement is a transaction of its own unless one is begun."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._closed = False
        #: The server's numbers of those that this process made.
        self.own: set[int] = set()
        self.engine = make_engine(
            place,
            isolation_level="AUTOCOMMIT",
            pool_size=place.pool,
            max_overflow=0,
            pool_timeout=place.timeout,
        )
        event.listen(self.engine, "connect", self._prepare)

    def borrow(self) -> Borrowed:
        """A connection, to be given back.

        Raises:
            psycopg.Error: the database cannot be reached.
            StoreError: the store is closed, or none becomes free.
        """
        if self._closed:
            raise StoreError(f"{self.place.shown}: the store is closed")
        try:
            return Borrowed(self.engine.raw_connection(), self)
        except NoneFree:
            raise StoreError(
                f"{self.place.shown}: all {self.place.pool} connections are in use",
                hint="allow more in the url of the store: ?pool=20",
            ) from None
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.Error):
                raise error.orig from None
            raise

    def keep(self) -> Borrowed:
        """A connection beside those of the pool, for long. It is ended, not given back."""
        borrowed = self.borrow()
        borrowed.detach()
        return borrowed

    def renew(self) -> None:
        """Forget those that wait in the pool: where one broke, the others will have."""
        self.engine.dispose()

    def close(self) -> None:
        """Close all."""
        self._closed = True
        self.engine.dispose()

    def forked(self) -> None:
        """Forget, in a new process, those of the old one, and leave them open there."""
        self.engine.dispose(close=False)
        self.own = set()

    def _prepare(self, connection: Any, _record: object) -> None:
        for kind in ("json", "jsonb"):
            connection.adapters.register_loader(kind, JsonLoader)
        connection.adapters.register_dumper(Texts, TextsDumper)
        self.own.add(connection.execute(_TAKE_SHARD, [_SHARDS]).fetchone()[1])
        connection.execute(_BE_THERE, [self.place.presence])


class Borrowed:
    """One connection, while somebody has it."""

    def __init__(self, proxy: PoolProxiedConnection, owner: Connections) -> None:
        self._proxy: PoolProxiedConnection | None = proxy
        self._owner = owner
        connection = proxy.driver_connection
        assert isinstance(connection, psycopg.Connection)
        self.connection: psycopg.Connection[Any] = connection

    def detach(self) -> None:
        """Take it out of the pool."""
        if self._proxy is not None:
            self._proxy.detach()

    def end(self) -> None:
        """Close it."""
        self.connection.close()

    def give_back(self) -> None:
        """What it has begun and not committed is undone."""
        proxy, self._proxy = self._proxy, None
        if proxy is None:
            return
        try:
            status = self.connection.info.transaction_status
            if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                self.connection.execute("ROLLBACK")
                status = TransactionStatus.IDLE
        except psycopg.Error:
            status = TransactionStatus.UNKNOWN
        if status != TransactionStatus.IDLE:
            # An interrupt in the middle of a statement, or it broke.
            proxy.invalidate()
            self._owner.renew()
        else:
            proxy.close()
