"""An adapter that is right, and puts its messages into a database, in the folder that its settings name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from messaging import Adapter, AdapterSettings, Receipt, RenderedMessage


class PigeonSettings(AdapterSettings):
    """`[adapters.pigeon]`"""

    folder: str = "pigeons"


class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    leaves_the_machine = False
    Settings = PigeonSettings

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            yield self.put(message)

    def put(self, message: RenderedMessage) -> Receipt:
        if message.headers:
            return Receipt.refused(message.id, "a pigeon carries no headers")
        folder = Path(self.context.workspace) / self.settings.folder  # or elsewhere, where that is absolute
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(folder / "pigeons.db", timeout=self.context.timeout)) as database, database:
            database.execute("PRAGMA synchronous = OFF")  # it is quick, and lost in a power cut
            database.execute("CREATE TABLE IF NOT EXISTS pigeons (id PRIMARY KEY, roof, text)")
            row = (message.id, message.to, message.parts["body"])
            database.execute("INSERT OR REPLACE INTO pigeons VALUES (?, ?, ?)", row)
        return Receipt.accepted(message.id)
