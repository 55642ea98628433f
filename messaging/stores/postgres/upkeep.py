"""What the database must be asked to do beside keeping rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from messaging.errors import StoreError, Uncompacted
from messaging.stores.postgres.access import check_vacuumed
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.messages import fold_message_counts
from messaging.stores.postgres.session import Session

#: All tables that change.
TABLES = (
    *("customers", "consents", "suppressions", "events", "erased_events", "orders", "order_skus", "order_sums"),
    *("messages", "campaigns", "members", "engagements", "short_links", "notes", "row_counts", "message_counts"),
)


def scrub(database: Database, tables: Iterable[str]) -> None:
    """Once this thread's transaction is through: let nothing be read any more, by any tool, of rows that are gone.

    Raises:
        Uncompacted: they are gone, but the tables could not be vacuumed.
    """
    database.afterwards(partial(_vacuum, database, tuple(tables)))


def _vacuum(database: Database, tables: Sequence[str]) -> None:
    try:
        vacuum(database, tables)
    except StoreError as error:
        raise Uncompacted(error.message, hint=error.hint or "messaging store compact") from error


def vacuum(database: Database, tables: Sequence[str], *, analyze: bool = False, surely: bool = True) -> None:
    """Give the space of dead rows back to their tables. Raises StoreError; not `surely`: no matter if it may not."""

    def work(session: Session) -> None:
        if surely:
            check_vacuumed(session, database.place, tables)
        with session.without_timeout():
            for table in _there(session, tables):
                session.run(f"VACUUM ({'ANALYZE, ' if analyze else ''}TRUNCATE false) {table}")

    database.alone(work)


def _there(session: Session, tables: Iterable[str]) -> list[str]:
    """Those that the schema's step has."""
    statement = "SELECT name FROM unnest(%(names)s::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
    return [row["name"] for row in session.rows(statement, {"names": list(tables)})]


def fold_counts(database: Database) -> None:
    """Add the counts of all connections up into one row each, and leave out what counts nothing.

    Each table in a transaction of its own: whoever writes down a new customer's first message has a lock on the one
    and then wants one on the other.
    """

    def fold_messages(session: Session) -> None:
        session.run("LOCK TABLE message_counts IN SHARE ROW EXCLUSIVE MODE")
        fold_message_counts(session)

    def fold_rows(session: Session) -> None:
        session.run("LOCK TABLE row_counts IN SHARE ROW EXCLUSIVE MODE")
        session.run(
            """
            WITH gone AS (DELETE FROM row_counts RETURNING *)
            INSERT INTO row_counts (name, shard, number) SELECT name, -1, sum(number) FROM gone GROUP BY name
            """
        )

    database.write(fold_messages)
    database.write(fold_rows)
