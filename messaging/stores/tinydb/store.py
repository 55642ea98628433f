"""The embedded store, put together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from messaging.clock import Clock
from messaging.errors import InputError, StoreError
from messaging.nouns.template import TemplateVersion
from messaging.stores.base import Store
from messaging.stores.made import Made
from messaging.stores.tinydb.addresses import TinyAddresses
from messaging.stores.tinydb.campaigns import TinyCampaigns
from messaging.stores.tinydb.contents import TinyContents
from messaging.stores.tinydb.customers import TinyCustomers
from messaging.stores.tinydb.disk import Disk, disk_error
from messaging.stores.tinydb.engagements import TinyEngagements
from messaging.stores.tinydb.events import TinyEvents
from messaging.stores.tinydb.format import VERSION
from messaging.stores.tinydb.outbox import TinyOutbox
from messaging.stores.tinydb.short_links import TinyShortLinks
from messaging.stores.tinydb.storage import JournalStorage
from messaging.stores.tinydb.table import JournalDB
from messaging.stores.tinydb.workers import Workers


class TinyStore(Store):
    """Everything in one file at `path`, and a few small ones beside it.

    `disk` and `seconds`, the clock that rates go by, are for tests.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        disk: Disk | None = None,
        made: Made | None = None,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        """Open it, or make an empty one when first written to, unless it was `made` before.

        Raises:
            StoreBroken: the file is damaged, and left as it is, or gone.
            StoreError: it cannot be read.
        """
        self.path = path
        self._seconds = seconds
        self._journal = JournalStorage(path, clock=clock, disk=disk, made=made)
        self._workers = Workers(path.parent / "workers")
        #: TinyDB, for scripts: its own methods work and are journalled.
        self.db = db = JournalDB(self._journal)
        self._versions = db.journal_table("versions")
        self._notes = db.journal_table("notes")
        self._buckets = db.journal_table("buckets")
        self.events = events = TinyEvents(db)
        self.products = events.products
        self.outbox = outbox = TinyOutbox(db)
        self.campaigns = campaigns = TinyCampaigns(db)
        self.addresses = addresses = TinyAddresses(db)
        self.engagements = engagements = TinyEngagements(db, outbox)
        self.short_links = short_links = TinyShortLinks(db)
        self.customers = TinyCustomers(
            db,
            events=events,
            outbox=outbox,
            campaigns=campaigns,
            addresses=addresses,
            engagements=engagements,
            short_links=short_links,
        )
        self.contents = TinyContents(self, db, campaigns=campaigns, workers=self._workers)
        try:
            self._journal.open()
        except BaseException:
            with suppress(StoreError):  # why it could not be opened is what is told
                self._journal.close()
            raise

    def transaction(self, *, shared: bool = False) -> AbstractContextManager[None]:
        return self._journal.changing()

    def put_version(self, version: TemplateVersion) -> None:
        with self._journal.changing():
            if version.version not in self._versions.documents:
                self._versions.put(version.version, version.to_document())

    def version(self, version: str) -> TemplateVersion | None:
        with self._journal.reading():
            document = self._versions.copy(version)
            return TemplateVersion.from_document(document) if document else None

    def versions(self) -> Iterator[TemplateVersion]:
        with self._journal.reading():
            keys = list(self._versions.documents)
        found = map(self.version, keys)
        return (version for version in found if version is not None)

    def get_notes(self, keys: Iterable[str]) -> dict[str, Any]:
        with self._journal.reading():
            found = ((key, self._notes.copy(key)) for key in keys)
            return {key: document["value"] for key, document in found if document}

    def put_note(self, key: str, value: Any) -> None:
        with self._journal.changing():
            if value is None:
                self._notes.drop([key])
            else:
                self._notes.put(key, {"value": value})

    def swap_note(self, key: str, old: Any, new: Any) -> bool:
        with self._journal.changing():
            if self.get_note(key) != old:
                return False
            self.put_note(key, new)
            return True

    def notes(self, prefix: str) -> dict[str, Any]:
        with self._journal.reading():
            keys = sorted(key for key in self._notes.documents if key.startswith(prefix))
            return {key: document["value"] for key, document in self._notes.copies(keys)}

    def take_tokens(self, bucket: str, wanted: int, *, rate: float, burst: int) -> tuple[int, float]:
        if rate <= 0:
            raise InputError(f"a bucket that fills at {rate} a second never has a token")
        with self._journal.changing(durable=False):
            # Not the monotonic clock: what is kept is read by other boots and machines, and each has one of its own.
            now = self._seconds()
            known = self._buckets.documents.get(bucket, {"tokens": burst, "at": now})
            passed = now - known["at"]
            tokens = min(float(burst), known["tokens"] + max(0.0, passed) * rate)
            taken = min(wanted, int(tokens))
            # A clock that was set back counts from where it stands, else nothing comes until it is there again.
            if taken or passed < 0:
                tokens -= taken
                self._buckets.put(bucket, {"tokens": tokens, "at": now})
            return taken, 0.0 if tokens >= 1 else (1 - tokens) / rate

    def give_back_tokens(self, bucket: str, number: int, *, burst: int) -> None:
        with self._journal.changing(durable=False):
            known = self._buckets.documents.get(bucket)
            if known is not None:
                self._buckets.put(bucket, {**known, "tokens": min(float(burst), known["tokens"] + number)})

    def enlist(self) -> str:
        try:
            return self._workers.enlist()
        except OSError as error:
            raise disk_error(self.path.parent / "workers", error) from None

    def is_alive(self, worker: str) -> bool:
        return self._workers.is_alive(worker)

    def dismiss(self, worker: str) -> None:
        self._workers.dismiss(worker)

    def refresh(self) -> None:
        self._journal.refresh()

    def health(self) -> dict[str, Any]:
        with self._journal.reading():
            # A new one may have no folder yet.
            there = next(place for place in (self.path, *self.path.parents) if place.exists())
            if not os.access(there, os.W_OK):
                raise StoreError(f"{self.path}: cannot be written", hint="look at the permissions")
            self._journal.check()
            return {
                "store": f"tinydb:{self.path}",
                "schema": f"{VERSION}",
                "customers": self.customers.count(),
                "messages": len(self.db.journal_table("messages").documents),
                "events": self.events.count(),
                "bytes": self._journal.size,
            }

    def tidy(self) -> None:
        self._journal.tidy()

    def compact(self) -> None:
        self._journal.compact()

    def close(self) -> None:
        self._workers.close()
        self._journal.close()
