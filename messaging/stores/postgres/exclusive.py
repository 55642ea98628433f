"""To be alone with a store that other processes may have open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from messaging.errors import InUse
from messaging.stores.postgres.connections import Borrowed
from messaging.stores.postgres.database import Database
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
_STOP = "stop `messaging serve`, workers and all other commands, on all machines, then try again"


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Inside, nobody else is there, and no transaction begins that decides or sends: it waits, and fails at last.

    Raises:
        InUse: others have the store open.
    """
    held = database.again(lambda: _take(database))
    try:
        yield
    finally:
        held.end()


def _take(database: Database) -> Borrowed:
    """A connection that has the lock of transactions, and is in none: in one it must not be idle for long."""
    place, connections = database.place, database.connections
    held = connections.keep()
    try:
        session, key = Session(held.connection), place.presence & (2**64 - 1)
        values = {"high": key >> 32, "low": key & 0xFFFFFFFF, "own": sorted(connections.own)}
        others = session.rows(_OTHERS, values)
        if others:
            hosts = ", ".join(dict.fromkeys(row["host"] for row in others))
            raise InUse(f"{place.shown}: others have it open ({len(others)} connections, from {hosts})", hint=_STOP)
        row = session.row("SELECT pg_try_advisory_lock(%(key)s) AS taken", {"key": place.lock})
        if row is None or not row["taken"]:
            raise InUse(f"{place.shown}: another process is changing it", hint=_STOP)
    except BaseException:
        held.end()
        raise
    return held
