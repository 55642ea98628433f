"""Customers, and all that must go when one is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from messaging.expressions.inquiry import Inquiry
from messaging.ids import random_id
from messaging.nouns.customer import Customer
from messaging.nouns.history import History, HistoryNeeds
from messaging.rules.identity import Identity
from messaging.stores.base import Address, Customers
from messaging.stores.tinydb.addresses import TinyAddresses, addresses_in
from messaging.stores.tinydb.campaigns import TinyCampaigns
from messaging.stores.tinydb.engagements import TinyEngagements
from messaging.stores.tinydb.events import TinyEvents
from messaging.stores.tinydb.outbox import TinyOutbox
from messaging.stores.tinydb.rows import Groups, Ordered
from messaging.stores.tinydb.short_links import TinyShortLinks
from messaging.stores.tinydb.table import JournalDB


class TinyCustomers(Customers):
    """The `customers` table."""

    def __init__(
        self,
        db: JournalDB,
        *,
        events: TinyEvents,
        outbox: TinyOutbox,
        campaigns: TinyCampaigns,
        addresses: TinyAddresses,
        engagements: TinyEngagements,
        short_links: TinyShortLinks,
    ) -> None:
        self._emails = Groups("email", fold=str.lower)
        self._phones = Groups("phone")
        self._ids = Ordered()
        self._table = db.journal_table(
            "customers",
            indexes=(self._emails, self._phones, self._ids),
            shared=(
                "id",
                "email",
                "locale",
                "timezone",
                "country",
                "region",
                "city",
                "created_at",
                "updated_at",
            ),
        )
        self._journal = db.journal
        self._events = events
        self._outbox = outbox
        self._campaigns = campaigns
        self._addresses = addresses
        self._engagements = engagements
        self._short_links = short_links

    def get(self, ids: Iterable[str]) -> dict[str, Customer]:
        with self._journal.reading():
            return {key: Customer.from_document(document) for key, document in self._table.copies(ids)}

    def known(self, ids: Iterable[str]) -> set[str]:
        with self._journal.reading():
            return {id for id in ids if id in self._table.documents}

    def find(self, *, email: str | None = None, phone: str | None = None, limit: int | None = None) -> list[Customer]:
        with self._journal.reading():
            keys = dict.fromkeys(
                (self._emails.of(email)[:limit] if email else []) + (self._phones.of(phone)[:limit] if phone else [])
            )
            documents = [document for _, document in self._table.copies(islice(keys, limit))]
        documents.sort(key=lambda document: document.get("created_at", ""))
        return [Customer.from_document(document) for document in documents]

    def put(self, customers: Iterable[Customer]) -> None:
        with self._journal.changing():
            for customer in customers:
                self._table.put(customer.id, customer.to_document())

    def page(self, *, after: str | None = None, limit: int = 1000) -> list[Customer]:
        with self._journal.reading():
            page = islice(self._ids.after(after), limit)
            return [Customer.from_document(document) for _, document in self._table.copies(page)]

    def candidates(
        self, inquiry: Inquiry, *, after: str | None = None, limit: int = 1000, unsure: bool = False
    ) -> list[tuple[str, bool]]:
        with self._journal.reading():
            return [(id, False) for id in islice(self._ids.after(after), limit)]

    def count(self) -> int:
        with self._journal.reading():
            return len(self._table.documents)

    def histories(self, ids: Sequence[str], needs: HistoryNeeds) -> dict[str, History]:
        with self._journal.reading():
            orders = self._events.orders_of(ids) if needs.orders else {}
            happened = self._events.happened(ids, needs.happened) if needs.happened else {}
            told = self._events.told(ids, needs.told) if needs.told else {}
            sent = self._outbox.sent_to(ids) if needs.messages else {}
            messages = self._engagements.facts(sent) if needs.messages else {}
            documents = self._table.documents if needs.addresses else {}
            return {
                key: History(
                    orders=orders.get(key, ()),
                    happened=happened.get(key, {}),
                    told=told.get(key, {}),
                    messages=messages.get(key, ()),
                    addresses=self._addresses.of_customer(documents[key]) if key in documents else {},
                )
                for key in ids
            }

    def delete(self, customer_id: str, *, ids: Iterable[str] = (), addresses: Iterable[Address] = ()) -> None:
        with self._journal.changing():
            document = self._table.documents.get(customer_id)
            if document is not None:
                self._table.drop([customer_id])
                own = {*addresses_in(document), *addresses}
                identity = Identity(customer_id, own, ids=ids, alias=random_id())
                self._events.forget_customer(identity)
                self._short_links.forget(self._outbox.ids_of(customer_id))
                self._outbox.forget(identity)
                self._campaigns.forget(identity)
                self._engagements.forget(identity)
                self._addresses.forget(address for address in own if not self._has(address))
            self._journal.scrub()

    def _has(self, place: Address) -> bool:
        """Whether anybody has an address."""
        channel, address = place
        if channel == "email":
            return bool(self._emails.of(address))
        if channel == "sms":
            return bool(self._phones.of(address))
        return any(place in addresses_in(document) for document in self._table.documents.values())
