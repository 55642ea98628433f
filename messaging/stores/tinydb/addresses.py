"""Consent and suppression: one row an address, with all decisions about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from messaging.nouns.consent import UNREACHABLE, AddressStatus, Consent, Suppression
from messaging.nouns.documents import Document
from messaging.stores.base import Address, Addresses
from messaging.stores.tinydb.rows import Ordered
from messaging.stores.tinydb.table import JournalDB

_UNKNOWN = AddressStatus()


class TinyAddresses(Addresses):
    """The `addresses` table."""

    def __init__(self, db: JournalDB) -> None:
        self._suppressed = Ordered("suppression")
        self._table = db.journal_table("addresses", indexes=[self._suppressed], shared=("address", "channel"))
        self._journal = db.journal

    def status(self, addresses: Collection[Address]) -> dict[Address, AddressStatus]:
        with self._journal.reading():
            return {address: self._status(address) for address in addresses}

    def add_consents(self, consents: Iterable[Consent]) -> None:
        with self._journal.changing():
            for consent in consents:
                address = (consent.channel, consent.address)
                document = self._row(address)
                decision = _without_address(consent.to_document())
                known = document.get("consents", [])
                if all(_decided(decision) != _decided(other) for other in known):
                    self._table.put(_key(address), {**document, "consents": [*known, decision]})

    def suppress(self, suppressions: Iterable[Suppression]) -> None:
        with self._journal.changing():
            for suppression in suppressions:
                address = (suppression.channel, suppression.address)
                document = self._row(address)
                known = document.get("suppression")
                if known is None or (known["reason"] == UNREACHABLE != suppression.reason):
                    reason = _without_address(suppression.to_document())
                    self._table.put(_key(address), {**document, "suppression": reason})

    def unsuppress(self, address: Address) -> bool:
        with self._journal.changing():
            suppressed = "suppression" in self._row(address)
            if suppressed:
                self._table.patch([_key(address)], {"suppression": None})
            return suppressed

    def suppressed(
        self, *, channel: str | None = None, after: Address | None = None, limit: int = 1000
    ) -> list[Suppression]:
        with self._journal.reading():
            keys = self._suppressed.after(None if after is None else _key(after))
            documents = map(self._table.documents.__getitem__, keys)
            wanted = (each for each in documents if channel in (None, each["channel"]))
            return [
                Suppression.from_document({**_place(each), **each["suppression"]}) for each in islice(wanted, limit)
            ]

    # For the other repositories, inside `reading` or `changing`.

    def of_customer(self, customer: Document) -> dict[str, AddressStatus]:
        """What is known about each of a customer's addresses, by channel."""
        return {address[0]: self._status(address) for address in addresses_in(customer)}

    def forget(self, addresses: Iterable[Address]) -> None:
        """Remove what is known about addresses."""
        self._table.drop([_key(address) for address in addresses])

    def _row(self, address: Address) -> Document:
        return self._table.documents.get(_key(address)) or {"channel": address[0], "address": address[1]}

    def _status(self, address: Address) -> AddressStatus:
        document = self._table.documents.get(_key(address))
        if document is None:
            return _UNKNOWN
        place = {"channel": address[0], "address": address[1]}
        consents = [Consent.from_document({**place, **decision}) for decision in document.get("consents", ())]
        suppression = document.get("suppression")
        return AddressStatus(
            consents=tuple(sorted(consents, key=lambda consent: consent.at)),
            suppression=Suppression.from_document({**place, **suppression}) if suppression else None,
        )


def addresses_in(customer: Document) -> list[Address]:
    """The addresses in a customer's document."""
    known = {"email": customer.get("email"), "sms": customer.get("phone"), **customer.get("addresses", {})}
    return [(channel, address) for channel, address in known.items() if address]


def _key(address: Address) -> str:
    return f"{address[0]}\n{address[1]}"


def _place(document: Mapping[str, Any]) -> Document:
    return {"channel": document["channel"], "address": document["address"]}


def _without_address(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in ("channel", "address")}


def _decided(decision: Document) -> dict[str, Any]:
    """What makes two decisions the same: one without a time of its own is the same at a second import."""
    return decision if decision["dated"] else {name: value for name, value in decision.items() if name != "at"}
