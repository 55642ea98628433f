"""What others bought together with it: against counts made by themselves."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.nouns.event import Event
from messaging.rehearsing.app import rehearse
from messaging.rules.envelope import read_event
from messaging.services.recommending import LAST_ORDERS, SUPPORT, Recommender
from messaging.workspace.folder import make_workspace

EVENT = {"event": {"source": "api", "shop": "default"}}


@pytest.fixture
def buys(shop: Any) -> Callable[..., None]:
    """`buys("ann", "TEA", "POT")`: an order, as history has it."""
    made = 0

    def order(who: str, *skus: str, type: str = "order.placed", number: str | None = None, **more: Any) -> None:
        nonlocal made
        made += 1
        items = [{"sku": sku, "name": sku.title(), "price": "5.00"} for sku in skus]
        told = {"number": number or f"{made}", "currency": "EUR", "items": items}
        event = shop.event(type, id=f"{made}", hours=made - 1000, customer={"id": who}, order=told)
        shop.intake.import_history([json.dumps({**event, **more}).encode()])

    return order


@pytest.fixture
def recommend(shop: Any) -> Callable[..., list[str]]:
    """Article numbers for a customer, with what a message is about."""
    recommender = Recommender(shop.store)

    def ask(who: str = "me", **context: Any) -> list[str]:
        return [product["sku"] for product in recommender.products(who, {**EVENT, **context} if context else {})]

    return ask


def test_the_more_orders_have_it_the_sooner(buys, recommend):
    for who, other in enumerate(["POT", "POT", "POT", "CUP", "CUP", "TIN"]):
        buys(f"c{who}", "TEA", other)
    assert recommend(order={"items": [{"sku": "TEA"}]}) == ["POT", "CUP"]
    assert recommend(cart={"items": [{"sku": "TEA"}, {"sku": "POT"}]}) == ["CUP"]
    assert recommend(product={"sku": "TEA"}) == ["POT", "CUP"]
    assert recommend(product={"sku": "NEW"}) == []


def test_what_goes_with_several_adds_up(buys, recommend):
    for who in range(2):
        buys(f"a{who}", "TEA", "CUP")
        buys(f"b{who}", "TEA", "POT")
        buys(f"c{who}", "TIN", "POT")
    assert recommend(order={"items": [{"sku": "TEA"}, {"sku": "TIN"}]}) == ["POT", "CUP"]


def test_of_equals_the_same_always(buys, recommend):
    for who in range(2):
        buys(f"c{who}", "TEA", *(["POT", "CUP", "ACE"] if who else ["ACE", "CUP", "POT"]))
    assert recommend(order={"items": [{"sku": "TEA"}]}) == ["ACE", "CUP", "POT"]


def test_never_what_the_customer_has(buys, recommend):
    for who in range(3):
        buys(f"c{who}", "TEA", "POT", "CUP")
    buys("me", "CUP")
    assert recommend("me", order={"items": [{"sku": "TEA"}]}) == ["POT"]
    buys("me", "POT", number="x")
    assert recommend("me", order={"items": [{"sku": "TEA"}]}) == []
    buys("me", "POT", type="order.cancelled", number="x")
    assert recommend("me", order={"items": [{"sku": "TEA"}]}) == ["POT"]


def test_without_an_event_what_they_bought_last_counts(buys, recommend):
    for who in range(2):
        buys(f"a{who}", "OLD", "PAN")
        buys(f"b{who}", "TEA", "POT")
    buys("me", "OLD")
    for _ in range(LAST_ORDERS - 1):
        buys("me", "TEA")
    assert recommend("me") == ["PAN", "POT"]
    buys("me", "TEA")
    assert recommend("me") == ["POT"]
    assert recommend("nobody") == []


def test_another_shops_articles_are_others(buys, recommend):
    for who in range(2):
        buys(f"c{who}", "TEA", "POT", shop="b")
    assert recommend(order={"items": [{"sku": "TEA"}]}) == []


def test_what_a_product_is(shop, buys):
    for who in range(2):
        buys(f"c{who}", "TEA", "POT")
    (product,) = Recommender(shop.store).products("me", {**EVENT, "product": {"sku": "TEA"}})
    assert product == {"sku": "POT", "name": "Pot", "price": "5.00", "currency": "EUR"}


def test_what_one_person_had_made_is_not_recommended(shop, recommend):
    for who in ("a", "b"):
        items = [{"sku": "TEA", "name": "Tea"}, {"sku": "MUG", "name": f"Mug, for {who}"}]
        order = {"number": who, "items": items}
        shop.intake.receive(shop.event(id=who, customer={"id": who, "email": f"{who}@example.com"}, order=order))
    assert recommend(product={"sku": "TEA"}) == []


@pytest.mark.parametrize(
    "context", [{"order": "no order"}, {"order": {"items": "none"}}, {"cart": {"items": [3]}}, {"product": 3}]
)
def test_odd_contexts(recommend, context):
    assert recommend(**context) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "folder"), [("olist", "olist"), ("uci", "uci_online_retail_2010-12")])
def test_a_real_shops_orders(shop, shared, tmp_path, name, folder):
    """Every article of two real shops, against pairs counted from the files themselves."""
    tool, source = shared("tools/real_events.py"), shared(f"data/{folder}")
    subprocess.run([sys.executable, str(tool), name, str(source), str(tmp_path)], check=True, capture_output=True)
    with (tmp_path / "events.jsonl").open("rb") as events:
        shop.intake.import_history(events)
    baskets = (_olist if name == "olist" else _uci)(source)
    together: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for _, basket in baskets:
        for sku in basket:
            together[sku].update(basket - {sku})
    everything = {sku for _, basket in baskets for sku in basket}
    compared = 0
    for sku in sorted(everything):
        assert shop.store.products.bought_with("api", "default", {sku}) == dict(together[sku])
        compared += len(together[sku])
    assert compared > (100 if name == "olist" else 100_000)
    recommender = Recommender(shop.store)
    shown = 0
    of_new = [("nobody", {sku}) for sku in sorted(everything) if max(together[sku].values(), default=0) >= SUPPORT]
    for who, basket in [*baskets[:60], *of_new[:200]]:
        has = {sku for other, theirs in baskets if other == who for sku in theirs} | basket
        scores: Counter[str] = Counter()
        for sku in basket:
            scores.update(together[sku])
        wanted = sorted((-count, sku) for sku, count in scores.items() if count >= SUPPORT and sku not in has)
        context = {**EVENT, "order": {"items": [{"sku": sku} for sku in basket]}}
        found = [product["sku"] for product in recommender.products(who, context)]
        # What no two customers had under one name is left out.
        named = (sku for _, sku in wanted if shop.store.products.get("api", "default", sku))
        assert found == list(islice(named, 12))
        shown += len(found)
    assert shown > (5 if name == "olist" else 2000)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _olist(source: Path) -> list[tuple[str, set[str]]]:
    person = {row["customer_id"]: row["customer_unique_id"] for row in _rows(source / "olist_customers_dataset.csv")}
    items: defaultdict[str, set[str]] = defaultdict(set)
    for row in _rows(source / "olist_order_items_dataset.csv"):
        items[row["order_id"]].add(row["product_id"])
    orders = _rows(source / "olist_orders_dataset.csv")
    return [(person[row["customer_id"]], items[row["order_id"]]) for row in orders if row["order_status"] != "canceled"]


def _uci(source: Path) -> list[tuple[str, set[str]]]:
    orders: dict[str, tuple[str, set[str]]] = {}
    for path in sorted(source.glob("*.csv")):
        for row in _rows(path):
            who = row["CustomerID"].strip().split(".")[0]
            if who and not row["InvoiceNo"].startswith("C"):
                orders.setdefault(row["InvoiceNo"], (who, set()))[1].add(row["StockCode"])
    return list(orders.values())


TEMPLATE = """\
class = "transactional"
topic = "orders"
subject = "Thanks"

[[triggers]]
event = "order.placed"
"""
BODY = """\
<p>{% for product in recommended(2) %}{{ product.name }} {% else %}nothing{% endfor %}</p>
<p><a href="{{ brand.contact_url }}">Write to us</a></p>
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a template that recommends."""
    folder = tmp_path / "shop"
    make_workspace(folder)
    (folder / "templates" / "thanks").mkdir()
    (folder / "templates" / "thanks" / "template.toml").write_text(TEMPLATE)
    (folder / "templates" / "thanks" / "email.html").write_text(BODY)
    return folder


def placed(who: str, number: str, *skus: str) -> Event:
    items = [{"sku": sku, "name": sku.title()} for sku in skus]
    told = {
        "id": number,
        "type": "order.placed",
        "time": "2026-03-02T10:00:00Z",
        "customer": {"id": who, "email": f"{who}@example.com"},
        "data": {"order": {"number": number, "items": items}},
    }
    return read_event(told)


def test_what_was_recommended_is_kept_with_the_message(workspace: Path) -> None:
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    with Messaging.open(str(workspace)) as app, rehearse(app, ["thanks"]) as shop:
        for who in ("bob", "cy"):
            shop.tell(placed(who, who, "tea", "pot"), at)
        shop.tell(placed("ann", "1", "tea"), at)
        letter = shop.kept[-1].letter
        assert "Pot" in letter.parts["html"]
        for who in ("di", "eva", "flo"):
            shop.tell(placed(who, who, "tea", "cup"), at)
        sent = shop.store.outbox.get([letter.id])[letter.id]
        assert [product["sku"] for product in sent.context["recommended"]] == ["pot"]
        shown = shop.show(sent)
        assert shown is not None
        assert "Pot" in shown.parts["html"]
        assert "Cup" not in shown.parts["html"]


def test_a_template_that_recommends_nothing_counts_nothing(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace / "templates" / "thanks" / "email.html").write_text(BODY.replace("recommended(2)", "[]"))
    monkeypatch.setattr(Recommender, "products", None)
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)
    with Messaging.open(str(workspace)) as app, rehearse(app, ["thanks"]) as shop:
        shop.tell(placed("ann", "1", "tea"), at)
        (kept,) = shop.kept
        assert "recommended" not in (shop.store.outbox.get([kept.letter.id])[kept.letter.id].context or {})
