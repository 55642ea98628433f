"""What came back from messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from messaging.ids import digest
from messaging.nouns.engagement import Engagement
from messaging.nouns.history import MessageFact
from messaging.rules.identity import Identity
from messaging.stores.base import Address, Engagements
from messaging.stores.counts import EngagementCount
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.summary import summarise
from messaging.stores.postgres.table import Table, of_each
from messaging.stores.postgres.values import askable, to_json
from messaging.stores.values import pack

ENGAGEMENTS = Table(
    "engagements",
    {
        **dict.fromkeys(("id", "kind", "message_id", "customer_id", "channel", "address", "source", "slot"), "text"),
        "at": "timestamptz",
        **dict.fromkeys(("permanent", "soft", "machine"), "boolean"),
        **dict.fromkeys(("reasons", "raw"), "json"),
    },
    empty={"permanent": False, "soft": False, "machine": False, "id": "", "source": ""},
    key="text",
    of_template="text",
    of_version="text",
    of_channel="text",
    of_campaign="text",
    of_test="boolean",
)
#: Of the message that it came back from.
_OF = "SELECT id, template, version, channel, campaign, lane = 3 AS test FROM messages WHERE id = ANY(%(ids)s)"
_NOBODYS = (None,) * 5


class PostgresEngagements(Engagements):
    """The `engagements` table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, engagements: Sequence[Engagement]) -> list[Engagement]:
        first: dict[str, Engagement] = {}
        for engagement in engagements:
            first.setdefault(digest("engagement", engagement.source, engagement.id), engagement)
        ids = askable({engagement.message_id for engagement in first.values() if engagement.message_id})
        documents = {key: engagement.to_document() for key, engagement in first.items()}
        for document in documents.values():
            pack(document, "engagements")

        def add(session: Session) -> list[str]:
            messages = {row.pop("id"): tuple(row.values()) for row in session.rows(_OF, {"ids": ids})}
            rows = [
                ENGAGEMENTS.row(document, key, *messages.get(document.get("message_id", ""), _NOBODYS))
                for key, document in documents.items()
            ]
            conflict = "ON CONFLICT (key) DO NOTHING RETURNING key"
            return [key for (key,) in session.insert("engagements", ENGAGEMENTS.columns, rows, conflict)]

        new = set(self._database.write(add)) if first else set()
        return [engagement for key, engagement in first.items() if key in new]

    def of_messages(self, message_ids: Sequence[str]) -> dict[str, list[Engagement]]:
        statement = f"SELECT engagements.* FROM {of_each('engagements', 'message_id')} ORDER BY at, seq"
        found: defaultdict[str, list[Engagement]] = defaultdict(list)
        for row in self._database.rows(statement, {"ids": askable(message_ids)}):
            found[row["message_id"]].append(engagement_of(row))
        return {id: found[id] for id in message_ids if id in found}

    def of_address(self, address: Address) -> list[Engagement]:
        statement = """
            SELECT * FROM engagements WHERE message_id IS NULL AND address = %(address)s AND channel = %(channel)s
            ORDER BY at, seq
        """
        rows = self._database.rows(statement, {"channel": address[0], "address": address[1]})
        return list(map(engagement_of, rows))

    def judge(self, verdicts: Mapping[str, tuple[bool, tuple[str, ...]]]) -> None:
        pack({"reasons": [list(reasons) for _, reasons in verdicts.values()]}, "engagements")
        ids = sorted(askable(verdicts))
        values = {
            "ids": ids,
            "machines": [verdicts[id][0] for id in ids],
            "reasons": [to_json(list(verdicts[id][1])) if verdicts[id][1] else None for id in ids],
        }
        statement = """
            UPDATE engagements SET machine = told.machine, reasons = told.reasons::json
            FROM unnest(%(ids)s::text[], %(machines)s::boolean[], %(reasons)s::text[]) AS told (id, machine, reasons)
            WHERE engagements.id = told.id
        """
        self._database.write(lambda session: session.run(statement, values))

    def summary(
        self, *, campaign: str | None = None, template: str | None = None, include_machines: bool = False
    ) -> list[EngagementCount]:
        return self._database.snapshot(
            lambda: self._database.read(
                lambda session: summarise(
                    session, campaign=campaign, template=template, include_machines=include_machines
                )
            )
        )

    def clicks(self, *, campaign: str | None = None, template: str | None = None) -> list[tuple[datetime, bool]]:
        conditions = ["kind = 'clicked'", "of_template IS NOT NULL"]
        if campaign is not None:
            conditions.append("of_campaign = %(campaign)s")
        if template is not None:
            conditions.append("of_template = %(template)s")
        statement = f"SELECT at, machine FROM engagements WHERE {' AND '.join(conditions)} ORDER BY at, machine"
        rows = self._database.rows(statement, {"campaign": campaign, "template": template})
        return [(row["at"], row["machine"]) for row in rows]


def facts_of(session: Session, customer_ids: list[str]) -> dict[str, tuple[MessageFact, ...]]:
    """Of messages sent to customers: what they were, and when a person last opened and clicked each."""
    statement = f"""
        SELECT customer_id, template, campaign, sent_at, opened_at, clicked_at
        FROM {of_each("messages", "customer_id", "state = 'sent'")} LEFT JOIN LATERAL (
            SELECT max(at) FILTER (WHERE kind = 'opened') AS opened_at,
                max(at) FILTER (WHERE kind = 'clicked') AS clicked_at
            FROM engagements WHERE message_id = messages.id AND NOT machine
        ) AS reactions ON true
        ORDER BY messages.seq
    """
    found: defaultdict[str, list[MessageFact]] = defaultdict(list)
    for row in session.rows(statement, {"ids": customer_ids}):
        found[row.pop("customer_id")].append(MessageFact(**row))
    return {id: tuple(facts) for id, facts in found.items()}


def forget_engagements(session: Session, identity: Identity) -> None:
    """Leave of a customer's engagement what counts: no raw event, an alias for their id."""
    session.run(
        """
        UPDATE engagements SET customer_id = %(alias)s, address = NULL, raw = NULL
        WHERE key IN (
            SELECT key FROM engagements WHERE customer_id = %(id)s
            UNION
            SELECT key FROM engagements JOIN messages ON messages.id = message_id
            WHERE messages.customer_id = %(alias)s
        )
        """,
        {"id": identity.customer_id, "alias": identity.alias},
    )
    nobodys = [
        row["key"]
        for row in session.rows("SELECT key, address, raw FROM engagements WHERE message_id IS NULL")
        if identity.in_document([row["address"], row["raw"]])
    ]
    session.run("UPDATE engagements SET address = NULL, raw = NULL WHERE key = ANY(%(keys)s)", {"keys": nobodys})


def engagement_of(row: Row) -> Engagement:
    """The engagement in a row."""
    return Engagement.from_document(ENGAGEMENTS.document(row))
