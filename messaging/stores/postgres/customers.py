"""Customers, and all that must go when one is forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from messaging.expressions.inquiry import Inquiry
from messaging.ids import random_id
from messaging.nouns.customer import Customer, told_at_of
from messaging.nouns.history import History, HistoryNeeds
from messaging.rules.identity import Identity
from messaging.stores.base import Address, Customers
from messaging.stores.postgres.addresses import PostgresAddresses, addresses_of
from messaging.stores.postgres.asking import Asking
from messaging.stores.postgres.campaigns import forget_member
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.engagements import facts_of, forget_engagements
from messaging.stores.postgres.events import PostgresEvents, forget_events
from messaging.stores.postgres.messages import forget_messages
from messaging.stores.postgres.session import Session
from messaging.stores.postgres.short_links import forget_links
from messaging.stores.postgres.table import Table, last_of_each
from messaging.stores.postgres.upkeep import scrub
from messaging.stores.postgres.values import askable, maker

_NAMES = ("id", "email", "phone", "first_name", "last_name", "locale", "timezone", "country", "region", "city")
CUSTOMERS = Table(
    "customers",
    {
        **dict.fromkeys((*_NAMES, "postal_code"), "text"),
        "birthday": "date",
        "addresses": "jsonb",
        "attributes": "jsonb",
        "created_at": "timestamptz",
        "updated_at": "timestamptz",
        "told_at": "json",
    },
    empty={"addresses": {}, "attributes": {}},
    email_folded="text",
)
#: What `_customer` reads, in order.
_COLUMNS = ", ".join(field.name for field in fields(Customer))
_made = maker(Customer)
#: Tables in which a customer leaves traces.
_TOUCHED = (
    *("customers", "events", "orders", "order_skus", "order_sums", "short_links", "messages", "members", "engagements"),
    *("consents", "suppressions", "message_counts"),
)


class PostgresCustomers(Customers):
    """The `customers` table."""

    def __init__(
        self, database: Database, *, events: PostgresEvents, addresses: PostgresAddresses, has_sums: bool
    ) -> None:
        """`has_sums`: the schema has `order_sums`."""
        self._database = database
        self._has_sums = has_sums
        self._events = events
        self._addresses = addresses

    def get(self, ids: Iterable[str]) -> dict[str, Customer]:
        ids = askable(ids)
        statement = f"SELECT {_COLUMNS} FROM customers WHERE id = ANY(%(ids)s)"
        rows = self._database.tuples(statement, {"ids": ids}) if ids else []
        found = {customer.id: customer for customer in map(_customer, rows)}
        return {id: found[id] for id in ids if id in found}

    def known(self, ids: Iterable[str]) -> set[str]:
        wanted = {"ids": askable(ids)}
        return {id for (id,) in self._database.tuples("SELECT id FROM customers WHERE id = ANY(%(ids)s)", wanted)}

    def find(self, *, email: str | None = None, phone: str | None = None, limit: int | None = None) -> list[Customer]:
        emails, phones = askable([email.lower()] if email else []), askable([phone] if phone else [])
        if not emails and not phones:
            return []
        rows = self._database.tuples(
            f"""
            SELECT {_COLUMNS} FROM customers WHERE id IN (
                (SELECT id FROM customers WHERE email_folded = ANY(%(emails)s) LIMIT %(limit)s)
                UNION
                (SELECT id FROM customers WHERE phone = ANY(%(phones)s) LIMIT %(limit)s)
                LIMIT %(limit)s
            ) ORDER BY created_at NULLS FIRST, seq
            """,
            {"emails": emails, "phones": phones, "limit": limit},
        )
        return list(map(_customer, rows))

    def at(self, places: Iterable[Address], *, limit: int = 20) -> list[Customer]:
        wanted = list(places)
        emails = askable([address.lower() for channel, address in wanted if channel == "email"])
        phones = askable([address for channel, address in wanted if channel == "sms"])
        rows = self._database.tuples(
            f"""
            SELECT {_COLUMNS} FROM customers WHERE id IN (
                SELECT found.id FROM unnest(%(emails)s::text[]) AS wanted (email) CROSS JOIN LATERAL
                    (SELECT id FROM customers WHERE email_folded = wanted.email LIMIT %(limit)s) AS found
                UNION
                SELECT found.id FROM unnest(%(phones)s::text[]) AS wanted (phone) CROSS JOIN LATERAL
                    (SELECT id FROM customers WHERE phone = wanted.phone LIMIT %(limit)s) AS found
            )
            """,
            {"emails": emails, "phones": phones, "limit": limit},
        )
        return list(map(_customer, rows))

    def put(self, customers: Iterable[Customer]) -> None:
        rows = last_of_each(
            CUSTOMERS.row(customer.to_document(), customer.email.lower() if customer.email else None)
            for customer in customers
        )
        conflict = f"ON CONFLICT (id) DO UPDATE SET {CUSTOMERS.replaced}"
        self._database.write(
            lambda session: session.insert("customers", CUSTOMERS.columns, rows, conflict), serial=True
        )

    def page(self, *, after: str | None = None, limit: int = 1000) -> list[Customer]:
        # No id is empty, so all come after that.
        statement = f"SELECT {_COLUMNS} FROM customers WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
        rows = self._database.tuples(statement, {"after": after or "", "limit": limit})
        return list(map(_customer, rows))

    def candidates(
        self, inquiry: Inquiry, *, after: str | None = None, limit: int = 1000, unsure: bool = False
    ) -> list[tuple[str, bool]]:
        asking = Asking(inquiry, has_sums=self._has_sums)
        condition = asking.write()
        where = condition.possible
        if unsure:
            if condition.exact:
                return []
            where = f"({where} AND ({condition.certain}) IS NOT TRUE)"
        sure = "true" if condition.exact else f"(({condition.certain}) IS TRUE)"
        statement = f"""
            SELECT c.id, {"false" if unsure else sure} FROM {asking.source(whole=False)[1]}
            WHERE c.id > %(after)s AND {where} ORDER BY c.id LIMIT %(limit)s
        """
        return self._database.tuples(statement, {**asking.parameters, "after": after or "", "limit": limit})

    def count_candidates(self, inquiry: Inquiry) -> tuple[int, int]:
        asking = Asking(inquiry, has_sums=self._has_sums)
        condition = asking.write()
        sure = "" if condition.exact else f" FILTER (WHERE {condition.certain})"
        before, source = asking.source(whole=True)
        statement = f"""
            {before} SELECT count(*){sure} AS sure, count(*) AS possible FROM {source} WHERE {condition.possible}
        """
        (row,) = self._database.rows(statement, asking.parameters)
        return row["sure"], row["possible"] - row["sure"]

    def count(self) -> int:
        return self._database.read(lambda session: session.count("customers"))

    def histories(self, ids: Sequence[str], needs: HistoryNeeds) -> dict[str, History]:
        return self._database.snapshot(lambda: self._histories(ids, needs))

    def _histories(self, ids: Sequence[str], needs: HistoryNeeds) -> dict[str, History]:
        orders = self._events.orders_of(ids) if needs.orders else {}
        happened = self._events.happened(ids, needs.happened) if needs.happened else {}
        told = self._events.told(ids, needs.told) if needs.told else {}
        messages = self._database.read(lambda session: facts_of(session, askable(ids))) if needs.messages else {}
        addresses = self._addresses.of_customers(self.get(ids).values()) if needs.addresses else {}
        return {
            id: History(
                orders=orders.get(id, ()),
                happened=happened.get(id, {}),
                told=told.get(id, {}),
                messages=messages.get(id, ()),
                addresses=addresses.get(id, {}),
            )
            for id in ids
        }

    def delete(self, customer_id: str, *, ids: Iterable[str] = (), addresses: Iterable[Address] = ()) -> None:
        ids, addresses = list(ids), list(addresses)

        def forget(session: Session) -> None:
            statement = f"DELETE FROM customers WHERE id = %(id)s RETURNING {_COLUMNS}"
            rows = session.tuples(statement, {"id": customer_id})
            if not rows:
                return
            own = {*addresses_of(_customer(rows[0])), *addresses}
            identity = Identity(customer_id, own, ids=ids, alias=random_id())
            forget_events(session, identity)
            forget_links(session, customer_id)
            forget_messages(session, identity)
            forget_member(session, identity)
            forget_engagements(session, identity)
            theirs = [address for address in own if not _is_anybodys(session, address)]
            self._addresses.forget(session, theirs)

        self._database.write(forget, serial=True)
        scrub(self._database, _TOUCHED)


def _customer(row: tuple[Any, ...]) -> Customer:
    """The customer in a row. Not by way of a document: planners and senders read every one of them."""
    *values, told_at = row
    return _made((*values, told_at_of(told_at) if told_at else {}))


def _is_anybodys(session: Session, place: Address) -> bool:
    channel, address = place
    if channel == "email":
        statement, address = "SELECT FROM customers WHERE email_folded = %(address)s", address.lower()
    elif channel == "sms":
        statement = "SELECT FROM customers WHERE phone = %(address)s"
    else:
        statement = (
            "SELECT FROM customers WHERE addresses @> jsonb_build_object(%(channel)s::text, %(address)s::text) "
            "AND addresses <> '{}'"
        )
    return session.row(f"{statement} LIMIT 1", {"channel": channel, "address": address}) is not None
