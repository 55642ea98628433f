"""What stands in the files that an adapter writes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson

_SQLITE = b"SQLite format 3\0"
#: What SQLite keeps beside a database.
_BESIDE = ("-wal", "-shm", "-journal")


def things_in(path: Path) -> list[bytes]:
    """A file's content; of a database its rows, each as JSON: its pages cut long texts in pieces."""
    if path.name.endswith(_BESIDE) and path.with_name(path.name.rpartition("-")[0]).exists():
        return []
    content = path.read_bytes()
    if content.startswith(_SQLITE):
        try:
            return _rows(path)
        except sqlite3.Error:
            pass  # it is none, or broken: as it is, then
    return [content]


def _rows(path: Path) -> list[bytes]:
    found = []
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = database.execute('SELECT * FROM "{}"'.format(table.replace('"', '""')))  # noqa: S608 - it is quoted
            names = [column[0] for column in rows.description]
            found += [orjson.dumps(dict(zip(names, map(_plain, row), strict=True))) for row in rows]
    return found


def _plain(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
