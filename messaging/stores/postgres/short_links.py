"""Short links by their codes."""

from __future__ import annotations

from collections.abc import Sequence

from messaging.nouns.links import ShortLink
from messaging.stores.links import ShortLinks
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.table import Table
from messaging.stores.postgres.values import askable

LINKS = Table(
    "short_links",
    {
        **dict.fromkeys(("code", "message_id", "version", "purpose"), "text"),
        **dict.fromkeys(("slot", "turn"), "integer"),
        "target": "text",
    },
    empty={"slot": 0, "turn": 0, "version": "", "purpose": "", "message_id": ""},
)


class PostgresShortLinks(ShortLinks):
    """The `short_links` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, links: Sequence[ShortLink]) -> list[ShortLink]:
        if not links:
            return []
        first: dict[str, ShortLink] = {}
        for link in links:
            first.setdefault(link.code, link)
        rows = [LINKS.row({"code": link.code, **link.to_document()}) for link in first.values()]

        def add(session: Session) -> dict[str, ShortLink]:
            session.insert("short_links", LINKS.columns, rows, "ON CONFLICT (code) DO NOTHING")
            return _get(session, list(first))

        kept = self._database.write(add)
        return [link for link in links if kept[link.code] != link]

    def get(self, code: str) -> ShortLink | None:
        codes = askable([code])
        return self._database.read(lambda session: _get(session, codes)).get(code)


def _get(session: Session, codes: list[str]) -> dict[str, ShortLink]:
    rows = session.rows("SELECT * FROM short_links WHERE code = ANY(%(codes)s)", {"codes": codes}) if codes else []
    return {row["code"]: link_of(row) for row in rows}


def link_of(row: Row) -> ShortLink:
    """The short link in a row."""
    return ShortLink(**{name: row[name] for name in LINKS.columns})


def forget_links(session: Session, customer_id: str) -> None:
    """Leave of the links of a customer's messages what all of their version have in common."""
    session.run(
        "UPDATE short_links SET target = NULL WHERE target IS NOT NULL "
        "AND message_id IN (SELECT id FROM messages WHERE customer_id = %(id)s)",
        {"id": customer_id},
    )
