"""Consent and suppression."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from messaging.ids import digest
from messaging.nouns.consent import UNREACHABLE, AddressStatus, Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.documents import is_storable
from messaging.stores.base import Address, Addresses
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.session import Session
from messaging.stores.postgres.table import Table
from messaging.stores.postgres.values import Texts, to_json

CONSENTS = Table(
    "consents",
    {
        **dict.fromkeys(("channel", "address", "topic"), "text"),
        "granted": "boolean",
        "at": "timestamptz",
        "dated": "boolean",
        "source": "text",
        "message_id": "text",
    },
    empty={"source": "", "channel": "", "address": "", "topic": ""},
    key="text",
)
SUPPRESSIONS = Table(
    "suppressions",
    {**dict.fromkeys(("channel", "address", "reason"), "text"), "at": "timestamptz", "source": "text"},
    empty={"source": "", "channel": "", "address": "", "reason": ""},
)
_WANTED = "unnest(%(channels)s::text[], %(addresses)s::text[]) AS wanted (channel, address)"


class PostgresAddresses(Addresses):
    """The `consents` and `suppressions` tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self, addresses: Collection[Address]) -> dict[Address, AddressStatus]:
        known = self._database.read(lambda session: _known(session, addresses)) if addresses else {}
        return {address: known.get(address, _UNKNOWN) for address in addresses}

    def add_consents(self, consents: Iterable[Consent]) -> None:
        rows = [CONSENTS.row(consent.to_document(), _key(consent)) for consent in consents]
        self._database.write(
            lambda session: session.insert("consents", CONSENTS.columns, rows, "ON CONFLICT DO NOTHING"), serial=True
        )

    def suppress(self, suppressions: Iterable[Suppression]) -> None:
        first: dict[Address, Suppression] = {}
        for suppression in suppressions:
            known = first.setdefault((suppression.channel, suppression.address), suppression)
            if known.reason == UNREACHABLE != suppression.reason:
                first[suppression.channel, suppression.address] = suppression
        rows = [SUPPRESSIONS.row(suppression.to_document()) for suppression in first.values()]
        conflict = f"""
            ON CONFLICT (address, channel) DO UPDATE SET {SUPPRESSIONS.replaced}
            WHERE suppressions.reason = '{UNREACHABLE}' AND excluded.reason <> '{UNREACHABLE}'
        """
        self._database.write(
            lambda session: session.insert("suppressions", SUPPRESSIONS.columns, rows, conflict), serial=True
        )

    def unsuppress(self, address: Address) -> bool:
        statement = "DELETE FROM suppressions WHERE channel = %(channel)s AND address = %(address)s"
        values = {"channel": address[0], "address": address[1]}
        return self._database.write(lambda session: session.run(statement, values), serial=True) > 0

    def suppressed(
        self, *, channel: str | None = None, after: Address | None = None, limit: int = 1000
    ) -> list[Suppression]:
        # In the order of the primary key: each page is one look into it.
        conditions = ["channel = %(channel)s"] if channel is not None else []
        if after is not None:
            conditions.append("(address, channel) > (%(after_address)s, %(after_channel)s)")
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        after_channel, after_address = after or (None, None)
        rows = self._database.rows(
            f"SELECT * FROM suppressions {where} ORDER BY address, channel LIMIT %(limit)s",
            {"channel": channel, "after_channel": after_channel, "after_address": after_address, "limit": limit},
        )
        return [Suppression.from_document(SUPPRESSIONS.document(row)) for row in rows]

    # For the other repositories.

    def of_customers(self, customers: Iterable[Customer]) -> dict[str, dict[str, AddressStatus]]:
        """What is known about each of their addresses: customer id -> channel."""
        owned = {customer.id: addresses_of(customer) for customer in customers}
        known = self.status({address for addresses in owned.values() for address in addresses})
        return {
            id: {address[0]: known[address] for address in addresses} for id, addresses in owned.items() if addresses
        }

    @staticmethod
    def forget(session: Session, addresses: Collection[Address]) -> None:
        """Remove what is known about addresses."""
        for table in ("consents", "suppressions"):
            session.run(
                f"DELETE FROM {table} USING {_WANTED} "
                f"WHERE {table}.channel = wanted.channel AND {table}.address = wanted.address",
                _wanted(addresses),
            )


_UNKNOWN = AddressStatus()


def addresses_of(customer: Customer) -> list[Address]:
    """Where a customer is reached."""
    known = {"email": customer.email, "sms": customer.phone, **customer.addresses}
    return [(channel, address) for channel, address in known.items() if address]


def _known(session: Session, addresses: Collection[Address]) -> dict[Address, AddressStatus]:
    consents: defaultdict[Address, list[Consent]] = defaultdict(list)
    suppressions: dict[Address, Suppression] = {}
    statement = f"""
        SELECT channel, address, topic, granted, consents.at, dated, consents.source, message_id,
            reason, suppressions.at, suppressions.source
        FROM {_WANTED} LEFT JOIN consents USING (channel, address) LEFT JOIN suppressions USING (channel, address)
        WHERE consents.key IS NOT NULL OR reason IS NOT NULL
        ORDER BY consents.at, consents.seq
    """
    for channel, address, topic, granted, at, dated, source, message_id, reason, since, told_by in session.tuples(
        statement, _wanted(addresses)
    ):
        place = channel, address
        if topic is not None:
            consents[place].append(
                Consent(
                    channel=channel,
                    address=address,
                    topic=topic,
                    granted=granted,
                    at=at,
                    dated=dated,
                    source=source,
                    message_id=message_id,
                )
            )
        if reason is not None and place not in suppressions:
            suppressions[place] = Suppression(channel=channel, address=address, reason=reason, at=since, source=told_by)
    return {
        place: AddressStatus(tuple(consents.get(place, ())), suppressions.get(place))
        for place in consents.keys() | suppressions.keys()
    }


def _wanted(addresses: Collection[Address]) -> dict[str, Texts]:
    fine = [place for place in dict.fromkeys(addresses) if is_storable("".join(place))]
    return {"channels": Texts(channel for channel, _ in fine), "addresses": Texts(address for _, address in fine)}


def _key(consent: Consent) -> str:
    """What makes two decisions the same: one without a time of its own is the same at a second import."""
    document = consent.to_document()
    if not consent.dated:
        del document["at"]
    return digest("consent", to_json(sorted(document.items())) or "")
