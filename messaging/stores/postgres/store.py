"""The store on PostgreSQL, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from messaging.errors import InputError
from messaging.nouns.template import TemplateVersion
from messaging.stores.base import Store
from messaging.stores.made import Made
from messaging.stores.postgres.access import check_writable
from messaging.stores.postgres.address import Place
from messaging.stores.postgres.addresses import PostgresAddresses
from messaging.stores.postgres.campaigns import PostgresCampaigns
from messaging.stores.postgres.contents import PostgresContents
from messaging.stores.postgres.customers import PostgresCustomers
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.engagements import PostgresEngagements
from messaging.stores.postgres.events import PostgresEvents
from messaging.stores.postgres.outbox import PostgresOutbox
from messaging.stores.postgres.products import PostgresProducts
from messaging.stores.postgres.schema import open_schema
from messaging.stores.postgres.session import Session
from messaging.stores.postgres.short_links import PostgresShortLinks
from messaging.stores.postgres.soundness import mend
from messaging.stores.postgres.upkeep import TABLES, fold_counts, vacuum
from messaging.stores.postgres.values import askable, to_json
from messaging.stores.postgres.workers import Workers
from messaging.stores.values import pack

#: Template versions that are read at once: one may be large.
VERSIONS = 50


class PostgresStore(Store):
    """Everything in one schema of a database."""

    def __init__(self, place: Place, *, made: Made | None = None) -> None:
        """Open it, or make it if its schema is empty, unless it was `made` before.

        Raises:
            StoreBroken: the schema is somebody else's, another release's, or gone.
            StoreError: the database cannot be reached.
        """
        self._database = database = Database(place)
        try:
            step = open_schema(database, made)
        except BaseException:
            database.close()
            raise
        self._workers = workers = Workers(database)
        database.at_fork(workers.forked)
        self.events = events = PostgresEvents(database)
        self.products = PostgresProducts(database)
        self.outbox = PostgresOutbox(database, workers)
        self.campaigns = PostgresCampaigns(database)
        self.addresses = addresses = PostgresAddresses(database)
        self.engagements = PostgresEngagements(database)
        self.short_links = PostgresShortLinks(database)
        self.customers = PostgresCustomers(database, events=events, addresses=addresses, has_sums=step >= "0002")
        self.contents = PostgresContents(self, database)

    def transaction(self, *, shared: bool = False) -> AbstractContextManager[None]:
        return self._database.transaction(shared=shared)

    def put_version(self, version: TemplateVersion) -> None:
        document = version.to_document()
        pack(document, "versions")
        values = {"version": version.version, "document": to_json(document)}
        statement = "INSERT INTO versions (version, document) VALUES (%(version)s, %(document)s) ON CONFLICT DO NOTHING"
        if self.version(version.version) is None:  # else each time would take a number
            self._database.write(lambda session: session.run(statement, values))

    def version(self, version: str) -> TemplateVersion | None:
        statement = "SELECT document FROM versions WHERE version = ANY(%(versions)s)"
        rows = self._database.rows(statement, {"versions": askable([version])})
        return TemplateVersion.from_document(rows[0]["document"]) if rows else None

    def versions(self) -> Iterator[TemplateVersion]:
        statement = "SELECT seq, document FROM versions WHERE seq > %(after)s ORDER BY seq LIMIT %(page)s"
        after = 0
        while rows := self._database.rows(statement, {"after": after, "page": VERSIONS}):
            after = rows[-1]["seq"]
            yield from (TemplateVersion.from_document(row["document"]) for row in rows)

    def get_notes(self, keys: Iterable[str]) -> dict[str, Any]:
        statement = "SELECT key, value FROM notes WHERE key = ANY(%(keys)s)"
        return dict(self._database.tuples(statement, {"keys": askable(keys)}))

    def put_note(self, key: str, value: Any) -> None:
        pack({key: value}, "notes")
        values = {"key": key, "value": to_json(value)}
        if value is None:
            statement = "DELETE FROM notes WHERE key = %(key)s"
        else:
            statement = """
                INSERT INTO notes VALUES (%(key)s, %(value)s) ON CONFLICT (key) DO UPDATE SET value = excluded.value
            """
        self._database.write(lambda session: session.run(statement, values), serial=True)

    def swap_note(self, key: str, old: Any, new: Any) -> bool:
        pack({key: new}, "notes")
        values = {"key": key, "old": to_json(old), "new": to_json(new)}
        if old is None and new is None:
            return self.get_note(key) is None
        if old is None:
            statement = "INSERT INTO notes VALUES (%(key)s, %(new)s) ON CONFLICT DO NOTHING"
        elif new is None:
            statement = "DELETE FROM notes WHERE key = %(key)s AND value::text = %(old)s"
        else:
            statement = "UPDATE notes SET value = %(new)s WHERE key = %(key)s AND value::text = %(old)s"
        return self._database.write(lambda session: session.run(statement, values)) == 1

    def notes(self, prefix: str) -> dict[str, Any]:
        statement = "SELECT key, value FROM notes WHERE starts_with(key, %(prefix)s) ORDER BY key"
        return {row["key"]: row["value"] for row in self._database.rows(statement, {"prefix": prefix})}

    def take_tokens(self, bucket: str, wanted: int, *, rate: float, burst: int) -> tuple[int, float]:
        if rate <= 0:
            raise InputError(f"a bucket that fills at {rate} a second never has a token")
        values = {"bucket": bucket, "wanted": wanted, "rate": rate, "burst": float(burst)}

        def take(session: Session) -> tuple[int, float]:
            session.run(_MAKE, values)
            row = session.row(_TAKE, values)
            assert row is not None
            left = row["tokens"]
            return row["taken"], 0.0 if left >= 1 else (1 - left) / rate

        return self._database.write(take, durable=False)

    def give_back_tokens(self, bucket: str, number: int, *, burst: int) -> None:
        statement = "UPDATE buckets SET tokens = least(%(burst)s, tokens + %(number)s) WHERE bucket = %(bucket)s"
        values = {"bucket": bucket, "number": number, "burst": float(burst)}
        self._database.write(lambda session: session.run(statement, values), durable=False)

    def enlist(self) -> str:
        return self._workers.enlist()

    def is_alive(self, worker: str) -> bool:
        return self._workers.is_alive(worker)

    def dismiss(self, worker: str) -> None:
        self._workers.dismiss(worker)

    def health(self) -> dict[str, Any]:
        def look(session: Session) -> dict[str, Any]:
            place = self._database.place
            check_writable(session, place)
            row = session.row(_HEALTH, {"schema": place.schema})
            assert row is not None
            return {
                "store": place.shown,
                **{name: session.count(name) for name in ("customers", "messages", "events")},
                **row,
            }

        return self._database.read(look)

    def compact(self) -> None:
        mend(self._database)
        fold_counts(self._database)
        vacuum(self._database, TABLES, analyze=True)

    def tidy(self) -> None:
        fold_counts(self._database)

    def close(self) -> None:
        self._workers.close()
        self._database.close()


_MAKE = "INSERT INTO buckets VALUES (%(bucket)s, %(burst)s, clock_timestamp()) ON CONFLICT DO NOTHING"
#: What a bucket has by now, less what is taken. By the server's clock, which all processes share.
_TAKE = """
UPDATE buckets SET tokens = now.tokens - now.taken, at = now.at
FROM (
    SELECT bucket, filled.tokens, filled.at, least(%(wanted)s, floor(filled.tokens))::integer AS taken
    FROM (SELECT bucket, tokens, at FROM buckets WHERE bucket = %(bucket)s FOR UPDATE) AS known,
    LATERAL (SELECT clock_timestamp() AS at) AS clock,
    LATERAL (SELECT clock.at, least(
        %(burst)s, known.tokens + greatest(0, extract(epoch FROM clock.at - known.at))::float8 * %(rate)s
    ) AS tokens) AS filled
) AS now
WHERE buckets.bucket = now.bucket
RETURNING buckets.tokens, now.taken
"""
_HEALTH = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint AS bytes,
    current_setting('server_version') AS server,
    (SELECT version_num FROM alembic_version) AS schema,
    (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections
FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind = 'r'
"""
