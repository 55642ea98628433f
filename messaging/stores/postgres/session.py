"""Statements on one connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
#: From so many rows on they go in by COPY: below, making the table they are copied to costs more than it saves.
COPIED = 30


class Session:
    """One connection, in a transaction or not."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection

    def rows(self, statement: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        """The rows that a statement returns."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def tuples(self, statement: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The same, each row's values in order: for what is read by the million."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def row(self, statement: str, values: Mapping[str, Any] | None = None) -> Row | None:
        """The only row, or the first."""
        return next(iter(self.rows(statement, values)), None)

    def run(self, statement: str, values: Mapping[str, Any] | None = None) -> int:
        """How many rows a statement changed."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.rowcount

    @contextmanager
    def without_timeout(self) -> Iterator[None]:
        """Inside, a statement may take as long as it takes; not in a transaction."""
        was = self.row("SELECT current_setting('statement_timeout') AS was")
        self.run("SET statement_timeout = 0")
        try:
            yield
        finally:
            self.run("SELECT set_config('statement_timeout', %(was)s, false)", was)

    def count(self, table: str) -> int:
        """How many rows are in `customers`, `events` or `messages`, which the database keeps count of."""
        row = self.row(
            "SELECT coalesce(sum(number), 0)::bigint AS number FROM row_counts WHERE name = %(name)s", {"name": table}
        )
        return int(row["number"]) if row else 0

    def insert(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Sequence[Any]], conflict: str = ""
    ) -> list[tuple[Any, ...]]:
        """Insert `rows` (values by `columns`: name -> type) in their order; `conflict` is what follows the values.

        Returns what `conflict` says is returned.
        """
        if not rows:
            return []
        names = ", ".join(columns)
        if len(rows) < COPIED:
            arrays = ", ".join(f"%({name})s::{_carried(kind)}[]" for name, kind in columns.items())
            back = ", ".join(f"{name}::{kind}" if _carried(kind) != kind else name for name, kind in columns.items())
            source = f"SELECT {back} FROM unnest({arrays}) WITH ORDINALITY AS told ({names}, nth) ORDER BY nth"
            values: Mapping[str, Any] | None = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
        else:
            self._copy(table, columns, rows)
            source, values = f"SELECT {names} FROM incoming_{table} ORDER BY nth", None
        statement = f"INSERT INTO {table} ({names}) {source} {conflict}"
        if "RETURNING" in conflict:
            return self.tuples(statement, values)
        self.run(statement, values)
        return []

    def _copy(self, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
        kinds = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        with self.connection.cursor() as cursor:
            name = f"incoming_{table}"
            cursor.execute(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} ({kinds}, nth serial) ON COMMIT DELETE ROWS;"
                f"DELETE FROM {name}"
            )
            with cursor.copy(f"COPY {name} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)


def _carried(kind: str) -> str:
    """The type in which a column travels in an array: JSON as text, which psycopg passes on as it is."""
    return "text" if kind in ("json", "jsonb") else kind
