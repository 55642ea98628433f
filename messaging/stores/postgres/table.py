"""How a noun's document is laid out in a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from messaging.stores.postgres.session import Row
from messaging.stores.postgres.values import to_json
from messaging.stores.values import pack

_JSON = ("json", "jsonb")


class Table:
    """A table whose columns are named as the fields of documents."""

    def __init__(
        self, name: str, columns: Mapping[str, str], *, empty: Mapping[str, Any] | None = None, **more: str
    ) -> None:
        """`columns`: field -> type; `empty`: what stands for a field that is left out, if not NULL; `more` are columns
        that no document has."""
        self.name = name
        self._fields = {field: kind in _JSON for field, kind in columns.items()}
        self.empty = dict(empty or {})
        self.columns = {**columns, **more}
        self.replaced = ", ".join(f"{field} = excluded.{field}" for field in self.columns)

    def row(self, document: Mapping[str, Any], *more: Any) -> tuple[Any, ...]:
        """The values of a document, in order of the columns, and `more`.

        Raises:
            InputError: it has what cannot be kept.
        """
        pack(document, self.name)
        document = {**self.empty, **document}
        values = (
            to_json(document.get(field)) if is_json else document.get(field) for field, is_json in self._fields.items()
        )
        return (*values, *more)

    def document(self, row: Row) -> dict[str, Any]:
        """The document that a row was made of."""
        found = {}
        for field in self._fields:
            value = row[field]
            if value is not None and value != {}:
                found[field] = value.isoformat() if isinstance(value, date) else value
        return found


def last_of_each(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Of rows with the same key, which is their first value, the last."""
    return list({row[0]: row for row in rows}.values())


def of_each(table: str, column: str, condition: str = "true") -> str:
    """What stands after FROM to read the rows of `table` in which `column` is one of `%(ids)s`.

    Each is looked for by itself. For all at once the planner reads the whole table while nobody has analyzed it: it
    believes that each is the value of one row in two hundred.
    """
    # OFFSET keeps the planner from making one join of it.
    found = f"SELECT * FROM {table} WHERE {column} = wanted AND {condition} OFFSET 0"
    return f"unnest(%(ids)s::text[]) AS wanted, LATERAL ({found}) AS {table}"
