"""Whether a store can be kept in a database at all, and what this role may do there: a line that says what to change,
instead of whatever the first statement would run into."""

from __future__ import annotations

from collections.abc import Iterable

from messaging.errors import StoreError
from messaging.stores.postgres.address import Place
from messaging.stores.postgres.session import Session

_MAY_LOOK = """
SELECT quote_ident(current_user) AS role, nspname IS NULL OR has_schema_privilege(nspname, 'USAGE') AS usable
FROM (SELECT) AS always LEFT JOIN pg_namespace ON nspname = %(schema)s
"""
_WRITABLE = """
SELECT quote_ident(current_user) AS role, pg_is_in_recovery() AS standby,
    current_setting('transaction_read_only') = 'on' AS only_read,
    min(relname) FILTER (WHERE NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
        AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))) AS barred
FROM pg_class
WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind = 'r' AND relname <> 'alembic_version'
"""
#: Who may vacuum a table: its owner, the database's, and from PostgreSQL 17 on who was granted MAINTAIN.
_KEPT_BY_OTHERS = """
SELECT quote_ident(current_user) AS role, relname AS name, quote_ident(pg_get_userbyid(relowner)) AS owner
FROM pg_class JOIN pg_database ON datname = current_database()
WHERE relnamespace = to_regnamespace(%(schema)s) AND relname = ANY(%(tables)s)
    AND NOT (pg_has_role(relowner, 'USAGE') OR pg_has_role(datdba, 'USAGE'))
    AND NOT CASE WHEN current_setting('server_version_num')::integer >= 170000
        THEN has_table_privilege(pg_class.oid, 'MAINTAIN') ELSE false END
ORDER BY relname LIMIT 1
"""


def check_usable(session: Session, place: Place) -> None:
    """Raises StoreError: its encoding cannot hold every text, or this role may not look into the schema."""
    encoding = session.connection.info.parameter_status("server_encoding")
    if encoding not in ("UTF8", None):
        raise StoreError(
            f"{place.shown}: the database's encoding is {encoding}, which cannot hold every name",
            hint=f"make another: CREATE DATABASE {place.url.database}_2 ENCODING 'UTF8' TEMPLATE template0",
        )
    row = session.row(_MAY_LOOK, {"schema": place.schema})
    if row is not None and not row["usable"]:
        raise StoreError(
            f"{place.shown}: the role {row['role']} may not use the schema {place.schema}",
            hint=f"have its owner say: GRANT USAGE ON SCHEMA {place.schema} TO {row['role']}",
        )


def check_writable(session: Session, place: Place) -> None:
    """Raises StoreError: nothing can be written."""
    row = session.row(_WRITABLE, {"schema": place.schema})
    assert row is not None  # it has an aggregate
    if row["standby"]:
        raise StoreError(
            f"{place.shown}: nothing can be written: it is a standby",
            hint="name the primary, or all of them and ?target_session_attrs=read-write",
        )
    if row["only_read"]:
        raise StoreError(
            f"{place.shown}: nothing can be written: it is set to be read-only",
            hint=f"have its owner look at default_transaction_read_only of the database and of {row['role']}",
        )
    if row["barred"] is not None:
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {place.schema} TO {row['role']}"
        raise StoreError(
            f"{place.shown}: the role {row['role']} may not change the table {row['barred']}",
            hint=f"have its owner say: {grant}",
        )


def check_vacuumed(session: Session, place: Place, tables: Iterable[str]) -> None:
    """Raises StoreError: a VACUUM of one of these does nothing, of which PostgreSQL only warns."""
    row = session.row(_KEPT_BY_OTHERS, {"schema": place.schema, "tables": list(tables)})
    if row is not None:
        raise StoreError(
            f"{place.shown}: the role {row['role']} does not own the table {row['name']}, so it may not VACUUM it: "
            "what is gone from it still lies in the database's files",
            hint=f"have its owner say: GRANT {row['owner']} TO {row['role']}",
        )
