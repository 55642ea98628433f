"""To be alone with a store that other processes may have open."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from messaging.errors import InUse, StoreError
from messaging.stores.postgres.connections import Borrowed
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.faults import pauses
from messaging.stores.postgres.session import Session

#: Connections to the same schema: each has a shared lock for that (`connections`).
_OTHERS = """
SELECT DISTINCT pid, CASE
    -- Of another role's connection nothing is told, unless one may see it all.
    WHEN backend_start IS NULL THEN 'somewhere that this role may not see'
    ELSE coalesce(host(client_addr), 'its own machine')
END AS host
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint = %(high)s AND objid::bigint = %(low)s
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT pid = ANY(%(own)s)
ORDER BY host, pid
"""
_TAKE = "SELECT pg_try_advisory_lock(%(key)s) AS taken"
_FREE = "SELECT CASE WHEN pg_try_advisory_lock_shared(%(key)s) THEN pg_advisory_unlock_shared(%(key)s) END AS free"
_STOP = "stop `messaging serve`, workers and all other commands, on all machines, then try again"


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Inside, nobody else is there, and no transaction begins that decides or sends: it waits, and fails at last.

    Raises:
        InUse: others have the store open.
        StoreError: afterwards: others were not kept out all the while.
    """
    held = database.again(lambda: _take(database))
    try:
        yield
        try:
            Session(held.connection).run("SELECT")
        except psycopg.Error:
            raise StoreError(
                f"{database.place.shown}: the connection that kept others out was lost, so it may have been changed",
                hint="say it once more: what is there is compared",
            ) from None
    finally:
        held.end()


def _take(database: Database) -> Borrowed:
    """A connection that has the lock of transactions, and is in none: in one it must not be idle for long."""
    place, connections = database.place, database.connections
    held = connections.keep()
    try:
        session, key = Session(held.connection), place.presence & (2**64 - 1)
        # Before it is looked who is there: whoever comes later finds that it is taken.
        free = _took(session, place.solitude)
        values = {"high": key >> 32, "low": key & 0xFFFFFFFF, "own": sorted(connections.own)}
        others = session.rows(_OTHERS, values)
        if others:
            hosts = ", ".join(dict.fromkeys(row["host"] for row in others))
            raise InUse(f"{place.shown}: others have it open ({len(others)} connections, from {hosts})", hint=_STOP)
        if not (free and _took(session, place.lock)):
            raise InUse(f"{place.shown}: another process is changing it", hint=_STOP)
    except BaseException:
        held.end()
        raise
    return held


def _took(session: Session, key: int) -> bool:
    """Whether this connection could take that lock, and has it now."""
    row = session.row(_TAKE, {"key": key})
    return row is not None and bool(row["taken"])


def check_free(database: Database) -> None:
    """See that nobody is alone with it; whoever wants to be from now on sees that we are there.

    Raises:
        InUse: somebody is, and not only to find out that they are not.
    """
    key = {"key": database.place.solitude}
    for pause in (*pauses(), None):
        row = database.read(lambda session: session.row(_FREE, key))
        if row is not None and row["free"]:
            return
        if pause is not None:
            time.sleep(pause)
    raise InUse(
        f"{database.place.shown}: all of it is being brought to another one",
        hint="wait until that is done: messaging store status says where it is then",
    )
