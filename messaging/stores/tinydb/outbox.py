"""The outbox: messages with their states."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, groupby
from typing import Any

from messaging.nouns.documents import Document, time_from_text, time_to_text
from messaging.nouns.history import MessageFact
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.rules.identity import Identity
from messaging.rules.retry import still_said
from messaging.stores.outbox import Outbox, Outcome
from messaging.stores.tinydb.contexts import Contexts
from messaging.stores.tinydb.lineup import Lineup
from messaging.stores.tinydb.rows import MarkedGroups, Ordered, OrderedGroups, Tally, copied
from messaging.stores.tinydb.settling import (
    PENDING,
    PLANNED,
    SENDING,
    SENT,
    SKIPPED,
    UNKNOWN,
    erased,
    may_be_replanned,
    may_settle,
    settled,
)
from messaging.stores.tinydb.summary import Batch
from messaging.stores.tinydb.table import JournalDB
from messaging.stores.values import check_text

#: Contexts that are forgotten at once: others wait for the store meanwhile.
FORGOTTEN = 1000
#: Texts that many messages have in common.
_SHARED = (
    *(
        "origin",
        "customer_id",
        "channel",
        "address",
        "template",
        "version",
        "message_class",
        "topic",
        "campaign",
    ),
    *(
        "state",
        "reason",
        "due_at",
        "created_at",
        "expires_at",
        "worker",
        "adapter",
        "event_key",
        "trigger_key",
        "variant",
    ),
)


class TinyOutbox(Outbox):
    """The `messages` table."""

    def __init__(self, db: JournalDB) -> None:
        self._by_customer = MarkedGroups("customer_id", _marks, ("state", "template"))
        self._by_campaign = OrderedGroups("campaign")
        self._ids = Ordered()
        self._lineup = Lineup()
        self._contexts = Contexts()
        self._progress: Tally[str, tuple[str, str]] = Tally(_progress, ["campaign", "state", "reason"])
        #: Messages by state and variant, for reports.
        self.tally: Tally[Batch, tuple[str, str | None]] = Tally(
            _batch, ["template", "version", "channel", "campaign", "state", "lane", "variant"]
        )
        self._totals: Tally[Lane, tuple[str, str]] = Tally(
            _total, ["lane", "campaign", "message_class", "channel", "state"]
        )
        self._table = db.journal_table(
            "messages",
            indexes=(
                *(self._by_customer, self._by_campaign, self._ids),
                *(self._lineup, self._contexts, self._progress, self.tally, self._totals),
            ),
            shared=_SHARED,
        )
        self._journal = db.journal

    def add(self, messages: Sequence[Message]) -> int:
        new = 0
        with self._journal.changing():
            for message in messages:
                if message.id not in self._table.documents:
                    self._table.put(message.id, message.to_document())
                    new += 1
        return new

    def replan(self, messages: Sequence[Message]) -> int:
        with self._journal.changing():
            documents = self._table.documents
            last = {message.id: message for message in messages}.values()
            skipped = [m for m in last if m.id in documents and may_be_replanned(documents[m.id])]
            for message in skipped:
                self._table.put(message.id, message.to_document())
        return len(skipped)

    def get(self, ids: Iterable[str]) -> dict[str, Message]:
        with self._journal.reading():
            return {key: Message.from_document(document) for key, document in self._table.copies(ids)}

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
        found: list[Message] = []
        with self._journal.reading():
            for key in self._candidates(campaign, customer_id, template, after):
                document = self._table.documents[key]
                if (
                    campaign in (None, document.get("campaign"))
                    and template in (None, document["template"])
                    and state in (None, document["state"])
                ):
                    if len(found) == limit:
                        break
                    found.append(Message.from_document(copied(document)))
        return found

    def counts(self, campaign: str) -> dict[MessageState, int]:
        counts = dict.fromkeys(MessageState, 0)
        with self._journal.reading():
            for (state, _), number in self._progress.of(campaign).items():
                counts[MessageState(state)] += number
        return counts

    def totals(self) -> dict[tuple[Lane, str, MessageState], int]:
        with self._journal.reading():
            return {
                (lane, channel, MessageState(state)): number
                for lane, states in self._totals.groups.items()
                for (channel, state), number in states.items()
            }

    def reasons(self, campaign: str) -> dict[tuple[MessageState, str], int]:
        with self._journal.reading():
            return {
                (MessageState(state), reason): number
                for (state, reason), number in self._progress.of(campaign).items()
                if reason
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
        with self._journal.changing(durable=False):
            lines = self._lineup.lines(lanes, campaign, channel)
            keys = self._lineup.take(lines, time_to_text(now) or "", limit)
            self._table.patch(keys, {"worker": worker})
            return [Message.from_document(document) for _, document in self._table.copies(keys)]

    def begin(self, worker: str, ids: Sequence[str], *, now: datetime) -> list[str]:
        with self._journal.changing():
            documents = self._table.documents
            begun = [key for key in dict.fromkeys(ids) if _locked_by(documents.get(key), worker)]
            for attempts, keys in groupby(begun, key=lambda key: documents[key].get("attempts", 0)):
                self._table.patch(list(keys), {"state": SENDING, "attempts": attempts + 1})
        return begun

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        with self._journal.changing(durable=False):
            for outcome in outcomes:
                document = self._table.documents.get(outcome.message_id)
                if document is not None and may_settle(document, outcome):
                    fields = settled(outcome)
                    if outcome.of_attempt not in (None, document.get("attempts", 0)):
                        fields["reason"] = document.get("reason")
                    self._table.patch([outcome.message_id], fields if "address" in document else erased(fields))

    def release(self, worker: str, ids: Sequence[str] | None = None) -> None:
        with self._journal.changing(durable=False):
            keys = self._lineup.of_worker(worker) if ids is None else ids
            documents = self._table.documents
            locked = [key for key in keys if _locked_by(documents.get(key), worker)]
            self._table.patch(locked, {"worker": None})

    def workers(self) -> list[str]:
        with self._journal.reading():
            return sorted(self._lineup.held)

    def bury(self, worker: str, *, by: str) -> list[Message]:
        with self._journal.changing():
            documents = self._table.documents
            held: dict[str, list[str]] = {PLANNED: [], SENDING: [], UNKNOWN: []}
            for key in self._lineup.of_worker(worker):
                held[documents[key]["state"]].append(key)
            self._table.patch(held[PLANNED], {"worker": None})
            self._close(held[SENDING], "the sender died", {"state": UNKNOWN, "worker": by})
            self._table.patch(held[UNKNOWN], {"worker": by})
            lost = held[SENDING] + held[UNKNOWN]
            return [Message.from_document(document) for _, document in self._table.copies(lost)]

    def next_due(
        self,
        *,
        lanes: Collection[Lane] | None = None,
        campaign: str | None = None,
        channel: str | None = None,
    ) -> datetime | None:
        with self._journal.reading():
            heads = (line.first() for _, line in self._lineup.lines(lanes, campaign, channel))
            return time_from_text(min((head[0] for head in heads if head), default=None))

    def postpone(
        self,
        ids: Sequence[str],
        due_at: datetime,
        *,
        expires_at: datetime | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> int:
        fields: Document = {"due_at": time_to_text(due_at)}
        if expires_at is not None:
            fields["expires_at"] = time_to_text(expires_at)
        if context is not None:
            fields["context"] = dict(context)
        with self._journal.changing():
            documents = self._table.documents
            free = [key for key in dict.fromkeys(ids) if _is_free(documents.get(key))]
            self._table.patch(free, fields)
        return len(free)

    def waiting(self, *, customer_id: str) -> list[Message]:
        with self._journal.reading():
            documents = self._in_state(customer_id, PLANNED)
            return [
                Message.from_document(copied(document))
                for document in documents
                if _is_free(document) and document["lane"] != Lane.CAMPAIGN
            ]

    def stop(self, campaign: str, reason: str) -> int:
        with self._journal.changing():
            keys = [key for _, line in self._lineup.lines(None, campaign, None) for key in line]
            for key in chain.from_iterable(self._lineup.held.values()):
                document = self._table.documents[key]
                if document["state"] == PLANNED and document.get("campaign") == campaign:
                    keys.append(key)
            self._close(keys, reason, {"state": SKIPPED, "worker": None})
        return len(keys)

    def _close(self, keys: Sequence[str], reason: str, fields: Document) -> None:
        """Set the fields and the reason; a row that may arrive twice says so still."""
        by_reason: dict[str | None, list[str]] = {}
        for key in keys:
            said = still_said(self._table.documents[key].get("reason"), reason)
            by_reason.setdefault(said, []).append(key)
        for said, those in by_reason.items():
            self._table.patch(those, {**fields, "reason": said})

    def recent(self, customer_ids: Sequence[str], since: datetime) -> dict[str, tuple[MessageFact, ...]]:
        with self._journal.reading():
            start = time_to_text(since) or ""
            found: dict[str, tuple[MessageFact, ...]] = {}
            for customer_id, documents in self.sent_to(customer_ids).items():
                facts = tuple(_fact(document) for document in documents if document.get("sent_at", "") >= start)
                if facts:
                    found[customer_id] = facts
            return found

    def pending(self, customer_ids: Sequence[str]) -> dict[str, tuple[Message, ...]]:
        with self._journal.reading():
            found: dict[str, tuple[Message, ...]] = {}
            for customer_id in customer_ids:
                pending = tuple(
                    Message.from_document(copied(document))
                    for state in PENDING
                    for document in self._in_state(customer_id, state)
                )
                if pending:
                    found[customer_id] = pending
            return found

    def skipped(self, customer_ids: Sequence[str], *, now: datetime) -> list[Message]:
        over = time_to_text(now) or ""
        with self._journal.reading():
            return [
                Message.from_document(copied(document))
                for customer_id in customer_ids
                for document in self._in_state(customer_id, SKIPPED)
                if document["lane"] != Lane.CAMPAIGN and (document.get("expires_at") or "never") > over
            ]

    def forget_contexts(self, before: datetime) -> int:
        end = time_to_text(before) or ""
        forgotten, more = 0, True
        while more:
            with self._journal.changing():
                keys = self._contexts.take(end, FORGOTTEN)
                self._table.patch(keys, {"context": None})
            forgotten += len(keys)
            more = len(keys) == FORGOTTEN
        return forgotten

    # For the other repositories, inside `reading` or `changing`.

    @property
    def documents(self) -> Mapping[str, Document]:
        """The messages as they are kept. Not to be changed."""
        return self._table.documents

    def sent_to(self, customer_ids: Sequence[str]) -> dict[str, list[Document]]:
        """The messages that were sent to each customer."""
        return {customer_id: self._in_state(customer_id, SENT) for customer_id in customer_ids}

    def _in_state(self, customer_id: str, state: str) -> list[Document]:
        """A customer's messages in a state."""
        documents = self._table.documents
        found = [documents[key] for key in self._by_customer.marked(customer_id, (state,), documents)]
        return [document for document in found if document["state"] == state]

    def ids_of(self, customer_id: str) -> list[str]:
        """The messages of a customer."""
        return list(self._by_customer.of(customer_id))

    def is_alias(self, message_id: str | None, identity: Identity) -> bool:
        """Whether a message belongs to a customer who is just being forgotten."""
        document = self._table.documents.get(message_id or "")
        return document is not None and document["customer_id"] == identity.alias

    def forget(self, identity: Identity) -> None:
        """Leave of a customer's messages what counts; what was still to be sent is skipped."""
        gone = ("address", "context", "event_key", "trigger_key", "provider_id")
        tests = [  # they went to an address, whoever the customer in them was
            key
            for key, document in self._table.documents.items()
            if document["lane"] == Lane.TEST and identity.is_address(document.get("address") or "")
        ]
        for key in [*self._by_customer.of(identity.customer_id), *tests]:
            document = self._table.documents[key]
            fields: Document = {**dict.fromkeys(gone), "customer_id": identity.alias}
            if document.get("campaign") is None:
                fields["origin"] = f"trigger:{document['template']}:erased"
            if document["state"] == PLANNED:
                fields |= {"state": MessageState.SKIPPED.value, "reason": "erased", "worker": None}
            elif identity.in_text(document.get("reason")):
                fields["reason"] = "erased"
            self._table.patch([key], fields)

    def _candidates(
        self, campaign: str | None, customer_id: str | None, template: str | None, after: str | None
    ) -> Iterable[str]:
        if customer_id is not None:
            groups = self._by_customer
            found = groups.marked(customer_id, template, self._table.documents) if template else groups.of(customer_id)
            return sorted(key for key in found if after is None or key > after)
        return (self._by_campaign.of(campaign) if campaign is not None else self._ids).after(after)


def _marks(document: Document) -> tuple[str | tuple[str], ...]:
    """What a customer's messages are looked for by: their template, and their state."""
    return document["template"], (document["state"],)


def _progress(document: Document) -> tuple[str, tuple[str, str]] | None:
    campaign = document.get("campaign")
    return (campaign, (document["state"], document.get("reason", ""))) if campaign is not None else None


def _total(document: Document) -> tuple[Lane, tuple[str, str]]:
    lane = Lane.EVENT if document["message_class"] == MessageClass.MARKETING else Lane.ORDER
    if document["lane"] == Lane.TEST or document.get("campaign") is not None:
        lane = Lane.TEST if document["lane"] == Lane.TEST else Lane.CAMPAIGN
    return lane, (document["channel"], document["state"])


def _batch(document: Document) -> tuple[Batch, tuple[str, str | None]] | None:
    if document["lane"] == Lane.TEST:
        return None  # nobody's customer got it
    campaign = document.get("campaign")
    batch = (document["template"], document["version"], document["channel"], campaign)
    return batch, (document["state"], document.get("variant"))


def _is_free(document: Document | None) -> bool:
    return document is not None and document["state"] == PLANNED and "worker" not in document


def _locked_by(document: Document | None, worker: str) -> bool:
    return document is not None and document["state"] == PLANNED and document.get("worker") == worker


def _fact(document: Document) -> MessageFact:
    return MessageFact(
        template=document["template"],
        campaign=document.get("campaign"),
        sent_at=time_from_text(document.get("sent_at")),
        channel=document["channel"],
        topic=document["topic"],
        message_class=MessageClass(document["message_class"]),
    )
