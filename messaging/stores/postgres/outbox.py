"""The outbox: messages with their states."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from messaging.nouns.documents import is_storable
from messaging.nouns.history import MessageFact
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.rules.retry import TWICE
from messaging.stores.outbox import Outbox, Outcome
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.messages import COLUMNS, MESSAGES, fact_of, messages_of, row_of
from messaging.stores.postgres.queues import FREE, firsts, queues
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.table import of_each
from messaging.stores.postgres.values import askable, to_json
from messaging.stores.postgres.workers import Workers
from messaging.stores.values import check_text, clean_text, pack

#: Contexts that are forgotten, and messages that are stopped, at once, so that no transaction is long.
FORGOTTEN = 1000
STOPPED = 5000
#: The same of rows that are found by something else, said so that no index of planned messages is taken to find them:
#: right after a campaign was planned the planner still believes that there are none.
_STILL_PLANNED = "state || '' = 'planned'"
_STILL_FREE = f"{_STILL_PLANNED} AND worker IS NULL"
_MAY_ARRIVE_TWICE = f"coalesce(reason, '') LIKE '%%{TWICE}%%'"
#: The reason of a row that is closed by one: `rules.retry.still_said`.
_CLOSED = f"%(reason)s::text || CASE WHEN {_MAY_ARRIVE_TWICE} THEN '; {TWICE}' ELSE '' END"


#: Of so many columns is made whose turn it is: lane, due time, order of arrival.
_TURN = 3
#: States with an index of their own that a template's messages are found by.
_WITH_INDEX = (MessageState.PLANNED, MessageState.UNKNOWN)
#: From each to the next: in the middle of a campaign the planner believes that most rows are in somebody's hands, and
#: would read them all.
_WORKERS = """
WITH RECURSIVE known AS (
    (SELECT worker FROM messages WHERE worker IS NOT NULL ORDER BY worker LIMIT 1)
    UNION ALL
    SELECT (SELECT worker FROM messages WHERE worker > known.worker ORDER BY worker LIMIT 1)
    FROM known WHERE known.worker IS NOT NULL
)
SELECT worker FROM known WHERE worker IS NOT NULL
"""
#: A template's messages: those of its campaigns, each a stretch of an index, and those that have none.
_OF_TEMPLATE = """
SELECT {columns} FROM messages WHERE id = ANY(ARRAY(
    (SELECT id FROM messages {where} AND campaign IS NULL ORDER BY id LIMIT %(limit)s)
    UNION ALL
    SELECT theirs.id FROM (SELECT DISTINCT campaign AS name FROM message_counts WHERE template = %(template)s) AS known,
        LATERAL (SELECT id FROM messages {within} AND campaign = known.name ORDER BY id LIMIT %(limit)s) AS theirs
    ORDER BY id LIMIT %(limit)s
)) ORDER BY id
"""


class PostgresOutbox(Outbox):
    """The `messages` and `message_counts` tables."""

    def __init__(self, database: Database, workers: Workers) -> None:
        self._database = database
        self._workers = workers
        self._classes: dict[str, str] = {}

    def add(self, messages: Sequence[Message]) -> int:
        first: dict[str, Message] = {}
        for message in messages:
            first.setdefault(message.id, message)
        rows = list(map(row_of, first.values()))
        conflict = "ON CONFLICT (id) DO NOTHING RETURNING id"
        return len(self._database.write(lambda session: session.insert("messages", MESSAGES.columns, rows, conflict)))

    def replan(self, messages: Sequence[Message]) -> int:
        rows = {message.id: row_of(message) for message in messages}

        def replan(session: Session) -> int:
            statement = f"""
                SELECT id FROM messages WHERE id = ANY(%(ids)s) AND state = 'skipped' AND NOT {_MAY_ARRIVE_TWICE}
                ORDER BY id FOR UPDATE
            """
            skipped = [rows[row["id"]] for row in session.rows(statement, {"ids": list(rows)})]
            conflict = f"ON CONFLICT (id) DO UPDATE SET {MESSAGES.replaced}"
            session.insert("messages", MESSAGES.columns, skipped, conflict)
            return len(skipped)

        return self._database.write(replan) if rows else 0

    def get(self, ids: Iterable[str]) -> dict[str, Message]:
        wanted = askable(ids)
        if not wanted:
            return {}
        rows = self._database.tuples(f"SELECT {COLUMNS} FROM messages WHERE id = ANY(%(ids)s)", {"ids": wanted})
        found = {message.id: message for message in messages_of(rows)}
        return {id: found[id] for id in wanted if id in found}

    def page(
        self,
        *,
        campaign: str | None = None,
        customer_id: str | None = None,
        template: str | None = None,
        state: MessageState | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Message]:
        wanted = {"campaign": campaign, "customer_id": customer_id, "template": template}
        given = {name: value for name, value in wanted.items() if value is not None}
        if not all(map(is_storable, given.values())):
            return []
        conditions = [f"{name} = %({name})s" for name in given]
        if state is not None:
            # Written out, so that it is seen that an index is about it.
            conditions.append(f"state = '{state.value}'")
        if after is not None:
            conditions.append("id > %(after)s")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        statement = f"SELECT {COLUMNS} FROM messages {where} ORDER BY id LIMIT %(limit)s"
        if list(given) == ["template"] and state not in _WITH_INDEX:
            # Of a campaign all are, so that nobody should count on few.
            within = where.replace("template =", "template || '' =")
            statement = _OF_TEMPLATE.format(columns=COLUMNS, where=where, within=within)
        return messages_of(self._database.tuples(statement, {**given, "after": after, "limit": limit}))

    def counts(self, campaign: str) -> dict[MessageState, int]:
        statement = """
            SELECT state, sum(number)::bigint AS number FROM message_counts WHERE campaign = %(campaign)s GROUP BY state
        """
        found = {
            MessageState(row["state"]): row["number"] for row in self._database.rows(statement, {"campaign": campaign})
        }
        return {state: found.get(state, 0) for state in MessageState}

    def totals(self) -> dict[tuple[Lane, str, MessageState], int]:
        found: defaultdict[tuple[Lane, str, MessageState], int] = defaultdict(int)
        rows = self._database.rows(_TOTALS)
        self._learn({row["version"] for row in rows if row["version"] is not None})
        for row in rows:
            if row["test"] or row["of_campaign"]:
                lane = Lane.TEST if row["test"] else Lane.CAMPAIGN
            else:
                lane = Lane.EVENT if self._classes.get(row["version"]) == MessageClass.MARKETING else Lane.ORDER
            found[lane, row["channel"], MessageState(row["state"])] += row["number"]
        return dict(found)

    def _learn(self, versions: set[str]) -> None:
        """The classes of versions: they never change, and reading one takes reading the whole of it."""
        new = versions - self._classes.keys()
        if new:
            statement = """
                SELECT version, document ->> 'message_class' AS class FROM versions WHERE version = ANY(%(versions)s)
            """
            rows = self._database.rows(statement, {"versions": sorted(new)})
            self._classes.update({row["version"]: row["class"] for row in rows})

    def reasons(self, campaign: str) -> dict[tuple[MessageState, str], int]:
        statement = """
            SELECT state, reason, sum(number)::bigint AS number FROM message_counts
            WHERE campaign = %(campaign)s AND reason IS NOT NULL GROUP BY state, reason HAVING sum(number) <> 0
        """
        return {
            (MessageState(row["state"]), row["reason"]): row["number"]
            for row in self._database.rows(statement, {"campaign": campaign})
        }

    def claim(
        self,
        worker: str,
        *,
        now: datetime,
        limit: int,
        lanes: Collection[Lane] | None = None,
        campaign: str | None = None,
        channel: str | None = None,
    ) -> list[Message]:
        check_text(worker, "worker")
        self._workers.keep(worker)
        values = {"worker": worker, "now": now, "campaign": campaign, "channel": channel}

        def claim(session: Session) -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = []
            for queue in queues(campaign, channel, lanes):
                if len(found) == limit:
                    break
                # The array keeps the planner from joining the whole table.
                statement = f"""
                    UPDATE messages SET worker = %(worker)s WHERE id = ANY(ARRAY(
                        SELECT id FROM messages WHERE {queue} AND due_at <= %(now)s
                        ORDER BY lane, due_at, seq LIMIT %(limit)s FOR UPDATE SKIP LOCKED
                    )) RETURNING {COLUMNS}, lane, due_at, seq
                """
                rows = session.tuples(statement, {**values, "limit": limit - len(found)})
                found += (row[:-_TURN] for row in sorted(rows, key=lambda row: row[-_TURN:]))
            return found

        return messages_of(self._database.write(claim, durable=False, in_order=True))

    def begin(self, worker: str, ids: Sequence[str], *, now: datetime) -> list[str]:
        statement = f"""
            UPDATE messages SET state = 'sending', attempts = attempts + 1
            WHERE id = ANY(%(ids)s) AND {_STILL_PLANNED} AND coalesce(worker, '') = %(worker)s RETURNING id
        """
        values = {"ids": askable(sorted(ids)), "worker": worker}
        begun = {id for (id,) in self._database.write(lambda session: session.tuples(statement, values))}
        return [id for id in dict.fromkeys(ids) if id in begun]

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        if not outcomes:
            return
        rounds = [_settled(each) for each in _each_once(outcomes)]

        def settle(session: Session) -> None:
            for each in rounds:
                session.run(_SETTLE, {"outcomes": each})

        self._database.write(settle)

    def release(self, worker: str, ids: Sequence[str] | None = None) -> None:
        statement = f"UPDATE messages SET worker = NULL WHERE worker = %(worker)s AND {_STILL_PLANNED}"
        if ids is not None:
            statement += " AND id = ANY(%(ids)s)"
        values = {"worker": worker, "ids": askable(sorted(ids or ()))}
        if ids is None or values["ids"]:
            self._database.write(lambda session: session.run(statement, values), durable=False)

    def workers(self) -> list[str]:
        return [row["worker"] for row in self._database.rows(_WORKERS)]

    def bury(self, worker: str, *, by: str) -> list[Message]:
        def bury(session: Session) -> list[tuple[Any, ...]]:
            values = {"worker": worker, "by": by, "reason": "the sender died"}
            lost = session.tuples(
                "UPDATE messages SET state = 'unknown', worker = %(by)s, "
                f"reason = CASE state WHEN 'sending' THEN {_CLOSED} ELSE reason END "
                f"WHERE worker = %(worker)s AND NOT {_STILL_PLANNED} RETURNING {COLUMNS}",
                values,
            )
            session.run(f"UPDATE messages SET worker = NULL WHERE worker = %(worker)s AND {_STILL_PLANNED}", values)
            return lost

        return messages_of(self._database.write(bury)) if is_storable(worker) else []

    def next_due(
        self, *, lanes: Collection[Lane] | None = None, campaign: str | None = None, channel: str | None = None
    ) -> datetime | None:
        values = {"campaign": campaign, "channel": channel}
        if campaign is None and channel is None:
            statements = list(firsts(lanes))
        else:
            first = "SELECT due_at FROM messages WHERE {} ORDER BY lane, due_at LIMIT 1"
            statements = [first.format(queue) for queue in queues(campaign, channel, lanes)]

        def look(session: Session) -> list[Row | None]:
            return [session.row(statement, values) for statement in statements]

        found = self._database.read(look, in_order=True)
        return min((row["due_at"] for row in found if row and row["due_at"]), default=None)

    def postpone(
        self,
        ids: Sequence[str],
        due_at: datetime,
        *,
        expires_at: datetime | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> int:
        if context is not None:
            pack({"context": dict(context)}, "messages")
        values = {
            "ids": askable(sorted(ids)),
            "due_at": due_at,
            "expires_at": expires_at,
            "context": to_json(context) if context else None,
        }
        statement = f"""
            UPDATE messages SET due_at = %(due_at)s, expires_at = coalesce(%(expires_at)s, expires_at),
                context = coalesce(%(context)s::json, context)
            WHERE id = ANY(%(ids)s) AND {_STILL_FREE}
        """
        return self._database.write(lambda session: session.run(statement, values))

    def waiting(self, *, customer_id: str) -> list[Message]:
        theirs = of_each("messages", "customer_id", f"{_STILL_FREE} AND lane <> {int(Lane.CAMPAIGN)}")
        statement = f"SELECT {COLUMNS} FROM {theirs} ORDER BY seq"
        return messages_of(self._database.tuples(statement, {"ids": askable([customer_id])}))

    def stop(self, campaign: str, reason: str) -> int:
        pack({"reason": reason}, "messages")
        statement = (
            f"UPDATE messages SET state = 'skipped', reason = {_CLOSED}, worker = NULL WHERE campaign = %(campaign)s"
        )
        values = {"campaign": campaign, "reason": reason, "limit": STOPPED}
        # Each by an index of its own: the locked ones are few.
        locked = f"{statement} AND worker IS NOT NULL AND {_STILL_PLANNED}"
        free = f"""{statement} AND id = ANY(ARRAY(
            SELECT id FROM messages WHERE campaign = %(campaign)s AND {FREE}
            ORDER BY lane, due_at, seq LIMIT %(limit)s FOR UPDATE
        ))"""
        stopped = self._database.write(lambda session: session.run(locked, values))
        while number := self._database.write(lambda session: session.run(free, values), in_order=True):
            stopped += number
        return stopped

    def recent(self, customer_ids: Sequence[str], since: datetime) -> dict[str, tuple[MessageFact, ...]]:
        theirs = of_each("messages", "customer_id", "state = 'sent' AND sent_at >= %(since)s")
        statement = f"SELECT messages.* FROM {theirs} ORDER BY seq"
        found: defaultdict[str, list[MessageFact]] = defaultdict(list)
        for row in self._database.rows(statement, {"ids": askable(customer_ids), "since": since}):
            found[row["customer_id"]].append(fact_of(row))
        return {id: tuple(found[id]) for id in customer_ids if id in found}

    def pending(self, customer_ids: Sequence[str]) -> dict[str, tuple[Message, ...]]:
        theirs = of_each("messages", "customer_id", "state IN ('planned', 'sending', 'unknown')")
        statement = f"SELECT {COLUMNS} FROM {theirs} ORDER BY seq"
        found: defaultdict[str, list[Message]] = defaultdict(list)
        for message in messages_of(self._database.tuples(statement, {"ids": askable(customer_ids)})):
            found[message.customer_id].append(message)
        return {id: tuple(found[id]) for id in customer_ids if id in found}

    def skipped(self, customer_ids: Sequence[str], *, now: datetime) -> list[Message]:
        fresh = f"state = 'skipped' AND lane <> {int(Lane.CAMPAIGN)} AND coalesce(expires_at > %(now)s, true)"
        statement = f"SELECT {COLUMNS} FROM {of_each('messages', 'customer_id', fresh)} ORDER BY seq"
        return messages_of(self._database.tuples(statement, {"ids": askable(customer_ids), "now": now}))

    def forget_contexts(self, before: datetime) -> int:
        statement = """
            UPDATE messages SET context = NULL WHERE id = ANY(ARRAY(
                SELECT id FROM messages
                WHERE context IS NOT NULL AND state NOT IN ('planned', 'sending')
                    AND coalesce(sent_at, due_at) < %(before)s
                ORDER BY coalesce(sent_at, due_at) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
            ))
        """
        values = {"before": before, "limit": FORGOTTEN}
        forgotten, more = 0, True
        while more:
            number = self._database.write(lambda session: session.run(statement, values))
            forgotten += number
            more = number == FORGOTTEN
        return forgotten


_TOTALS = """
SELECT CASE WHEN campaign IS NULL AND NOT test THEN version END AS version, campaign IS NOT NULL AS of_campaign, test,
    channel, state, sum(number)::bigint AS number
FROM message_counts GROUP BY 1, 2, 3, 4, 5 HAVING sum(number) <> 0
"""

#: Outcomes as JSON: one statement for a thousand. Of an erased customer's message, which has no address any more,
#: only what counts is recorded.
_OUTCOME = {
    **dict.fromkeys(("id", "state", "reason", "adapter", "provider_id", "variant"), "text"),
    **dict.fromkeys(("due_at", "sent_at"), "timestamptz"),
    **dict.fromkeys(("attempts", "of_attempt"), "integer"),
    "context": "json",
}
_SETTLE = f"""
UPDATE messages AS old SET
    worker = NULL,
    state = CASE WHEN address IS NULL AND new.state = 'planned' THEN 'skipped' ELSE new.state END,
    reason = CASE WHEN address IS NULL AND (new.state = 'planned' OR new.reason IS NOT NULL)
        THEN 'erased' WHEN old.attempts <> new.of_attempt THEN old.reason ELSE new.reason END,
    due_at = CASE WHEN address IS NULL THEN old.due_at ELSE coalesce(new.due_at, old.due_at) END,
    attempts = coalesce(new.attempts, old.attempts),
    adapter = coalesce(new.adapter, old.adapter),
    provider_id = CASE WHEN address IS NULL THEN old.provider_id ELSE coalesce(new.provider_id, old.provider_id) END,
    sent_at = coalesce(new.sent_at, old.sent_at),
    context = CASE WHEN address IS NULL THEN old.context ELSE coalesce(new.context, old.context) END,
    variant = coalesce(new.variant, old.variant)
FROM json_to_recordset(%(outcomes)s) AS new ({", ".join(f"{name} {kind}" for name, kind in _OUTCOME.items())})
WHERE old.id = new.id AND old.state <> 'sent' AND (
    new.of_attempt IS NULL OR new.state = 'sent' OR old.attempts = new.of_attempt AND (
        old.state IN ('sending', 'unknown') OR old.state = 'planned' AND new.state <> 'unknown'
    )
)
"""


def _each_once(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """The outcomes in rounds: a statement changes a row once only, and what is said of it twice goes in order."""
    rounds: list[dict[str, Outcome]] = []
    for outcome in outcomes:
        for each in rounds:
            if outcome.message_id not in each:
                each[outcome.message_id] = outcome
                break
        else:
            rounds.append({outcome.message_id: outcome})
    for each in rounds:
        # In order of id, so that two who have rows in common do not wait for each other.
        yield [each[id] for id in sorted(each)]


def _settled(outcomes: Sequence[Outcome]) -> str | None:
    """Whatever a provider said: a receipt is never lost for it."""
    rows = []
    for outcome in outcomes:
        if outcome.context is not None:
            pack({"context": dict(outcome.context)}, "messages")
        row = {
            "id": clean_text(outcome.message_id),
            "state": outcome.state,
            "reason": clean_text(outcome.reason) if outcome.reason else None,
            "adapter": outcome.adapter,
            "provider_id": clean_text(outcome.provider_id) if outcome.provider_id is not None else None,
            "variant": outcome.variant,
            "context": outcome.context,
            "due_at": outcome.due_at,
            "sent_at": outcome.sent_at,
            "attempts": outcome.attempts,
            "of_attempt": outcome.of_attempt,
        }
        rows.append(row)
    return to_json(rows)
