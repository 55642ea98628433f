"""Events, and the orders they add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from messaging.nouns.documents import is_storable
from messaging.nouns.event import Event, EventState
from messaging.nouns.history import EventFact
from messaging.nouns.order import Order
from messaging.rules.identity import Identity
from messaging.rules.subjects import names_in, same
from messaging.stores.events import Events
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.orders import order_of, put_orders
from messaging.stores.postgres.session import Row, Session
from messaging.stores.postgres.table import Table, of_each
from messaging.stores.postgres.values import askable, short
from messaging.stores.values import pack

#: What an event is about, by the columns in which that is looked up.
_SUBJECTS = {
    "order_number": ("order", "number"),
    "order_id": ("order", "id"),
    "cart_id": ("cart", "id"),
    "product_id": ("product", "id"),
    "product_sku": ("product", "sku"),
}
EVENTS = Table(
    "events",
    {
        "key": "text",
        **dict.fromkeys(("id", "type", "source", "shop", "customer_id", "state", "error", "worker"), "text"),
        "time": "timestamptz",
        "customer": "json",
        "data": "json",
        "incomplete": "json",
        "live": "boolean",
        "received_at": "timestamptz",
        "attempts": "integer",
        "next_at": "timestamptz",
        "fingerprint": "text",
    },
    empty={
        "customer": {},
        "data": {},
        "attempts": 0,
        "fingerprint": "",
        "id": "",
        "type": "",
        "source": "",
        "shop": "",
    },
    **dict.fromkeys(_SUBJECTS, "text"),
)


class PostgresEvents(Events):
    """The `events`, `erased_events` and `orders` tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, events: Sequence[Event]) -> list[Event | None]:
        rows = {event.key: _row(event) for event in reversed(events)}

        def add(session: Session) -> tuple[set[str], dict[str, Event], set[str]]:
            gone = _erased(session, rows)
            fresh = [rows[key] for key in dict.fromkeys(event.key for event in events) if key not in gone]
            new = session.insert("events", EVENTS.columns, fresh, "ON CONFLICT (key) DO NOTHING RETURNING key")
            added = {key for (key,) in new}
            return added, _get(session, [key for key in rows if key not in added and key not in gone]), gone

        added, known, gone = self._database.write(add)
        found: list[Event | None] = []
        for event in events:
            if event.key in gone:
                found.append(replace(event, customer={}, data={}, state=EventState.DONE, worker=None, fingerprint=""))
            elif event.key in added:
                found.append(None)
                known[event.key] = event  # should it be told twice at once
                added.remove(event.key)
            else:
                found.append(known[event.key])
        return found

    def get(self, keys: Iterable[str]) -> dict[str, Event]:
        return self._database.read(lambda session: _get(session, askable(keys)))

    def settle(self, key: str, state: EventState, *, customer_id: str | None = None, error: str | None = None) -> None:
        values = {"key": key, "state": state.value, "customer_id": customer_id, "error": error}
        pack(values, "events")
        statement = """
            UPDATE events SET state = %(state)s, error = %(error)s, worker = NULL, next_at = NULL,
                customer_id = coalesce(%(customer_id)s, customer_id)
            WHERE key = %(key)s
        """
        self._database.write(lambda session: session.run(statement, values))

    def fill(self, event: Event) -> None:
        values = dict(zip(EVENTS.columns, _row(event), strict=True))
        statement = f"""
            UPDATE events SET type = %(type)s, time = %(time)s, customer = %(customer)s::json, data = %(data)s::json,
                incomplete = %(incomplete)s::json, {", ".join(f"{name} = %({name})s" for name in _SUBJECTS)}
            WHERE key = %(key)s
        """
        self._database.write(lambda session: session.run(statement, values))

    def forget(self, keys: Iterable[str]) -> None:
        wanted = askable(keys)
        if wanted:
            self._database.write(lambda session: _drop(session, wanted))

    def forgotten(self, keys: Iterable[str]) -> set[str]:
        wanted = askable(keys)
        return self._database.read(lambda session: _erased(session, wanted))

    def put_off(self, events: Iterable[Event], until: datetime) -> None:
        rows = sorted({event.key: (event.key, event.attempts, event.error) for event in events}.values())
        if not rows:
            return
        keys, attempts, errors = map(list, zip(*rows, strict=True))
        pack({"error": errors}, "events")
        values = {"keys": keys, "attempts": attempts, "errors": errors, "until": until}
        statement = """
            UPDATE events SET next_at = %(until)s, attempts = told.attempts, error = told.error
            FROM unnest(%(keys)s::text[], %(attempts)s::integer[], %(errors)s::text[]) AS told (key, attempts, error)
            WHERE events.key = told.key AND state = 'received'
        """
        self._database.write(lambda session: session.run(statement, values))

    def received(self, *, now: datetime, limit: int = 1000) -> list[Event]:
        statement = """
            (SELECT *, 0 AS turn FROM events WHERE state = 'received' AND next_at <= %(now)s
             ORDER BY next_at LIMIT %(limit)s)
            UNION ALL
            (SELECT *, 1 AS turn FROM events WHERE state = 'received' AND next_at IS NULL ORDER BY seq LIMIT %(limit)s)
            LIMIT %(limit)s
        """
        rows = self._database.rows(statement, {"now": now, "limit": limit})
        return [event_of(row) for row in sorted(rows, key=_turn)]

    def waiting(self) -> int:
        # Each by its index: those that were put off have one of their own.
        statement = """
            SELECT (SELECT count(*) FROM events WHERE state = 'received' AND next_at IS NULL)
                + (SELECT count(*) FROM events WHERE state = 'received' AND next_at IS NOT NULL)
        """
        ((number,),) = self._database.tuples(statement)
        return int(number)

    def page(
        self,
        *,
        customer_id: str | None = None,
        type: str | None = None,
        state: EventState | None = None,
        limit: int = 100,
    ) -> list[Event]:
        wanted = {"customer_id": customer_id, "type": type, "state": state.value if state else None}
        given = {name: value for name, value in wanted.items() if value is not None}
        if not all(map(is_storable, given.values())):
            return []
        # Of a customer without a type all are looked at: in their index the type comes before the order.
        where = " AND ".join(f"{name} = %({name})s" for name in given)
        if state is EventState.FAILED:
            where = where.replace("%(state)s", "'failed'")
        statement = f"SELECT * FROM events {f'WHERE {where}' if where else ''} ORDER BY seq DESC LIMIT %(limit)s"
        return list(map(event_of, self._database.rows(statement, {**given, "limit": limit})))

    def about_the_same(self, event: Event, customer_id: str) -> list[Event]:
        named = names_in(event.data)
        kind = next((kind for kind in ("order", "cart") if kind in named), None)
        if kind is None or not is_storable(customer_id):
            return []
        mine = named[kind]
        found = self._database.read(lambda session: events_naming(session, customer_id, kind, mine))
        return [
            each
            for each in found
            if (each.source, each.shop) == (event.source, event.shop)
            and each.state is not EventState.FAILED
            and same(mine, names_in(each.data).get(kind, {}))
        ]

    def count(self) -> int:
        return self._database.read(lambda session: session.count("events"))

    def orders(self, keys: Iterable[str]) -> dict[str, Order]:
        wanted = askable(keys)
        rows = self._database.rows("SELECT * FROM orders WHERE key = ANY(%(keys)s)", {"keys": wanted})
        found = {row["key"]: order_of(row) for row in rows}
        return {key: found[key] for key in wanted if key in found}

    def put_orders(self, orders: Iterable[Order]) -> None:
        orders = list(orders)
        if orders:
            self._database.write(lambda session: put_orders(session, orders), serial=True)

    def orders_of(self, customer_ids: Sequence[str]) -> dict[str, tuple[Order, ...]]:
        statement = f"SELECT orders.* FROM {of_each('orders', 'customer_id')} ORDER BY placed_at NULLS LAST, key"
        found: defaultdict[str, list[Order]] = defaultdict(list)
        for row in self._database.rows(statement, {"ids": askable(customer_ids)}):
            found[row["customer_id"]].append(order_of(row))
        return {id: tuple(found[id]) for id in customer_ids if id in found}

    # For histories.

    def happened(
        self, customer_ids: Sequence[str], types: Collection[str]
    ) -> dict[str, dict[str, tuple[datetime, ...]]]:
        """When events of `types` happened to each customer, in order of time."""
        statement = f"""
            SELECT customer_id, type, array_agg(time ORDER BY time) AS times
            FROM {of_each("events", "customer_id", "type = ANY(%(types)s)")} GROUP BY customer_id, type
        """
        found: defaultdict[str, dict[str, tuple[datetime, ...]]] = defaultdict(dict)
        for row in self._database.rows(statement, {"ids": askable(customer_ids), "types": askable(types)}):
            found[row["customer_id"]][row["type"]] = tuple(row["times"])
        return found

    def told(self, customer_ids: Sequence[str], types: Collection[str]) -> dict[str, dict[str, tuple[EventFact, ...]]]:
        """Events of `types` that happened to each customer with what they were about, in order of time."""
        statement = f"""
            SELECT customer_id, type, time, source, shop, id, data
            FROM {of_each("events", "customer_id", "type = ANY(%(types)s)")} ORDER BY time, id
        """
        found: defaultdict[str, defaultdict[str, list[EventFact]]] = defaultdict(lambda: defaultdict(list))
        for row in self._database.rows(statement, {"ids": askable(customer_ids), "types": askable(types)}):
            names = names_in({**row["data"], "event": {"id": row["id"]}})
            found[row["customer_id"]][row["type"]].append(EventFact(row["time"], row["source"], row["shop"], names))
        return {id: {type: tuple(facts) for type, facts in by_type.items()} for id, by_type in found.items()}


def events_naming(session: Session, customer_id: str, kind: str, names: Mapping[str, str]) -> list[Event]:
    """A customer's events that name a thing by one of these."""
    columns = {column: names[field] for column, (of, field) in _SUBJECTS.items() if of == kind and field in names}
    if not columns:
        return []
    either = " UNION ".join(
        f"SELECT key FROM events WHERE customer_id = %(customer_id)s AND {column} = %({column})s" for column in columns
    )
    values = {column: short(name) for column, name in columns.items()}
    rows = session.rows(
        f"SELECT * FROM events WHERE key IN ({either}) ORDER BY seq",
        {**values, "customer_id": customer_id},
    )
    return list(map(event_of, rows))


def forget_events(session: Session, identity: Identity) -> None:
    """Remove the orders of a customer, their events, and those that never got as far as being theirs."""
    theirs = session.rows("SELECT key FROM events WHERE customer_id = %(id)s", {"id": identity.customer_id})
    _drop(session, [row["key"] for row in theirs])
    nobodys = [
        row["key"]
        for row in session.rows("SELECT key, customer FROM events WHERE customer_id IS NULL")
        if identity.named_by(row["customer"])
    ]
    session.run("DELETE FROM events WHERE key = ANY(%(keys)s)", {"keys": nobodys})
    session.run("DELETE FROM orders WHERE customer_id = %(id)s", {"id": identity.customer_id})


def _row(event: Event) -> tuple[Any, ...]:
    names = names_in(event.data)
    subjects = (names.get(kind, {}).get(field) for kind, field in _SUBJECTS.values())
    return EVENTS.row({**event.to_document(), "key": event.key}, *map(short, subjects))


def event_of(row: Row) -> Event:
    """The event in a row."""
    document = EVENTS.document(row)
    del document["key"]
    return Event.from_document(document)


def _turn(row: Row) -> tuple[int, datetime | int]:
    return row["turn"], row["seq"] if row["turn"] else row["next_at"]


def _get(session: Session, keys: Sequence[str]) -> dict[str, Event]:
    rows = session.rows("SELECT * FROM events WHERE key = ANY(%(keys)s)", {"keys": keys}) if keys else []
    found = {row["key"]: event_of(row) for row in rows}
    return {key: found[key] for key in keys if key in found}


def _erased(session: Session, keys: Collection[str]) -> set[str]:
    rows = session.rows("SELECT key FROM erased_events WHERE key = ANY(%(keys)s)", {"keys": list(keys)})
    return {row["key"] for row in rows}


def _drop(session: Session, keys: list[str]) -> None:
    session.run("DELETE FROM events WHERE key = ANY(%(keys)s)", {"keys": keys})
    session.run("INSERT INTO erased_events SELECT unnest(%(keys)s::text[]) ON CONFLICT DO NOTHING", {"keys": keys})
