"""Short links by their codes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from messaging.nouns.links import ShortLink
from messaging.stores.links import ShortLinks
from messaging.stores.tinydb.rows import Groups
from messaging.stores.tinydb.table import JournalDB


class TinyShortLinks(ShortLinks):
    """The `short_links` table."""

    def __init__(self, db: JournalDB) -> None:
        self._by_message = Groups("message_id")
        self._table = db.journal_table(
            "short_links", indexes=(self._by_message,), shared=("message_id", "version", "purpose", "target")
        )
        self._journal = db.journal

    def add(self, links: Sequence[ShortLink]) -> list[ShortLink]:
        if not links:
            return []
        taken = []
        with self._journal.changing():
            for link in links:
                document, known = link.to_document(), self._table.documents.get(link.code)
                if known is None:
                    self._table.put(link.code, document)
                elif known != document:
                    taken.append(link)
        return taken

    def get(self, code: str) -> ShortLink | None:
        with self._journal.reading():
            document = self._table.copy(code)
            return ShortLink.from_document(code, document) if document else None

    # For the other repositories, inside `reading` or `changing`.

    def forget(self, message_ids: Iterable[str]) -> None:
        """Leave of the links of messages what all of their version have in common."""
        for message_id in message_ids:
            self._table.patch(list(self._by_message.of(message_id)), {"target": None})
