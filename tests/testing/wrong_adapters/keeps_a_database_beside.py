"""Writes what it sent into a database where the program happens to run.

Caught by test_everything_is_closed: keep files in self.context.workspace
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        with closing(sqlite3.connect("pigeon.db")) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS sent (id)")
            database.execute("INSERT INTO sent VALUES (?)", [message.id])
        return super().send(message)
