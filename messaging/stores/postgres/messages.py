"""How a message is laid out in its table, and what is left of it when its customer is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from messaging.nouns.documents import is_storable, without_empty
from messaging.nouns.history import MessageFact
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.rules.identity import Identity
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.table import Table
from messaging.stores.postgres.values import maker, to_json
from messaging.stores.values import pack

MESSAGES = Table(
    "messages",
    {
        **dict.fromkeys(("id", "origin", "customer_id", "channel", "address", "template", "version"), "text"),
        **dict.fromkeys(("message_class", "topic", "campaign", "event_key", "trigger_key", "state", "reason"), "text"),
        **dict.fromkeys(("worker", "adapter", "provider_id", "variant"), "text"),
        **dict.fromkeys(("lane", "trigger", "attempts"), "integer"),
        **dict.fromkeys(("due_at", "expires_at", "created_at", "sent_at"), "timestamptz"),
        "context": "json",
    },
    empty={"attempts": 0, "topic": "", "version": "", "origin": "", "customer_id": "", "channel": "", "template": ""},
)
#: What says who a message was for.
_GONE = ("address", "context", "event_key", "trigger_key", "provider_id")

#: What `message_of` reads, in order.
FIELDS = tuple(each.name for each in fields(Message))
COLUMNS = ", ".join(FIELDS)
#: Where a value is one of a few, and which.
_ENUMS = tuple(
    (FIELDS.index(name), {each.value: each for each in kind})
    for name, kind in (("message_class", MessageClass), ("lane", Lane), ("state", MessageState))
)
_made = maker(Message)
_values = attrgetter(*MESSAGES.columns)
_texts = attrgetter(*(name for name, kind in MESSAGES.columns.items() if kind == "text"))


def message_of(row: Iterable[Any]) -> Message:
    """The message in a row. Not by way of a document: a sender reads every one of them."""
    values = list(row)
    for position, members in _ENUMS:
        values[position] = members[values[position]]
    return _made(values)


def messages_of(rows: Iterable[Iterable[Any]]) -> list[Message]:
    """The messages in rows."""
    return list(map(message_of, rows))


def row_of(message: Message) -> tuple[Any, ...]:
    """A message as a row of `MESSAGES`. Not by way of a document, unless something in it has to be looked at.

    Raises:
        InputError: it has what cannot be kept.
    """
    texts = _texts(message)
    if message.context is None and "" not in texts and is_storable("".join(filter(None, texts))):
        return _values(message)
    pack(message.to_document(), MESSAGES.name)
    told = without_empty(dict(zip(MESSAGES.columns, _values(message), strict=True)))
    told["context"] = to_json(told.get("context"))
    return tuple(map({**MESSAGES.empty, **told}.get, MESSAGES.columns))


def fact_of(row: Row) -> MessageFact:
    """What policy asks of a message that was sent."""
    return MessageFact(
        template=row["template"],
        campaign=row["campaign"],
        sent_at=row["sent_at"],
        channel=row["channel"],
        topic=row["topic"],
        message_class=MessageClass(row["message_class"]),
    )


def forget_messages(session: Session, identity: Identity) -> None:
    """Leave of a customer's messages what counts; what was still to be sent is skipped."""
    rows = session.rows(
        "SELECT id, reason FROM messages WHERE customer_id = %(id)s", {"id": identity.customer_id}
    ) + [  # they went to an address, whoever the customer in them was
        row
        for row in session.rows("SELECT id, reason, address FROM messages WHERE lane = 3")
        if identity.is_address(row["address"] or "")
    ]
    naming = [row for row in rows if identity.in_text(row["reason"])]
    session.run(
        f"""
        UPDATE messages SET {", ".join(f"{name} = NULL" for name in _GONE)}, customer_id = %(alias)s,
            origin = CASE WHEN campaign IS NULL THEN 'trigger:' || template || ':erased' ELSE origin END,
            state = CASE WHEN state = 'planned' THEN 'skipped' ELSE state END,
            worker = CASE WHEN state = 'planned' THEN NULL ELSE worker END,
            reason = CASE WHEN state = 'planned' OR id = ANY(%(naming)s) THEN 'erased' ELSE reason END
        WHERE id = ANY(%(ids)s)
        """,
        {
            "ids": sorted({row["id"] for row in rows}),
            "naming": [row["id"] for row in naming],
            "alias": identity.alias,
        },
    )
    # No count by a reason that nobody has any more.
    fold_message_counts(session, [row["reason"] for row in naming])


def fold_message_counts(session: Session, reasons: Sequence[str] | None = None) -> None:
    """Add the counts of all connections (by these reasons) up into one row each, and leave out what counts nothing."""
    kind = "kind, campaign, template, version, channel, test, state, reason, variant"
    which = "" if reasons is None else "WHERE reason = ANY(%(reasons)s)"
    session.run(
        f"""
        WITH gone AS (DELETE FROM message_counts {which} RETURNING *)
        INSERT INTO message_counts ({kind}, shard, number)
        SELECT {kind}, -1, sum(number) FROM gone GROUP BY {kind} HAVING sum(number) <> 0
        """,
        {"reasons": reasons},
    )
