"""No hot query costs more for what is already sent: each goes by the index that is named for it."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from messaging.expressions import Schema, parse
from messaging.expressions.inquiry import Inquiry
from messaging.nouns.history import HistoryNeeds
from messaging.nouns.message import Lane, MessageState
from messaging.stores.outbox import Outcome

pytestmark = pytest.mark.postgres

#: Rows of a shop that has sent for years, and as many customers and events; 200 messages are still to go.
SENT = 100_000
FILL = f"""
INSERT INTO messages (id, origin, customer_id, channel, address, template, version, message_class, topic, lane, campaign,
    state, due_at, created_at, attempts, sent_at)
SELECT md5(n::text), 'campaign:old', 'c' || n % 20000, 'email', 'c' || n || '@example.com', 'promotion', 'v', 'marketing',
    'news', 2, CASE n % 2 WHEN 0 THEN 'old' ELSE 'older' END, CASE WHEN n % 1000 = 0 THEN 'refused' ELSE 'sent' END,
    now(), now(), 1, now()
FROM generate_series(1, {SENT}) AS n;
INSERT INTO events (key, id, type, time, source, shop, customer, data, customer_id, live, received_at, state, attempts,
    fingerprint, order_number, cart_id, product_sku)
SELECT md5(n::text), n::text, 'order.placed', now(), 'api', 'default', '{{}}', '{{}}', 'c' || n % 20000, true, now(), 'done', 0,
    '', n::text, n::text, n::text
FROM generate_series(1, {SENT}) AS n;
INSERT INTO customers (id, email, email_folded, phone)
SELECT 'c' || n, 'c' || n || '@example.com', 'c' || n || '@example.com', '+1' || n FROM generate_series(1, 20000) AS n;
INSERT INTO engagements (key, id, kind, at, message_id, customer_id, source, permanent, soft, machine, of_template,
    of_version, of_channel, of_campaign, of_test)
SELECT md5(n::text), n::text, 'clicked', now(), md5(n::text), 'c' || n % 20000, 'links', false, false, false, 'promotion', 'v',
    'email', 'old', false
FROM generate_series(1, {SENT}) AS n;
INSERT INTO orders (key, source, shop, customer_id, placed_at, total, currency, document)
SELECT n::text, 'api', 'default', 'c' || n % 20000, now() - n % 1000 * interval '1 day', 10, 'EUR',
    json_build_object('key', n::text, 'source', 'api', 'shop', 'default', 'id', repeat('x', 400))
FROM generate_series(1, 40000) AS n;
ANALYZE;
"""
LARGE = {"messages", "events", "customers", "engagements", "orders"}
#: A large campaign that was planned just now: the planner does not know of it yet.
PLANNED = """
INSERT INTO messages (id, origin, customer_id, channel, address, template, version, message_class, topic, lane, campaign,
    state, due_at, created_at, attempts)
SELECT 'q' || n, 'campaign:big', 'c' || n % 20000, 'email', 'c' || n || '@example.com', 'other', 'v', 'marketing', 'news', 2,
    'big', 'planned', now(), now(), 0
FROM generate_series(1, 30000) AS n
"""


class Watched:
    """Explains each statement before it is run, and keeps the plans."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.nodes: list[dict[str, Any]] = []
        real = psycopg.Cursor.execute

        def execute(cursor: Any, statement: Any, values: Any = None, **options: Any) -> Any:
            if str(statement).lstrip().startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "(SELECT", "WITH")):
                aside = cursor.connection.cursor(row_factory=psycopg.rows.tuple_row)
                real(aside, f"EXPLAIN (FORMAT JSON) {statement}", values)
                self._keep(aside.fetchone()[0][0]["Plan"])
            return real(cursor, statement, values, **options)

        monkeypatch.setattr(psycopg.Cursor, "execute", execute)

    def _keep(self, plan: dict[str, Any]) -> None:
        self.nodes.append(plan)
        for inner in plan.get("Plans", ()):
            self._keep(inner)

    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    def whole(self) -> set[str]:
        """Large tables that are read from beginning to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"} & LARGE


@pytest.fixture(scope="module")
def large(postgres: str) -> Any:
    """A store in which a lot was sent. Nothing that is done here is kept."""
    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.store import PostgresStore

    schema = f"test_{secrets.token_hex(8)}"
    store = PostgresStore(read_address(f"{postgres}?schema={schema}&options=-c%20synchronous_commit%3Doff"))
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"SET search_path = {schema}")
        connection.execute(FILL)
        # As after a vacuum, which can do it only when nobody else's transaction is older.
        connection.execute("UPDATE pg_class SET relallvisible = relpages WHERE oid = 'orders'::regclass")
        connection.execute(PLANNED)
        yield store
        store.close()
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def claim(store, make):
    store.outbox.claim("w", now=make.now, limit=100, campaign="spring", channel="email")


def claim_lane(store, make):
    store.outbox.claim("w", now=make.now, limit=100, lanes={Lane.ORDER}, channel="email")


QUERIES = {
    "claim": (claim, "messages_claim_campaign"),
    "claim of a lane": (claim_lane, "messages_claim"),
    "next_due": (lambda s, m: s.outbox.next_due(campaign="spring"), "messages_claim_campaign"),
    "next_due of a lane": (lambda s, m: s.outbox.next_due(lanes=[Lane.ORDER], channel="email"), "messages_claim"),
    "begin": (lambda s, m: s.outbox.begin("w", [f"p{n}" for n in range(50)], now=m.now), "messages_pkey"),
    "settle": (lambda s, m: s.outbox.settle([m.sent(f"p{n}") for n in range(50)]), "messages_pkey"),
    "settle a thousand": (
        lambda s, m: s.outbox.settle([Outcome(message_id=f"x{n}", state=MessageState.SENT) for n in range(1000)]),
        "messages_pkey",
    ),
    "release": (lambda s, m: s.outbox.release("w"), "messages_worker"),
    "bury": (lambda s, m: s.outbox.bury("w", by="x"), "messages_worker"),
    "workers": (lambda s, m: s.outbox.workers(), "messages_worker"),
    "stop": (lambda s, m: s.outbox.stop("none", "cancelled"), None),
    "page": (lambda s, m: s.outbox.page(after="8"), "messages_pkey"),
    "page of a campaign": (lambda s, m: s.outbox.page(campaign="old", after="8"), "messages_page_campaign"),
    "page of who was refused": (
        lambda s, m: s.outbox.page(campaign="old", state=MessageState.REFUSED),
        "messages_page_refused",
    ),
    "page of what is planned": (
        lambda s, m: s.outbox.page(template="promotion", state=MessageState.PLANNED),
        "messages_page_planned",
    ),
    "page of a template": (lambda s, m: s.outbox.page(template="promotion", after="8"), "messages_page_campaign"),
    "page of a template of events": (lambda s, m: s.outbox.page(template="welcome"), "messages_page_template"),
    "page of a template and a state": (
        lambda s, m: s.outbox.page(template="promotion", state=MessageState.REFUSED),
        "messages_page_refused",
    ),
    "page of a customer": (lambda s, m: s.outbox.page(customer_id="c7"), "messages_page_customer"),
    "waiting": (lambda s, m: s.outbox.waiting(customer_id="c7"), "messages_page_customer"),
    "recent": (lambda s, m: s.outbox.recent(["c7", "c8"], m.now - timedelta(days=7)), "messages_page_customer"),
    "pending": (lambda s, m: s.outbox.pending(["c7", "c8"]), "messages_page_customer"),
    "forget_contexts": (lambda s, m: s.outbox.forget_contexts(m.now), "messages_forget_contexts"),
    "find by email": (lambda s, m: s.customers.find(email="C7@example.com"), "customers_find_email"),
    "find by phone": (lambda s, m: s.customers.find(phone="+17"), "customers_find_phone"),
    "customers": (lambda s, m: s.customers.page(after="c7", limit=100), "customers_pkey"),
    "received": (lambda s, m: s.events.received(now=m.now), "events_received"),
    "received, put off": (lambda s, m: s.events.received(now=m.now), "events_received_later"),
    "how many events wait": (lambda s, m: s.events.waiting(), "events_received"),
    "events": (lambda s, m: s.events.page(), "events_page"),
    "events of a customer": (lambda s, m: s.events.page(customer_id="c7", type="order.placed"), "events_page_customer"),
    "about the same": (lambda s, m: s.events.about_the_same(m.event("7"), "c7"), "events_order_number"),
    "about a product": (
        lambda s, m: s.products.events("order.placed", m.event("x", data={"product": {"sku": "none"}})),
        "events_product_sku",
    ),
    "of messages": (lambda s, m: s.engagements.of_messages(["a", "b"]), "engagements_of_messages"),
    "judge": (lambda s, m: s.engagements.judge({"none": (True, ())}), "engagements_judge"),
    "of an address": (lambda s, m: s.engagements.of_address(("sms", "+1")), "engagements_of_address"),
    "summary": (lambda s, m: s.engagements.summary(campaign="spring"), "engagements_summary_campaign"),
}


@pytest.mark.parametrize("name", QUERIES)
def test_goes_by_its_index(large, make, monkeypatch, name):
    query, index = QUERIES[name]
    large.outbox.add([make.message(f"p{n}") for n in range(100)])
    large.outbox.add([make.message(f"o{n}", lane=Lane.ORDER) for n in range(100)])
    watched = Watched(monkeypatch)
    query(large, make)
    assert watched.whole() == set()
    assert index in (*watched.indexes(), None)


@pytest.mark.parametrize(
    "asked",
    [
        {"campaign": "big"},
        {"lanes": [Lane.ORDER], "channel": "email"},
        {},
        {"lanes": [Lane.ORDER]},
        {"lanes": [Lane.CAMPAIGN]},
    ],
)
def test_what_is_due_next_is_found_without_sorting_all_that_waits(large, monkeypatch, asked):
    watched = Watched(monkeypatch)
    large.outbox.next_due(**asked)
    kinds = {node["Node Type"] for node in watched.nodes}
    assert "Sort" not in kinds
    assert watched.whole() == set()
    assert watched.indexes() <= {"messages_claim", "messages_claim_campaign"}


def test_looking_for_what_is_due_next_writes_nothing(large, monkeypatch):
    said: list[str] = []
    real = psycopg.Connection.execute

    def execute(connection: Any, query: Any, *rest: Any, **options: Any) -> Any:
        said.append(str(query))
        return real(connection, query, *rest, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", execute)
    large.outbox.next_due(lanes=[Lane.ORDER])
    assert any("READ ONLY" in query for query in said)
    assert "COMMIT" not in said


def test_how_a_campaign_stands_is_known_without_a_look_at_its_messages(large, monkeypatch):
    watched = Watched(monkeypatch)
    assert sum(large.outbox.counts("old").values()) == SENT // 2
    large.outbox.reasons("old")
    large.health()
    large.customers.count()
    large.events.count()
    tables = {node.get("Relation Name") for node in watched.nodes}
    assert "message_counts" in tables
    assert not tables & {"messages", "events", "customers"}


class Undone(Exception):
    pass


#: As many as are asked about at once.
MANY = [f"c{n}" for n in range(256)]
IDS = [f"x{n}" for n in range(1000)]
PAGES = {
    "recent": lambda s, m: s.outbox.recent(MANY, m.now - timedelta(days=7)),
    "pending": lambda s, m: s.outbox.pending(MANY),
    "skipped": lambda s, m: s.outbox.skipped(MANY, now=m.now),
    "waiting": lambda s, m: s.outbox.waiting(customer_id="c7"),
    "messages": lambda s, m: s.outbox.get(IDS),
    "begin": lambda s, m: s.outbox.begin("w", IDS, now=m.now),
    "settle": lambda s, m: s.outbox.settle([Outcome(message_id=id, state=MessageState.SENT) for id in IDS]),
    "histories": lambda s, m: s.customers.histories(
        MANY,
        HistoryNeeds(orders=True, happened={"order.placed"}, told={"cart.abandoned"}, messages=True, addresses=True),
    ),
    "customers": lambda s, m: s.customers.get(MANY),
    "of messages": lambda s, m: s.engagements.of_messages(IDS),
    "judge": lambda s, m: s.engagements.judge(dict.fromkeys(IDS, (True, ()))),
    "events": lambda s, m: s.events.get(IDS),
    "orders": lambda s, m: s.events.orders(IDS),
    "who is due": lambda s, m: s.outbox.claim("w", now=m.now, limit=100),
    "what waits": lambda s, m: s.events.waiting(),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_found_by_its_index_before_the_tables_were_ever_analyzed(large, make, monkeypatch, name):
    """As in a new shop, or after a migration: the planner takes each value to be that of many rows."""
    unknown = "DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relname = ANY(%(tables)s))"
    tables = [*LARGE]
    with suppress(Undone), large.transaction():  # so that nothing of it is kept
        large._database.write(lambda session: session.run(unknown, {"tables": tables}))
        watched = Watched(monkeypatch)
        PAGES[name](large, make)
        raise Undone
    assert watched.nodes
    assert watched.whole() == set()


def test_who_has_messages_is_found_without_reading_them(large, make, monkeypatch):
    """In the middle of a campaign nothing is known of the column yet: the planner takes half of all rows to be locked."""
    unknown = "DELETE FROM pg_statistic WHERE starelid = 'messages'::regclass"
    with suppress(Undone), large.transaction():  # so that nothing of it is kept
        large._database.write(lambda session: session.run(unknown))
        for worker, limit in (("v", 10), ("w", 1000)):
            large.outbox.claim(worker, now=datetime.now(UTC), limit=limit, campaign="big", channel="email")
        watched = Watched(monkeypatch)
        assert large.outbox.workers() == ["v", "w"]
        raise Undone
    assert watched.whole() == set()


@pytest.mark.parametrize("where", ["orders.total(days=365) > 5", "orders.count(days=365) == 0"])
def test_what_orders_in_a_window_add_up_to_is_read_from_an_index(large, make, monkeypatch, where):
    root = parse(where, Schema(attributes={})).root
    inquiry = Inquiry(root=root, segments={}, now=make.now, currency="EUR", cuts=None)
    watched = Watched(monkeypatch)
    large.customers.count_candidates(inquiry)
    assert "orders_in_window" in watched.indexes()
    assert {node["Node Type"] for node in watched.nodes if node.get("Relation Name") == "orders"} == {"Index Only Scan"}


def test_who_has_no_orders_in_a_window_is_found_without_counting_any(large, make, monkeypatch):
    root = parse("orders.count(days=365) == 0 and email is defined", Schema(attributes={})).root
    inquiry = Inquiry(root=root, segments={}, now=make.now, currency="EUR", cuts=None)
    watched = Watched(monkeypatch)
    large.customers.count_candidates(inquiry)
    assert "Anti" in {node.get("Join Type") for node in watched.nodes}
    assert not [node for node in watched.nodes if "Group Key" in node]


def test_no_plan_outlives_the_size_of_its_tables(new_postgres_url: str, make: Any) -> None:
    """One that was made for a table of a page reads a hundred thousand rows for one id, until somebody analyzes."""
    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.store import PostgresStore

    store = PostgresStore(read_address(new_postgres_url.replace("pool=4", "pool=1")))
    try:
        store.outbox.add([make.message(f"m{n}") for n in range(10)])
        store._database.write(lambda session: session.run("ANALYZE messages"))
        for _ in range(20):
            store.outbox.get(["m0"])
        statement = "SELECT sum(generic_plans) AS generic, sum(custom_plans) AS custom FROM pg_prepared_statements"
        (row,) = store._database.rows(statement)
        assert row["custom"] > 0
        assert row["generic"] == 0
    finally:
        store.close()


def test_a_new_connection_makes_no_list_of_all_there_may_be(postgres_url, monkeypatch):
    """Its shard of the counts is the first of a million numbers that is free."""
    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.store import PostgresStore

    watched = Watched(monkeypatch)
    PostgresStore(read_address(postgres_url)).close()
    lists = [node for node in watched.nodes if node.get("Function Name") == "generate_series"]
    assert [node["Plan Rows"] for node in lists if node["Plan Rows"] > 1000] == []
    assert "ProjectSet" in {node["Node Type"] for node in watched.nodes}
