"""What came back from messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from messaging.ids import digest
from messaging.nouns.documents import Document, time_from_text
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.history import MessageFact
from messaging.rules.identity import Identity
from messaging.stores.base import Address, Engagements
from messaging.stores.counts import EngagementCount
from messaging.stores.tinydb.outbox import TinyOutbox
from messaging.stores.tinydb.rows import Groups
from messaging.stores.tinydb.summary import summarise
from messaging.stores.tinydb.table import JournalDB

_OPENED = EngagementKind.OPENED.value
_CLICKED = EngagementKind.CLICKED.value


class TinyEngagements(Engagements):
    """The `engagements` table."""

    def __init__(self, db: JournalDB, outbox: TinyOutbox) -> None:
        self._by_message = Groups("message_id")
        self._by_id = Groups("id")
        self._by_address = Groups("address")
        self._table = db.journal_table(
            "engagements",
            indexes=(self._by_message, self._by_id, self._by_address),
            shared=("kind", "message_id", "customer_id", "source", "slot"),
        )
        self._outbox = outbox
        self._journal = db.journal

    def add(self, engagements: Sequence[Engagement]) -> list[Engagement]:
        new: list[Engagement] = []
        with self._journal.changing():
            for engagement in engagements:
                key = digest("engagement", engagement.source, engagement.id)
                if key not in self._table.documents:
                    self._table.put(key, engagement.to_document())
                    new.append(engagement)
        return new

    def of_messages(self, message_ids: Sequence[str]) -> dict[str, list[Engagement]]:
        with self._journal.reading():
            return {
                message_id: sorted(
                    (Engagement.from_document(document) for _, document in self._table.copies(keys)),
                    key=lambda engagement: engagement.at,
                )
                for message_id in message_ids
                if (keys := self._by_message.of(message_id))
            }

    def of_address(self, address: Address) -> list[Engagement]:
        with self._journal.reading():
            found = [document for _, document in self._table.copies(self._by_address.of(address[1]))]
        told = map(Engagement.from_document, found)
        return sorted(
            (one for one in told if one.channel == address[0] and one.message_id is None), key=lambda one: one.at
        )

    def judge(self, verdicts: Mapping[str, tuple[bool, tuple[str, ...]]]) -> None:
        with self._journal.changing():
            for engagement_id, (machine, reasons) in verdicts.items():
                fields = {"machine": machine or None, "reasons": list(reasons) or None}
                keys = [key for key in self._by_id.of(engagement_id) if self._differs(key, fields)]
                self._table.patch(keys, fields)

    def summary(
        self, *, campaign: str | None = None, template: str | None = None, include_machines: bool = False
    ) -> list[EngagementCount]:
        with self._journal.reading():
            return summarise(
                self._outbox.tally,
                self._outbox.documents,
                self._table.documents.values(),
                campaign=campaign,
                template=template,
                include_machines=include_machines,
            )

    def clicks(self, *, campaign: str | None = None, template: str | None = None) -> list[tuple[datetime, bool]]:
        found = []
        with self._journal.reading():
            for document in self._table.documents.values():
                message = self._outbox.documents.get(document.get("message_id", ""))
                if (
                    document["kind"] == _CLICKED
                    and message is not None
                    and template in (None, message["template"])
                    and campaign in (None, message.get("campaign"))
                ):
                    found.append((datetime.fromisoformat(document["at"]), bool(document.get("machine"))))
        return sorted(found)

    # For the other repositories, inside `reading` or `changing`.

    def facts(self, sent: Mapping[str, Iterable[Document]]) -> dict[str, tuple[MessageFact, ...]]:
        """Of messages by customer: what they were, and when a person last opened and clicked each."""
        return {
            customer_id: tuple(self._fact(message) for message in messages) for customer_id, messages in sent.items()
        }

    def forget(self, identity: Identity) -> None:
        """Leave of a customer's engagement what counts: no raw event, an alias for their id."""
        theirs, nobodys = [], []
        for key, document in self._table.documents.items():
            if document.get("customer_id") in (identity.customer_id, identity.alias) or self._outbox.is_alias(
                document.get("message_id"), identity
            ):
                theirs.append(key)
            elif "message_id" not in document and identity.in_document([document.get("address"), document.get("raw")]):
                nobodys.append(key)
        self._table.patch(theirs, {"customer_id": identity.alias, "address": None, "raw": None})
        self._table.patch(nobodys, {"address": None, "raw": None})

    def _fact(self, message: Document) -> MessageFact:
        opened = clicked = None
        for key in self._by_message.of(message["id"]):
            document = self._table.documents[key]
            if document.get("machine"):
                continue
            if document["kind"] == _OPENED:
                opened = max(opened or "", document["at"])
            elif document["kind"] == _CLICKED:
                clicked = max(clicked or "", document["at"])
        return MessageFact(
            template=message["template"],
            campaign=message.get("campaign"),
            sent_at=time_from_text(message.get("sent_at")),
            opened_at=time_from_text(opened),
            clicked_at=time_from_text(clicked),
        )

    def _differs(self, key: str, fields: Mapping[str, object]) -> bool:
        document = self._table.documents[key]
        return any(document.get(name) != value for name, value in fields.items())
