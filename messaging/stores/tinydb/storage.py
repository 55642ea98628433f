"""The TinyDB storage: tables in memory over an append-only journal, shared by threads and processes.

TinyDB's own storages write the whole file at every change. This one keeps the tables in memory, follows what
other processes append, and appends one line for each transaction; so a change costs what it changes. Reading
takes no lock between processes; writing takes one for the length of the transaction.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
from tinydb.storages import Storage

from messaging.clock import Clock
from messaging.errors import StoreBroken, StoreError, Uncompacted
from messaging.nouns.documents import Document, time_to_text
from messaging.stores.made import Made
from messaging.stores.tinydb.compaction import Successor
from messaging.stores.tinydb.disk import Disk, disk_error
from messaging.stores.tinydb.format import Damaged, Operation
from messaging.stores.tinydb.journal import Journal
from messaging.stores.tinydb.locks import FileLock, ProcessLock, TurnLock
from messaging.stores.tinydb.rows import Index, Rows
from messaging.stores.values import check_text, pack

#: A journal shorter than this is left as it is.
_SMALL = 8 << 20
#: Seconds that a compaction waits for another process's. What it was to clean, the next start cleans.
_PATIENCE = 60.0
#: How often a journal that cannot be read is tried again: another process may be taking back a failed write.
_TRIES = 3

#: The table of the store itself: what must be done before anything else is.
_OWN = "store"
_SCRUB = "scrub"


class JournalStorage(Storage):
    """The tables at `path`. Made without touching the disk; read when first used."""

    def __init__(self, path: Path, *, clock: Clock, disk: Disk | None = None, made: Made | None = None) -> None:
        self.path = path
        self._clock = clock
        self._disk = disk or Disk()
        self._journal = Journal(path, self._disk, made)
        self._tables: dict[str, Rows] = {}
        # Taken in this order: one writer of this process, one of all, then memory. Readers take memory only.
        self._writer = TurnLock()
        self._processes = ProcessLock(path)
        self._memory = TurnLock()
        self._look = _Look(self)
        self._compactor = TurnLock()
        self._compacting = FileLock(path.with_name(path.name + ".compact"))
        self._undo: list[tuple[Rows, str, Document | None]] = []
        self._redo: list[tuple[str, str, Any]] = []
        self._durable = False
        self._compaction_wanted = False
        self._closed = False
        #: Asked when a transaction begins: whoever had the store before may have brought it elsewhere.
        self.check_first: Callable[[], object] | None = None

    # TinyDB's two methods.

    def read(self) -> dict[str, dict[str, Any]] | None:
        """All tables: the documents themselves, not to be changed."""
        with self.reading():
            return {name: rows.documents for name, rows in self._tables.items() if rows.documents} or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make the tables what `data` says. Only what differs is written."""
        with self.changing():
            for rows in list(self._tables.values()):
                wanted = data.get(rows.name, {})
                self.drop(rows, [key for key in rows.documents if key not in wanted])
            for name, documents in data.items():
                rows = self.rows(name)
                for key, document in documents.items():
                    self.put(rows, key, document)

    def close(self) -> None:
        """Bring everything to the disk and give the files back. Raises StoreError."""
        with self._writer:
            if self._closed:
                return
            try:
                if not self._journal.synced:
                    with self._exclusive():
                        self._journal.sync()
            except OSError as error:
                raise disk_error(self.path, error) from None
            finally:
                with self._memory:
                    self._closed = True
                    self._journal.close()
                self._processes.close()
                self._compacting.close()

    def open(self) -> None:
        """Read the journal, and tidy it.

        Raises:
            StoreBroken, StoreError: it cannot be read.
        """
        with self.reading():
            pass  # that reads it
        self.tidy()

    def tidy(self) -> None:
        """Compact it if much of it is history, or a scrub was left undone."""
        with self.reading():
            header = self._journal.header
            wasteful = header is not None and self.size > max(_SMALL, 3 * header.length)
            unfinished = _SCRUB in self.rows(_OWN).documents
        if wasteful or unfinished:
            try:
                self.compact(patience=0.0)
            except StoreError:
                pass  # a full or read-only disk, or another is at it: the journal as it is does as well

    # Reading and changing.

    def rows(self, name: str) -> Rows:
        """The table `name`, empty if there is none."""
        if name not in self._tables:
            self._tables[name] = Rows(name)
        return self._tables[name]

    def define(self, name: str, indexes: Iterable[Index], shared: Iterable[str]) -> Rows:
        """The table `name`, with indexes."""
        with self._memory:
            rows = self.rows(name)
            rows.define(indexes, shared)
            return rows

    def reading(self) -> AbstractContextManager[None]:
        """Inside, memory is as the last commit left it, whoever made it, and stays so."""
        return self._look

    def changing(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """A transaction: everything `put`, `patch`ed and `drop`ped inside, or nothing. Nests.

        `durable`: it is on the disk afterwards; else it survives this process, but not a power cut.

        Raises:
            StoreError: it could not be written, and nothing of it was done.
            Uncompacted: it was done, but the compaction that was to follow failed.
        """
        return _Step(self, durable) if self._writer.mine else self._transaction(durable)

    @contextmanager
    def _transaction(self, durable: bool) -> Iterator[None]:
        assert not self._memory.mine, "a change inside a look"
        with self._exclusive():
            self._durable, self._compaction_wanted = durable, False
            if self.check_first is not None:
                self.check_first()
            with _Step(self, durable):
                yield
                self._commit()
            wanted = self._compaction_wanted
        if wanted:
            try:
                self.compact()
            except StoreError as error:
                raise Uncompacted(error.message, hint=error.hint) from error

    def put(self, rows: Rows, key: str, document: Mapping[str, Any]) -> None:
        """Insert or replace. Inside `changing` only, like the other two. Raises InputError."""
        check_text(key, f"{rows.name}: a key")
        encoded, copy = pack(document, rows.name)
        old = rows.documents.get(key)
        # 1, 1.0 and True are equal, but not the same value.
        if old == copy and orjson.dumps(old) == encoded:
            return
        self._undo.append((rows, key, old))
        self._redo.append(("put", rows.name, (key, orjson.Fragment(encoded))))
        rows.set(key, rows.tidy(key, copy))

    def patch(self, rows: Rows, keys: Iterable[str], fields: Mapping[str, Any]) -> None:
        """Set `fields` in documents that are there; None takes a field away. Raises InputError."""
        present = [key for key in keys if key in rows.documents]
        if present:
            fields = rows.tidy("", pack(fields, rows.name)[1])
            self._redo.append(("patch", rows.name, (present, fields)))
            self._undo += [(rows, key, rows.documents[key]) for key in present]
            rows.patch(present, fields)

    def drop(self, rows: Rows, keys: Iterable[str]) -> None:
        """Remove documents; fine if they are not there."""
        for key in keys:
            old = rows.documents.get(key)
            if old is not None:
                self._redo.append(("drop", rows.name, key))
                self._undo.append((rows, key, old))
                rows.set(key, None)

    def refresh(self) -> None:
        """Take in what others wrote, a little at a time, so that the next call has little to wait for."""
        more = not self._memory.mine
        while more:
            with self._memory:
                more = self._catch_up(patience=0.005)

    def check(self) -> None:
        """See that it can be written to. Raises StoreError."""
        self._journal.check()

    def verify(self) -> None:
        """Read the whole file anew, and see that every line is as it was written. Raises StoreBroken, StoreError."""
        own = Journal(self.path, self._disk)
        try:
            if not own.missing():
                for _ in own.open():
                    pass
        finally:
            own.close()

    @property
    def size(self) -> int:
        """Bytes of the journal."""
        return self._journal.at.offset

    # Compaction.

    def scrub(self) -> None:
        """Inside `changing`: see to it that what is dropped is gone from all files afterwards.

        Should this process die before, whoever opens the store next does it.
        """
        self.put(self.rows(_OWN), _SCRUB, {"wanted": True})
        self._compaction_wanted = True

    def compact(self, *, patience: float | None = None) -> None:
        """Write the journal anew, without its history. Inside a transaction: when that has committed.

        Others go on reading and writing meanwhile; they wait only while the last lines are copied. If another
        process compacts, its end is waited for, `patience` seconds at most (60 if not said).

        Raises:
            StoreError: it could not be written, or the other took longer; the old journal stays.
        """
        if self._writer.mine:
            self._compaction_wanted = True
            return
        with self._compactor:
            try:
                with self._exclusive():  # there is a journal then, and this process may write it
                    self._journal.check()
                    self._journal.drop_torn_tail()
                self._compacting.acquire(
                    timeout=_PATIENCE if patience is None else patience, doing="been compacting the store"
                )
                try:
                    self._replace_journal()
                finally:
                    self._compacting.release()
            except OSError as error:
                raise disk_error(self.path, error) from None

    def _replace_journal(self) -> None:
        with self.reading():
            tables = list(self._tables.values())
            scrub = _SCRUB in self.rows(_OWN).documents
            new = Successor(self._journal, self._disk, time_to_text(self._clock.now()) or "")
        try:
            for rows in tables:
                keys = iter(list(rows.documents))
                while some := list(islice(keys, 500)):
                    with self.reading():
                        batch = {key: rows.documents[key] for key in some if key in rows.documents}
                    new.put(rows.name, batch)
            new.follow()
            new.sync()
            with self._exclusive():
                new.replace(self._journal, keep=not scrub)
        finally:
            new.close()
        if scrub:
            with self.changing():
                self.drop(self.rows(_OWN), [_SCRUB])

    # What happens inside.

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """The only writer, knowing everything."""
        with self._writer:
            self._check_open()
            with self._processes, self._memory:
                if self._journal.missing():
                    self._create()
                self._catch_up()
                yield

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self.path}: the store is closed")

    def _create(self) -> None:
        try:
            self._journal.create(time_to_text(self._clock.now()) or "")
        except OSError as error:
            raise disk_error(self.path, error) from None

    def _go_back(self, undo: int, redo: int, error: BaseException) -> None:
        """Undo what was done since there was so much to undo and to write."""
        for rows, key, old in reversed(self._undo[undo:]):
            rows.set(key, old)
        del self._undo[undo:], self._redo[redo:]
        if not isinstance(error, Exception):
            self._journal.header = None  # an interrupt may have come between a row and its index: read anew

    def _commit(self) -> None:
        if self._redo:
            operations = [
                operation
                for (kind, table), items in groupby(self._redo, key=itemgetter(0, 1))
                for operation in _operations(kind, table, [what for _, _, what in items])
            ]
            self._journal.append(orjson.dumps(operations), durable=self._durable)
        self._undo.clear()
        self._redo.clear()

    def _catch_up(self, patience: float = math.inf) -> bool:
        """Take in what others wrote, for about `patience` seconds; return whether there may be more.

        Raises:
            StoreError, StoreBroken: the journal cannot be read.
        """
        self._check_open()
        start = time.monotonic()
        try:
            news = self._journal.news()
            if news is None:
                self._load()
                return False
            for operations in news:
                self._apply(operations)
                if time.monotonic() - start > patience:
                    return True
        except Damaged:
            self._load()
        except OSError as error:
            self._journal.header = None
            raise disk_error(self.path, error) from None
        except BaseException:  # handed on
            self._journal.header = None  # a transaction may be half taken in: read anew
            raise
        return False

    def _load(self) -> None:
        """Read the whole journal. Collecting garbage meanwhile would only look at all the new rows."""
        collecting = gc.isenabled()
        gc.disable()
        try:
            for left in reversed(range(_TRIES)):
                for rows in self._tables.values():
                    rows.clear()
                try:
                    if not self._journal.missing():
                        for operations in self._journal.open():
                            self._apply(operations)
                    return
                except StoreBroken:
                    if not left:
                        raise
                    time.sleep(0.02)
        finally:
            if collecting:
                gc.enable()

    def _apply(self, operations: Iterable[Operation]) -> None:
        for kind, table, what, *fields in operations:
            rows = self.rows(table)
            if kind == "put":
                for key, document in what.items():
                    rows.set(key, rows.tidy(key, document))
            elif kind == "patch":
                # A row that is not there was dropped before the snapshot that this line follows.
                rows.patch(what, rows.tidy("", fields[0]))
            else:
                for key in what:
                    rows.set(key, None)


class _Look:
    """`JournalStorage.reading`. A class, and one object for all: there are a hundred for each event."""

    __slots__ = ("_storage",)

    def __init__(self, storage: JournalStorage) -> None:
        self._storage = storage

    def __enter__(self) -> None:
        memory = self._storage._memory
        inner = memory.mine
        memory.__enter__()
        if not inner:
            try:
                self._storage._catch_up()
            except BaseException as error:  # let go, and handed on
                memory.__exit__(type(error), error, error.__traceback__)
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._storage._memory.__exit__(kind, error, trace)


class _Step:
    """What is done in a transaction that runs: all of it, or nothing."""

    __slots__ = ("_durable", "_redo", "_storage", "_undo")

    def __init__(self, storage: JournalStorage, durable: bool) -> None:
        self._storage = storage
        self._durable = durable

    def __enter__(self) -> None:
        self._undo, self._redo = len(self._storage._undo), len(self._storage._redo)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._storage._go_back(self._undo, self._redo, error)
        else:
            self._storage._durable |= self._durable


def _operations(kind: str, table: str, items: list[Any]) -> list[Operation]:
    """The operations of one kind, one after another on one table, as few as can be."""
    if kind == "put":
        return [[kind, table, dict(items)]]
    if kind == "drop":
        return [[kind, table, items]]
    return [[kind, table, keys, fields] for keys, fields in items]
