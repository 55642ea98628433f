"""Segments over a real store, and over real shops' histories, counted anew in plain Python beside them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import FrozenClock
from messaging.errors import ExpressionError, NotFound
from messaging.nouns.customer import Customer
from messaging.nouns.order import Order
from messaging.rules.envelope import read_event
from messaging.rules.orders import fold, order_of
from messaging.services.audience import Audience
from messaging.stores.tinydb.store import TinyStore


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[TinyStore]:
    made = TinyStore(tmp_path / "store.jsonl", clock=clock)
    yield made
    made.close()


@pytest.fixture
def segment(tmp_path: Path) -> Callable[[str, str], None]:
    """`segment(name, where)` writes a segment's file."""
    folder = tmp_path / "segments"
    folder.mkdir()

    def write(name: str, where: str) -> None:
        (folder / f"{name}.toml").write_text(f'where = """{where}"""\n', "utf-8")

    return write


@pytest.fixture
def audience(store: TinyStore, tmp_path: Path, clock: FrozenClock, segment: object) -> Audience:
    return Audience(store, tmp_path / "segments", attributes={"vip": "boolean"}, currency="EUR", clock=clock)


def ids(audience: Audience, name: str) -> list[str]:
    return [customer.id for customer in audience.members(name)]


def order(number: int, customer: str, at: datetime, total: str = "10") -> Order:
    return Order(
        key=f"o{number}",
        id=str(number),
        number=str(number),
        customer_id=customer,
        placed_at=at,
        total=Decimal(total),
        currency="EUR",
        refunds={},
        skus={},
    )


def test_members_come_once_in_order_over_pages(audience: Audience, store: TinyStore, segment: Any) -> None:
    people = [Customer(id=f"c{i:05}", attributes={"vip": i % 3 == 0}) for i in range(2_500)]
    store.customers.put(reversed(people))
    segment("vips", "vip")
    seen: list[int] = []
    found = [customer.id for customer in audience.members("vips", progress=seen.append)]
    assert found == [f"c{i:05}" for i in range(0, 2_500, 3)]
    assert sum(seen) == 2_500
    assert audience.count("vips") == len(found)
    assert audience.contains("vips", people[:4]) == {"c00000", "c00003"}


def test_of_ids_nobody_is_read_of_whom_the_store_is_sure(
    audience: Audience, store: TinyStore, segment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.customers.put(Customer(id=id, attributes={"vip": id != "c"}) for id in "abcd")
    segment("vips", "vip")
    monkeypatch.setattr(store.customers, "candidates", told := Told([[("a", True), ("b", False), ("c", False)]]))
    monkeypatch.setattr(store.customers, "get", read := Told([{"b": Customer(id="b", attributes={"vip": True})}]))
    assert list(audience.ids("vips")) == ["a", "b"]
    assert read.asked == [["b", "c"]]
    assert [given["after"] for given in told.given] == [None, "c"]


class Told:
    """Answers one call after the other; with nothing, when there is no answer left."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[Any] = []
        self.given: list[dict[str, Any]] = []

    def __call__(self, what: Any, **given: Any) -> Any:
        self.asked.append(what)
        self.given.append(given)
        return self.answers.pop(0) if self.answers else []


def test_all_are_judged_by_one_time(audience: Audience, store: TinyStore, segment: Any, clock: FrozenClock) -> None:
    store.customers.put(Customer(id=f"c{i:04}") for i in range(1_500))
    store.events.put_orders(order(i, f"c{i:04}", clock.now() - timedelta(hours=23)) for i in range(1_500))
    segment("today", "orders.count(days=1) == 1")
    members = audience.members("today")
    next(members)
    clock.advance(timedelta(days=2))
    assert sum(1 for _ in members) == 1_499
    assert audience.count("today") == 0


def test_files_are_read_again_when_they_change(audience: Audience, store: TinyStore, segment: Any) -> None:
    store.customers.put([Customer(id="a", country="DE"), Customer(id="b", country="AT")])
    segment("here", "country == 'DE'")
    assert ids(audience, "here") == ["a"]
    before = audience.library()
    assert audience.library() is before
    definition = audience.definition("here")
    segment("here", "country == 'AT' ")
    assert ids(audience, "here") == ["b"]
    assert audience.definition("here") != definition


def test_the_definition_is_of_meaning_and_of_all_segments(audience: Audience, segment: Any) -> None:
    segment("a", "in_segment('b')   and country=='DE'")
    segment("b", "country != 'AT'")
    before = audience.definition("a")
    segment("a", "in_segment('b') and\n  country == 'DE'")
    assert audience.definition("a") == before
    segment("b", "country != 'CH'")
    assert audience.definition("a") != before


def test_errors(audience: Audience, store: TinyStore, segment: Any) -> None:
    segment("bad", "contry == 'DE'")
    with pytest.raises(ExpressionError, match=r"segments/bad\.toml:1:12: unknown name contry"):
        audience.members("bad")
    with pytest.raises(NotFound, match="did you mean bad"):
        audience.check("bat")
    segment("good", "vip")
    with pytest.raises(NotFound, match="no customer 'nobody'"):
        audience.explain("good", "nobody")


def test_grades_move_with_a_new_order(audience: Audience, store: TinyStore, segment: Any, clock: FrozenClock) -> None:
    store.customers.put(Customer(id=f"c{i}") for i in range(11))
    orders = [order(i, f"c{i}", clock.now() - timedelta(days=i + 1), str(10 * (i + 1))) for i in range(10)]
    store.events.put_orders(orders)
    segment("recent", "rfm.r == 5")
    segment("rich", "rfm.m == 5")
    segment("graded", "rfm.r is defined or rfm.f is defined or rfm.m is defined")
    assert ids(audience, "graded") == []
    assert audience.cuts() is None
    cuts = audience.grade()
    assert (cuts.customers, cuts.graded_at) == (10, clock.now())
    assert audience.cuts() == cuts
    assert ids(audience, "graded") == [f"c{i}" for i in range(10)]
    assert ids(audience, "recent") == ["c0", "c1"]
    assert ids(audience, "rich") == ["c8", "c9"]
    store.events.put_orders([order(99, "c5", clock.now(), "500")])
    assert ids(audience, "recent") == ["c0", "c1", "c5"]
    assert ids(audience, "rich") == ["c5", "c8", "c9"]
    assert audience.cuts() == cuts


def test_explains(audience: Audience, store: TinyStore, segment: Any) -> None:
    store.customers.put([Customer(id="bob", country="FR")])
    segment("fans", "orders.count >= 3 and country in ['DE', 'AT']")
    explanation = audience.explain("fans", "bob")
    assert not explanation.holds
    assert explanation.reasons() == ["orders.count is 0, not 3 or more", "country is 'FR', not one of 'DE', 'AT'"]


# Real shops


class Shop:
    """A real history, in the store and as raw rows."""

    def __init__(self, folder: Path, store: TinyStore) -> None:
        with (folder / "customers.csv").open(encoding="utf-8", newline="") as file:
            self.customers = [row["id"] for row in csv.DictReader(file)]
        self.events = [json.loads(line) for line in (folder / "events.jsonl").read_text("utf-8").splitlines()]
        store.customers.put(Customer(id=one) for one in self.customers)
        orders: dict[str, Order] = {}
        for raw in self.events:
            event = read_event(raw)
            key = order_of(event) or ""
            orders[key] = fold(orders.get(key), event)
        numbers = {raw["data"]["order"]["number"]: raw["customer"]["id"] for raw in self.events}
        for key, folded in orders.items():
            orders[key] = Order.from_document({**folded.to_document(), "customer_id": numbers[folded.number]})
        store.events.put_orders(orders.values())

    def of_type(self, type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == type]


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])


@pytest.fixture
def shop(shared: Callable[[str], Path], store: TinyStore, tmp_path: Path) -> Callable[[str, str], Shop]:
    def load(name: str, data: str) -> Shop:
        out = tmp_path / name
        command = [sys.executable, str(shared("tools/real_events.py")), name, str(shared(data)), str(out)]
        subprocess.run(command, check=True, capture_output=True)
        return Shop(out, store)

    return load


def test_olist_counts_are_those_counted_by_hand(shop: Any, store: TinyStore, segment: Any, tmp_path: Path) -> None:
    olist = shop("olist", "data/olist")
    now = datetime(2018, 9, 1, tzinfo=UTC)
    audience = Audience(store, tmp_path / "segments", attributes={}, currency="BRL", clock=FrozenClock(now))
    cancelled = {event["data"]["order"]["number"] for event in olist.of_type("order.cancelled")}
    placed = [e for e in olist.of_type("order.placed") if e["data"]["order"]["number"] not in cancelled]
    assert cancelled
    count: dict[str, int] = defaultdict(int)
    spent: dict[str, Decimal] = defaultdict(Decimal)
    last: dict[str, datetime] = {}
    for event in placed:
        who = event["customer"]["id"]
        count[who] += 1
        spent[who] += Decimal(event["data"]["order"]["total"])
        last[who] = max(at(event), last.get(who, at(event)))
    skus = {e["customer"]["id"] for e in placed for i in e["data"]["order"]["items"] if i["sku"].startswith("a")}
    some_sku = next(i["sku"] for e in placed for i in e["data"]["order"]["items"])
    expected = {
        "orders.count == 0": {who for who in olist.customers if not count[who]},
        "orders.count >= 2": {who for who in olist.customers if count[who] >= 2},
        "orders.total >= 250.50": {who for who in olist.customers if spent[who] >= Decimal("250.50")},
        "orders.average < 40": {w for w in olist.customers if count[w] and spent[w] / count[w] < 40},
        "days_since(orders.last_at) > 180": {w for w, time in last.items() if now - time > timedelta(days=180)},
        "orders.count(days=60.5) > 0": {
            e["customer"]["id"] for e in placed if now - timedelta(days=60.5) <= at(e) <= now
        },
        f"bought('{some_sku}')": {
            e["customer"]["id"] for e in placed if some_sku in [i["sku"] for i in e["data"]["order"]["items"]]
        },
    }
    assert skus
    for number, (where, wanted) in enumerate(expected.items()):
        segment(f"s{number}", where)
        assert set(ids(audience, f"s{number}")) == wanted, where
        assert wanted


def test_uci_refunds_of_unknown_orders_reduce_totals(shop: Any, store: TinyStore, segment: Any, tmp_path: Path) -> None:
    uci = shop("uci", "data/uci_online_retail_2010-12")
    now = datetime(2011, 1, 1, tzinfo=UTC)
    audience = Audience(store, tmp_path / "segments", attributes={}, currency="GBP", clock=FrozenClock(now))
    total: dict[str, Decimal] = defaultdict(Decimal)
    orders: dict[str, list[datetime]] = defaultdict(list)
    for event in uci.of_type("order.placed"):
        total[event["customer"]["id"]] += Decimal(event["data"]["order"]["total"])
        orders[event["customer"]["id"]].append(at(event))
    before = dict(total)
    for event in uci.of_type("order.refunded"):
        total[event["customer"]["id"]] -= Decimal(event["data"]["order"]["total"])
    assert total != before
    segment("minus", "orders.total < 0")
    segment("some", "orders.total >= 500")
    segment("twice", "orders.count >= 2")
    assert set(ids(audience, "minus")) == {who for who in uci.customers if total[who] < 0}
    assert set(ids(audience, "some")) == {who for who in uci.customers if total[who] >= 500}
    assert set(ids(audience, "twice")) == {who for who in uci.customers if len(orders.get(who, ())) >= 2}
    then = datetime(2010, 12, 23, 12, tzinfo=UTC)
    late = Audience(store, tmp_path / "segments", attributes={}, currency="GBP", clock=FrozenClock(then))
    for days in (1, 5, 15):  # no order of a refund is known, so each counts by its own time
        window: dict[str, Decimal] = defaultdict(Decimal)
        for type, sign in (("order.placed", 1), ("order.refunded", -1)):
            for event in uci.of_type(type):
                if then - timedelta(days=days) <= at(event) <= then:
                    window[event["customer"]["id"]] += sign * Decimal(event["data"]["order"]["total"])
        segment("gave-back", f"orders.total(days={days}) < 0")
        segment("spent", f"orders.total(days={days}, currency='GBP') >= 100")
        assert set(ids(late, "gave-back")) == {who for who in uci.customers if window[who] < 0} != set()
        assert set(ids(late, "spent")) == {who for who in uci.customers if window[who] >= 100}
    cuts = audience.grade()
    for which, values in {
        "r": {who: -(now - max(times)).total_seconds() for who, times in orders.items()},
        "f": {who: len(times) for who, times in orders.items()},
        "m": {who: total[who] for who in orders},
    }.items():
        assert cuts.customers == len(values)
        ranked = sorted(values.values())
        bounds = [ranked[-(-k * len(ranked) // 5) - 1] for k in (1, 2, 3, 4)]
        for wanted in range(1, 6):
            segment(f"{which}{wanted}", f"rfm.{which} == {wanted}")
            by_hand = {w for w, value in values.items() if 1 + sum(value > bound for bound in bounds) == wanted}
            assert set(ids(audience, f"{which}{wanted}")) == by_hand
