"""SQL and Python give one answer, over generated conditions and people that a real database keeps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import chain, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.expressions import Schema, Subject, compile_python, parse, tree
from messaging.expressions.inquiry import Inquiry
from messaging.expressions.interpreting import evaluate, holds
from messaging.expressions.sql import SPACE
from messaging.expressions.tree import Node, Window
from messaging.expressions.values import Type
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import EngagementKind
from messaging.nouns.history import HistoryNeeds
from messaging.nouns.message import MessageState
from messaging.nouns.order import Order, Refund
from messaging.stores.base import Store
from messaging.stores.postgres.address import read_address
from messaging.stores.postgres.asking import Asking
from messaging.stores.postgres.schema import KNOWN, upgrade
from messaging.stores.postgres.store import PostgresStore
from tests.conftest import _schema
from tests.expressions.test_agreement import CONDITIONS, CUTS, MAYBE_TIMES, NOW, TIMES, WINDOWS, _expression, nodes
from tests.stores.conftest import Make

pytestmark = pytest.mark.postgres

EVERYTHING = HistoryNeeds(
    orders=True,
    happened=frozenset(["order.placed", "order.created"]),
    told=frozenset(["order.placed", "order.created"]),
    messages=True,
    addresses=True,
)
SCHEMA = Schema(attributes={"points": "number", "vip": "boolean", "tier": "text", "joined": "date"})
MAKE = Make()
#: Nobody is a `vip`.
NOBODY = tree.Constant(False, Type.BOOLEAN)
TYPES = {"points": Type.NUMBER, "tier": Type.TEXT, "joined": Type.DAY}

# People

ODD_WORDS = [
    "a",
    "A",
    "DE",
    "ann@example.com",
    "ä",
    "Ä",
    "İ",
    "ß",
    "ǅ",
    "\u212a",
    "💌",
    "\u2003x\x1f",
    " b ",
    "%s",
    "\\",
    "it's",
]
ODD_NUMBERS = [
    0,
    2,
    -3,
    1.5,
    -0.0,
    0.30000000000000004,
    1e15,
    1e16,
    1e25,
    9e60,
    1e61,
    1e300,
    1e-60,
    9e-61,
    5e-324,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
]
ODD_TEXTS = [
    *(
        "2",
        "-12.50",
        "+1",
        ".5",
        "5.",
        " 12 ",
        "1_0",
        "１２",
        "1e3",
        "1e999999999",
        "nan",
        "inf",
        "gold",
        "",
        "9" * 70,
    ),
    *("2026-01-02", "2026-02-30", "2024-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "20260102", "2026-W53-4"),
    *("2026-01-02T10:00:00+01:00", "2026-01-02T10:00:00", "2026-01-02 10:00:00Z", "２０２６-01-02"),
]
WORDS, NUMBERS, TOLD = st.sampled_from(ODD_WORDS), st.sampled_from(ODD_NUMBERS), st.sampled_from(ODD_TEXTS)
MAYBE_WORDS = st.none() | WORDS
PEOPLE = st.builds(
    Customer,
    id=st.sampled_from(["a", "b", "é", "Z", "💌"]),
    email=MAYBE_WORDS,
    phone=MAYBE_WORDS,
    country=MAYBE_WORDS,
    city=MAYBE_WORDS,
    birthday=st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31)),
    created_at=MAYBE_TIMES,
    addresses=st.dictionaries(st.sampled_from(["push", "sms"]), WORDS),
    attributes=st.dictionaries(
        st.sampled_from(["points", "vip", "tier", "joined"]), NUMBERS | TOLD | WORDS | st.booleans()
    ),
)
CURRENCIES = st.sampled_from(["EUR", "EUR", "USD", None])
AMOUNTS = st.decimals(0, 100, places=2) | st.sampled_from([Decimal("1e15"), Decimal("0.123456789012345"), Decimal(0)])
MAYBE_CANCELLED = st.none() | st.none() | st.none() | TIMES
ORDERS = st.builds(
    Order,
    key=st.just("k"),
    id=st.just("1"),
    number=st.just("1"),
    placed_at=st.none() | TIMES | TIMES | TIMES,
    cancelled_at=MAYBE_CANCELLED,
    delivered_at=MAYBE_TIMES,
    total=AMOUNTS,
    currency=CURRENCIES,
    refunds=st.dictionaries(st.sampled_from(["r1", "r2"]), st.builds(Refund, AMOUNTS, TIMES, CURRENCIES), max_size=2),
    refunded_whole_at=MAYBE_CANCELLED,
    skus=st.dictionaries(st.sampled_from(["MUG", "CUP"]), st.integers(0, 2))
    | st.just({"MUG": 1, **{f"article {number}": 1 for number in range(200)}}),
)


@st.composite
def worlds(draw: st.DrawFn) -> Callable[[Store], None]:
    """Some people with what they did and were sent; what is returned puts them into a store."""
    people = draw(st.lists(PEOPLE, min_size=1, max_size=4, unique_by=lambda customer: customer.id))
    whose = st.sampled_from(people).map(lambda customer: customer.id)
    orders = [
        replace(order, key=f"k{number}", customer_id=draw(whose))
        for number, order in enumerate(draw(st.lists(ORDERS, max_size=6)))
    ]
    before = [replace(draw(ORDERS), key=order.key, customer_id=draw(whose)) for order in orders[:3]]
    events = [
        MAKE.event(f"e{number}", type=draw(st.sampled_from(["order.placed", "order.created"])), time=draw(TIMES))
        for number in range(draw(st.integers(0, 3)))
    ]
    messages = [
        MAKE.message(
            f"m{number}",
            customer_id=draw(whose),
            template=draw(st.sampled_from(["promo", "other"])),
            campaign=draw(st.sampled_from([None, "spring"])),
            state=draw(st.sampled_from([MessageState.SENT, MessageState.SENT, MessageState.PLANNED])),
            sent_at=draw(MAYBE_TIMES),
            origin=f"o{number}",
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    engagements = [
        MAKE.engagement(
            f"g{number}",
            draw(st.sampled_from([EngagementKind.OPENED, EngagementKind.CLICKED])),
            at=draw(TIMES),
            message_id=draw(st.sampled_from(["m0", "m1"])),
            machine=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    consents = [
        MAKE.consent(
            draw(WORDS),
            channel=draw(st.sampled_from(["email", "email", "sms"])),
            topic=draw(st.sampled_from(["*", "news", "other"])),
            granted=draw(st.booleans()),
            dated=draw(st.booleans()),
            at=draw(TIMES | st.just(NOW)),
        )
        for _ in range(draw(st.integers(0, 5)))
    ]
    suppressions = [MAKE.suppression(draw(WORDS)) for _ in range(draw(st.integers(0, 1)))]
    owned = [replace(event, customer_id=draw(whose)) for event in events]

    def fill(store: Store) -> None:
        with store.transaction():
            store.customers.put(people)
            store.events.put_orders(before)
            store.events.put_orders(orders)
            store.events.add(owned)
            store.outbox.add(messages)
            store.engagements.add(engagements)
            store.addresses.add_consents(consents)
            store.addresses.suppress(suppressions)

    return fill


@pytest.fixture(params=["0001", "0002", KNOWN[-1]], scope="module")
def known(request: pytest.FixtureRequest, postgres: str) -> Iterator[Store]:
    """A store whose schema has so many steps."""
    with _schema(postgres) as schema:
        place = read_address(f"{postgres}?schema={schema}&pool=4&options=-c%20synchronous_commit%3Doff")
        upgrade(place, request.param)
        store = PostgresStore(place)
        yield store
        store.close()


def empty(store: Store) -> None:
    tables = ("customers", "orders", "events", "messages", "engagements", "consents", "suppressions")
    assert isinstance(store, PostgresStore)
    store._database.write(lambda session: [session.run(f"DELETE FROM {table}") for table in tables])


def everybody(store: Store, vips: Node, graded: bool) -> list[Subject]:
    """All as Python sees them."""
    people = store.customers.page(limit=10_000)
    histories = store.customers.histories([customer.id for customer in people], EVERYTHING)
    matches = compile_python(_expression(vips))
    return [
        Subject(
            customer=customer,
            history=histories[customer.id],
            now=NOW,
            cuts=CUTS if graded else None,
            segments={"vips": matches},
        )
        for customer in people
    ]


def agree(store: Store, root: Node, vips: Node, graded: bool) -> None:
    subjects = everybody(store, vips, graded)
    matches = compile_python(_expression(root))
    expected = {subject.customer.id for subject in subjects if matches(subject)}
    assert expected == {subject.customer.id for subject in subjects if holds(root, subject)}
    inquiry = Inquiry(root=root, segments={"vips": vips}, now=NOW, currency="EUR", cuts=CUTS if graded else None)
    found = store.customers.candidates(inquiry, limit=10_000)
    ids = [id for id, _ in found]
    assert ids == sorted(ids)
    sure = {id for id, is_sure in found if is_sure}
    assert sure <= expected <= set(ids)
    assert store.customers.count_candidates(inquiry) == (len(sure), len(ids) - len(sure))
    unsure = {id for id, _ in store.customers.candidates(inquiry, unsure=True, limit=10_000)}
    assert unsure == set(ids) - sure


MANY = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(
    fill=worlds(),
    roots=st.lists(CONDITIONS, min_size=5, max_size=5),
    vips=nodes(Type.BOOLEAN, 1).filter(lambda node: tree.InSegment("vips") not in tree.walk(node)),
    graded=st.booleans(),
)
def test_generated_conditions_over_generated_people(known, fill, roots, vips, graded):
    empty(known)
    fill(known)
    for root in roots:
        agree(known, root, vips, graded)


NUMERIC = nodes(Type.NUMBER, 0)
ABOUT_ORDERS = st.one_of(
    st.builds(
        lambda left, how, right: tree.Compare(left, ((how, right),)),
        st.one_of(
            st.builds(tree.OrdersMoney, st.sampled_from(["total", "average"]), WINDOWS, st.sampled_from([None, "EUR"])),
            st.builds(tree.OrdersCount, WINDOWS),
            st.sampled_from(["first_at", "last_at", "last_delivered_at"]).map(
                lambda which: tree.DaysSince(tree.OrdersMoment(which))
            ),
        ),
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        st.sampled_from([Decimal(0), Decimal(1), Decimal(10), Decimal("50.5")]).map(
            lambda value: tree.Constant(value, Type.NUMBER)
        ),
    ),
    st.builds(tree.Bought, st.sampled_from(["MUG", "article 7"]), WINDOWS),
)


@MANY
@given(fill=worlds(), roots=st.lists(ABOUT_ORDERS | ABOUT_ORDERS.map(tree.Not), min_size=5, max_size=8))
def test_what_orders_add_up_to(known, fill, roots):
    empty(known)
    fill(known)
    for root in roots:
        agree(known, root, tree.Constant(True, Type.BOOLEAN), graded=False)


def beside(number: Node, how: tree.Relation, edge: str) -> tree.Compare:
    return tree.Compare(number, ((how, tree.Constant(Decimal(edge), Type.NUMBER)),))


#: So few that two conditions often ask about the same.
FEW_WINDOWS = st.sampled_from([Window("days", Decimal(days)) for days in (30, 60)])
HOW_FEW: list[tuple[tree.Relation, str]] = [
    ("==", "0"),
    ("<", "1"),
    ("<=", "0.5"),
    ("<=", "1"),
    (">", "0"),
    ("!=", "0"),
]
COUNTED = st.builds(lambda window, few: beside(tree.OrdersCount(window), *few), FEW_WINDOWS, st.sampled_from(HOW_FEW))
AND_MORE = st.one_of(
    COUNTED,
    COUNTED.map(tree.Not),
    st.builds(
        lambda window, how: beside(tree.OrdersMoney("total", window), how, "10"),
        FEW_WINDOWS,
        st.sampled_from(["<", ">="]),
    ),
    nodes(Type.BOOLEAN, 0),
)
WITHOUT_ORDERS = st.builds(
    lambda first, more, joined: joined((first, *more)),
    COUNTED,
    st.lists(AND_MORE, max_size=2),
    st.sampled_from([tree.And, tree.And, tree.Or]),
)


@MANY
@given(fill=worlds(), roots=st.lists(WITHOUT_ORDERS, min_size=5, max_size=8))
def test_who_has_no_orders_in_a_window(known, fill, roots):
    empty(known)
    fill(known)
    for root in roots:
        agree(known, root, NOBODY, graded=False)


def test_which_orders_are_none_in_a_window(known):
    """Each alone, and in pairs: cancelled, at no known time, before the window and after it, and on its edges."""
    empty(known)
    week, second = Window("days", Decimal(7)), timedelta(seconds=1)
    times = [
        None,
        NOW,
        NOW + second,
        NOW - timedelta(days=1),
        NOW - timedelta(days=7),
        NOW - timedelta(days=7) - second,
    ]
    sorts = [(), *product(times, [None, NOW])]
    pairs = list(product(sorts, sorts))
    known.customers.put(Customer(id=f"c{number}") for number in range(len(pairs)))
    known.events.put_orders(
        MAKE.order(f"{number}-{nth}", customer_id=f"c{number}", placed_at=sort[0], cancelled_at=sort[1])
        for number, pair in enumerate(pairs)
        for nth, sort in enumerate(pair)
        if sort
    )
    relations: tuple[tree.Relation, ...] = ("==", "!=", "<", "<=", ">", ">=")
    for how, edge in product(relations, ("-1", "0", "0.5", "1", "2")):
        count = tree.OrdersCount(week)
        compared = beside(count, how, edge)
        turned = tree.Compare(compared.rest[0][1], ((how, count),))
        for root in (compared, turned, tree.Not(compared), tree.Not(turned)):
            agree(known, root, NOBODY, graded=False)


def is_its_value(node: Node, subject: Subject) -> Node:
    """The condition that somebody has the value that this one has."""
    value = evaluate(node, subject)
    if value is None:
        return tree.Not(tree.IsDefined(node))
    constant = tree.Constant(value, node.type)
    if node.type in (Type.DAY, Type.TIME):
        return tree.And((tree.Compare(node, (("<=", constant),)), tree.Compare(node, ((">=", constant),))))
    return tree.Compare(node, (("==", constant),))


MONEY = st.builds(
    tree.OrdersMoney, st.sampled_from(["total", "average"]), WINDOWS, st.sampled_from([None, "EUR", "USD"])
)
VALUES = st.one_of(
    MONEY,
    nodes(Type.TEXT, 1),
    nodes(Type.NUMBER, 1),
    nodes(Type.TIME, 1),
    st.builds(tree.TextChange, nodes(Type.TEXT, 0), st.sampled_from(["lower", "upper", "trim"])),
    st.builds(tree.Arithmetic, st.sampled_from(["+", "-", "*", "/", "//", "%"]), nodes(Type.NUMBER, 1), MONEY),
    st.sampled_from(["points", "tier", "joined"]).map(lambda name: tree.Attribute(name, TYPES[name])),
)


@MANY
@given(fill=worlds(), asked=st.lists(VALUES, min_size=5, max_size=5))
def test_each_has_the_same_value_in_both(known, fill, asked):
    empty(known)
    fill(known)
    vips = tree.Constant(True, Type.BOOLEAN)
    for node in asked:
        for subject in everybody(known, vips, graded=True)[:2]:
            agree(known, is_its_value(node, subject), vips, graded=True)


def test_every_course_of_consent(known):
    """All ways to decide up to three times, each somebody's."""
    empty(known)
    decisions = list(product(["*", "news"], [True, False], [True, False], [NOW, NOW - timedelta(days=1)]))
    people, consents = [], []
    for number, course in enumerate(chain([()], *(product(decisions, repeat=times) for times in (1, 2, 3)))):
        people.append(Customer(id=f"c{number}", email=f"a{number}"))
        consents += [
            MAKE.consent(f"a{number}", topic=topic, granted=granted, dated=dated, at=at, source=f"{nth}")
            for nth, (topic, granted, dated, at) in enumerate(course)
        ]
    people += [Customer(id="own", addresses={"email": "a1", "sms": ""}), Customer(id="nobody", phone="a2")]
    known.customers.put(people)
    known.addresses.add_consents(consents)
    known.addresses.suppress([MAKE.suppression("a3"), MAKE.suppression("a5", channel="sms")])
    for channel in ("email", "sms", "push"):
        agree(known, tree.Consented(channel, "news"), NOBODY, graded=False)


def test_all_that_is_odd_about_orders(known):
    """Alone, and beside an order that is not: each somebody's."""
    empty(known)
    at, late = NOW - timedelta(days=10), NOW - timedelta(days=1)
    states: list[dict[str, Any]] = [{"placed_at": at}, {"placed_at": at, "cancelled_at": late}, {}]
    refunds = [{}, *({"r": Refund(Decimal(4), late, told)} for told in (None, "EUR", "USD"))]
    refunds.append({"r": Refund(Decimal(40), at, None)})
    sorts = list(product(states, ["EUR", "USD", None], refunds, [None, late]))
    plain = [(states[0], currency, {}, None) for currency in ("EUR", "USD", None)]
    orders = []
    for number, pair in enumerate([*((sort,) for sort in sorts), *product(sorts, plain)]):
        for nth, (state, currency, back, whole) in enumerate(pair):
            orders.append(
                MAKE.order(
                    f"{number}-{nth}",
                    customer_id=f"c{number}",
                    total=Decimal(10),
                    currency=currency,
                    refunds=back,
                    refunded_whole_at=whole,
                    **state,
                )
            )
    known.customers.put([Customer(id=f"c{number}") for number in range(number + 2)])
    known.events.put_orders(orders)
    week = Window("days", Decimal(7))
    for currency in (None, "EUR", "USD"):
        for node in (
            tree.OrdersMoney("total", None, currency),
            tree.OrdersMoney("total", Window("days", Decimal(30)), currency),
            tree.OrdersMoney("total", week, currency),
            tree.OrdersMoney("average", None, currency),
        ):
            for value in (-4, 0, 6, 10, 16):
                root = tree.Compare(node, (("==", tree.Constant(Decimal(value), Type.NUMBER)),))
                agree(known, root, NOBODY, graded=False)
            agree(known, tree.IsDefined(node), NOBODY, graded=False)


def test_every_odd_value(known):
    """As each sort of value is read, and as it is changed."""
    empty(known)
    odd = [*ODD_NUMBERS, *ODD_TEXTS, *ODD_WORDS, True, False]
    known.customers.put(
        Customer(
            id=f"c{number:02}",
            city=value if isinstance(value, str) else None,
            attributes={"points": value, "tier": value, "joined": value, "vip": value},
        )
        for number, value in enumerate(odd)
    )
    city = tree.Field("city", Type.TEXT)
    read: list[Node] = [tree.Attribute(name, type) for name, type in TYPES.items()]
    read += [tree.TextChange(city, how) for how in ("lower", "upper", "trim")]
    read += [tree.Length(city), tree.Arithmetic("/", read[0], tree.Constant(Decimal(7), Type.NUMBER))]
    for node in read:
        for condition in {is_its_value(node, subject): None for subject in everybody(known, NOBODY, graded=False)}:
            agree(known, condition, NOBODY, graded=False)
    agree(known, tree.Attribute("vip", Type.BOOLEAN), NOBODY, graded=False)
    relations: tuple[tree.Relation, ...] = ("==", "!=", "<", "<=", ">", ">=")
    beside = [tree.Constant(Decimal(number), Type.NUMBER) for number in ("0", "2", "-3", "1e15", "1e-61", "1e61")]
    beside += [tree.Constant(text, Type.TEXT) for text in ("2", "-3", "1.5", "gold", "ä", "it's", '"', "\0", "")]
    for relation, constant in product(relations, beside):
        node = read[list(TYPES.values()).index(constant.type)]
        agree(known, tree.Compare(node, ((relation, constant),)), NOBODY, graded=False)
    choices = tree.ListOf((tree.Attribute("tier", Type.TEXT), city), Type.TEXT)
    among: tuple[tree.Relation, ...] = ("in", "not in")
    for how in among:
        for item in (tree.Constant("gold", Type.TEXT), city, tree.Attribute("tier", Type.TEXT)):
            agree(known, tree.Compare(item, ((how, choices),)), NOBODY, graded=False)


def test_every_sort_of_basket(known):
    empty(known)
    long = {f"article {number}": 1 for number in range(201)}
    baskets: list[dict[str, int]] = [{"MUG": 1}, {"MUG": 0}, {"CUP": 1}, {}, {**long, "MUG": 2}, {**long, "MUG": 0}]
    ways = list(product(baskets, [NOW - timedelta(days=1), NOW - timedelta(days=9), None], [None, NOW]))
    known.customers.put(Customer(id=f"c{number}") for number in range(len(ways)))
    known.events.put_orders(
        MAKE.order(f"{number}", customer_id=f"c{number}", skus=skus, placed_at=placed, cancelled_at=cancelled)
        for number, (skus, placed, cancelled) in enumerate(ways)
    )
    for window in (None, Window("days", Decimal(5))):
        agree(known, tree.Bought("MUG", window), NOBODY, graded=False)
        agree(known, tree.Not(tree.Bought("MUG", window)), NOBODY, graded=False)


def test_a_store_that_does_not_know_the_sums_keeps_them_right(new_postgres_url):
    """One that was opened before the step goes on beside one that was opened after it."""
    place = read_address(new_postgres_url)
    upgrade(place, "0001")
    before = PostgresStore(place)
    made = [MAKE.order(f"{number}", customer_id="ann", placed_at=NOW - timedelta(days=number)) for number in range(4)]
    before.customers.put([Customer(id=id) for id in ("ann", "bob", "cid")])
    before.events.put_orders(made)
    upgrade(place)
    after = PostgresStore(place)

    def sums() -> list[dict[str, Any]]:
        kept, anew = (
            after._database.rows(f"SELECT * FROM {table} ORDER BY customer_id")
            for table in ("order_sums", "summed_orders")
        )
        assert kept == anew
        return kept

    assert [row["orders"] for row in sums()] == [4]
    before.events.put_orders([replace(made[0], cancelled_at=NOW), replace(made[1], customer_id="bob"), made[2]])
    assert [(row["customer_id"], row["orders"]) for row in sums()] == [("ann", 2), ("bob", 1)]
    before.events.put_orders([replace(made[1], customer_id="cid", refunded_whole_at=NOW)])
    assert [(row["customer_id"], row["total"]) for row in sums()] == [("ann", Decimal("19.80")), ("cid", Decimal(0))]
    before.customers.delete("cid")
    assert [row["customer_id"] for row in sums()] == ["ann"]
    root = parse("orders.total > 19 and orders.count == 2", SCHEMA).root
    for store in (before, after):
        agree(store, root, NOBODY, graded=False)
        store.close()


@pytest.mark.parametrize("name", ["points", "po\"in\\ts' $", "💌\x01.*"])
def test_whatever_is_kept_beside_a_number(known, name):
    """A number, text that spells one, and all that is none: JSON's null least of all."""
    empty(known)
    kept: list[Any] = [*ODD_NUMBERS, *ODD_TEXTS, None, True, [], [2], {}, {name: 2}]
    known.customers.put(
        [Customer(id="nothing"), *(Customer(id=f"c{n}", attributes={name: value}) for n, value in enumerate(kept))]
    )
    edges = ("0", "2", "-3", "1.5", "1e15", "1e60", "-1e60", "1e-60")
    relations: tuple[tree.Relation, ...] = ("<", "<=", ">", ">=", "==", "!=")
    for how, edge in product(relations, map(Decimal, edges)):
        compared = tree.Compare(tree.Attribute(name, Type.NUMBER), ((how, tree.Constant(edge, Type.NUMBER)),))
        for root in (compared, tree.Not(compared)):
            agree(known, root, NOBODY, graded=False)


@pytest.mark.parametrize("days", [Decimal(0), Decimal(-1), Decimal("0.5"), Decimal("0.000000000012"), Decimal("1E-13")])
def test_days_since_to_the_microsecond(known, days):
    empty(known)
    around = [NOW - timedelta(days=float(days)) + timedelta(microseconds=step) for step in range(-3, 4)]
    known.customers.put(Customer(id=f"c{number}", created_at=at) for number, at in enumerate(around))
    since, constant = tree.DaysSince(tree.Field("created_at", Type.TIME)), tree.Constant(days, Type.NUMBER)
    relations: tuple[tree.Relation, ...] = ("<", "<=", ">", ">=", "==", "!=")
    for how in relations:
        for left, right in ((since, constant), (constant, since)):
            agree(known, tree.Compare(left, ((how, right),)), NOBODY, graded=False)


def test_what_is_trimmed():
    assert set(SPACE) == {character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()}


def asking(where: str, **options: Any) -> Asking:
    root = parse(where, SCHEMA).root
    inquiry = Inquiry(root=root, segments={}, now=NOW, currency="EUR", cuts=CUTS)
    return Asking(inquiry, **{"has_sums": True, **options})


@pytest.mark.parametrize(
    "where",
    [
        "orders.count >= 3 and days_since(orders.last_at) > 90 and not clicked('spring') and country in ['DE', 'AT']",
        "orders.count(days=30) > 0 or orders.first_at is not defined",
        "rfm.r >= 4 and rfm.f >= 4",
        "happened('cart.updated', days=2) and not happened('order.placed', days=2)",
        "opened(days=90) or clicked(days=90) or sent('welcome')",
        "consented('email', 'news') and addresses.push is defined",
        "city|trim == 'Wien' and (first_name ~ last_name)|length > 3 and 'x' not in email",
        "birthday.month == now.month and vip and tier.startswith('g')",
        "days_since(created_at) * 2 % 7 < 3",
        "bought('MUG') and not bought('CUP', days=30)",
    ],
)
def test_what_leaves_nobody_to_judge(where):
    assert asking(where).write().exact


@pytest.mark.parametrize(
    "where",
    ["city|lower == 'wien'", "points > 3", "orders.total > 100", "days_since(joined) > 3"],
)
def test_what_some_people_make_unsure(where):
    condition = asking(where).write()
    assert not condition.exact
    assert (condition.possible, condition.certain) != ("true", "false")


@pytest.mark.parametrize(
    ("where", "needed"),
    [
        ("orders.count(days=9) >= 2", True),
        ("orders.count(days=9) >= 2 and country == 'DE' and orders.total(days=9) > 5", True),
        ("orders.total(days=9) > 5", True),
        ("orders.total(days=9) == 5", True),
        ("orders.count(days=9) > 5 or orders.total(days=9) > 50", True),
        ("orders.count(days=9) > 5 or country == 'DE'", False),
        ("orders.count(days=9) >= 0", False),
        ("not (orders.count(days=9) > 5)", False),
        ("orders.total(days=9) != 0", False),  # a refund of an order that we know nothing else of makes it less
        ("orders.total(days=9) < -5", False),
    ],
)
def test_whose_orders_in_a_window_are_needed(where, needed):
    written = asking(where)
    written.write()
    before, source = written.source(whole=True)
    assert (" JOIN (SELECT" in source, "MATERIALIZED" in before) == (needed, not needed)
    assert "LATERAL" in written.source(whole=False)[1]


@pytest.mark.parametrize(
    ("where", "looked_for"),
    [
        ("orders.count(days=9) == 0", True),
        ("0 == orders.count(days=9) and country == 'DE'", True),
        ("orders.count(days=9) < 1 and orders.total(days=9) < 5", True),
        ("orders.count(days=9) <= 0.5", True),
        ("not (orders.count(days=9) > 0)", True),
        ("orders.count(days=9) == 0 or country == 'DE'", False),
        ("orders.count(days=9) <= 1", False),
        ("orders.count(days=9) != 1", False),
        ("not (orders.count(days=9) == 0)", False),
        ("orders.total(days=9) == 0", False),  # they may have orders
    ],
)
def test_nothing_is_counted_where_there_may_be_no_orders_in_a_window(where, looked_for):
    written = asking(where)
    written.write()
    before, source = written.source(whole=True)
    assert ("NOT EXISTS" in source, "count(" in before + source) == (looked_for, not looked_for)
    assert "LATERAL" in written.source(whole=False)[1]


def test_a_page_reads_no_sums_but_its_own():
    """A join with those that are odd alone would look through all of them for the next."""
    written = asking("orders.total(days=9) > 5")
    written.write()
    (whole, page) = (written.source(whole=whole)[1] for whole in (True, False))
    assert "odd.customer_id = c.id AND (odd.total IS NULL)" in whole
    assert "odd.customer_id = c.id LEFT JOIN" in page


HOSTILE = [
    "'); DROP TABLE customers; --",
    "%(c0)s %s %%",
    '" OR 1=1 --',
    "\\'; SELECT pg_sleep(9); --",
    "$$ $1 \u2028 💌",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_constants_are_never_pasted(store, hostile):
    """So what is written does not change with them, and they find what is equal to them alone."""
    constant = tree.Constant(hostile, Type.TEXT)
    field = tree.Field("city", Type.TEXT)
    places: list[Node] = [
        tree.Compare(field, (("==", constant),)),
        tree.Compare(field, (("in", tree.ListOf((constant, field), Type.TEXT)),)),
        tree.Compare(constant, (("in", tree.ListOf((constant,), Type.TEXT)),)),
        tree.Affix(field, "startswith", constant),
        tree.Compare(tree.Attribute(hostile, Type.TEXT), (("==", constant),)),
        tree.Not(tree.Compare(tree.Attribute(hostile, Type.NUMBER), ((">", tree.Constant(Decimal(1), Type.NUMBER)),))),
        tree.Compare(tree.Address(hostile), (("==", constant),)),
        tree.Not(tree.Bought(hostile, None)),
        tree.Not(tree.Happened(hostile)),
        tree.Not(tree.Reached("clicked", hostile)),
        tree.Not(tree.Consented(hostile, hostile)),
        tree.Not(tree.Consented("email", hostile)),
        tree.Compare(tree.OrdersMoney("total", None, hostile), (("==", tree.Constant(Decimal(0), Type.NUMBER)),)),
    ]
    store.customers.put(
        [
            Customer(id="a", city=hostile, attributes={hostile: hostile}, addresses={hostile: hostile}),
            Customer(id="b", city="Wien"),
        ]
    )
    for root in places:
        inquiry = Inquiry(root=root, segments={}, now=NOW, currency="EUR", cuts=None)
        written = Asking(inquiry, has_sums=True).write()
        assert hostile not in written.possible + written.certain
        assert "a" in [id for id, _ in store.customers.candidates(inquiry)]
    assert store.customers.count() == 2


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_database_takes_is_left_to_python(store, text):
    store.customers.put([Customer(id="a", city="Wien")])
    for node in (
        tree.Compare(tree.Field("city", Type.TEXT), (("!=", tree.Constant(text, Type.TEXT)),)),
        tree.Bought(text, None),
        tree.Happened(text),
        tree.Consented("email", text),
    ):
        inquiry = Inquiry(root=node, segments={}, now=NOW, currency="EUR", cuts=None)
        assert [is_sure for _, is_sure in store.customers.candidates(inquiry)] == [False]


def test_a_condition_of_any_size_is_asked(store):
    store.customers.put([Customer(id="a", city="Wien")])
    node: Node = tree.Field("city", Type.TEXT)
    for _ in range(60):
        node = tree.Concat((node, node)) if len(repr(node)) < 4000 else tree.TextChange(node, "lower")
    inquiry = Inquiry(root=tree.Compare(node, (("==", node),)), segments={}, now=NOW, currency="EUR", cuts=None)
    assert [id for id, _ in store.customers.candidates(inquiry)] == ["a"]
