"""The TinyDB table: TinyDB's own methods over tables that stay in memory and a journal that is appended to.

TinyDB copies a table at every change and hands the copy to the storage. Here a change works on a draft that
copies the documents it looks at, and what differs afterwards is journalled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from tinydb import TinyDB
from tinydb.table import Table

from messaging.ids import random_id
from messaging.nouns.documents import Document
from messaging.stores.tinydb.rows import Index, Rows, copied
from messaging.stores.tinydb.storage import JournalStorage


class JournalTable(Table):
    """A table with text ids and indexes; `rows` is what is in memory."""

    document_id_class = str  # type: ignore[assignment] # TinyDB's methods leave it open, its annotations do not

    def __init__(
        self,
        storage: JournalStorage,
        name: str,
        cache_size: int = 0,
        *,
        indexes: Iterable[Index] = (),
        shared: Iterable[str] = (),
    ) -> None:
        """No query cache by default: what another process writes would not empty it."""
        self.journal = storage
        self.rows: Rows = storage.define(name, indexes, shared)
        super().__init__(storage, name, cache_size)

    # What the repositories use: no copies. Inside `reading` and `changing` only.

    @property
    def documents(self) -> Mapping[str, Document]:
        """The documents in memory, by key. Not to be changed."""
        return self.rows.documents

    def copy(self, key: str) -> Document | None:
        """The document of `key`, to keep and change."""
        document = self.rows.documents.get(key)
        return copied(document) if document is not None else None

    def copies(self, keys: Iterable[str]) -> Iterator[tuple[str, Document]]:
        """The documents of those `keys` that are there, to keep and change."""
        documents = self.rows.documents
        return ((key, copied(documents[key])) for key in keys if key in documents)

    def put(self, key: str, document: Mapping[str, Any]) -> None:
        """Insert or replace one."""
        self.journal.put(self.rows, key, document)

    def patch(self, keys: Iterable[str], fields: Mapping[str, Any]) -> None:
        """Set the same fields in several; None takes a field away."""
        self.journal.patch(self.rows, keys, fields)

    def drop(self, keys: Iterable[str]) -> None:
        """Remove several."""
        self.journal.drop(self.rows, keys)

    # TinyDB's extension points, under all of its own methods.

    def _read_table(self) -> dict[str, Mapping[str, Any]]:
        with self.journal.reading():
            return dict(self.rows.documents)

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        with self.journal.changing():
            draft = _Draft(self.rows.documents)
            updater(draft)
            self.journal.drop(self.rows, draft.dropped())
            for key, document in draft.copies.items():
                self.journal.put(self.rows, key, document)

    def _get_next_id(self) -> Any:
        return random_id()


class _Draft(MutableMapping[str, Document]):
    """A table to be changed at will: a document is copied when it is looked at, and may then be changed."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._before = documents
        #: What is new or was looked at, and may differ.
        self.copies: dict[str, Document] = {}
        self._gone: set[str] = set()

    def __getitem__(self, key: str) -> Document:
        if key not in self.copies:
            if key in self._gone:
                raise KeyError(key)
            self.copies[key] = copied(self._before[key])
        return self.copies[key]

    def __setitem__(self, key: str, document: Document) -> None:
        self._gone.discard(key)
        self.copies[key] = document

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.copies.pop(key, None)
        self._gone.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self.copies or (key in self._before and key not in self._gone)

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._before if key not in self._gone)
        yield from (key for key in self.copies if key not in self._before)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def dropped(self) -> list[str]:
        """Keys that were there and are not any more."""
        return [key for key in self._gone if key in self._before]


class JournalDB(TinyDB):
    """TinyDB with these two."""

    table_class = JournalTable  # type: ignore[assignment] # TinyDB means "a kind of", and says its own
    default_storage_class = JournalStorage  # type: ignore[assignment] # as above

    def __init__(self, storage: JournalStorage) -> None:
        super().__init__(storage=lambda: storage)
        self.journal = storage

    def journal_table(self, name: str, *, indexes: Iterable[Index] = (), shared: Iterable[str] = ()) -> JournalTable:
        """A table with indexes."""
        table = self.table(name, indexes=indexes, shared=shared)
        assert isinstance(table, JournalTable)
        return table
