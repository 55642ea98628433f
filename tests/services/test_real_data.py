"""Two real shops' histories, taken in whole; sums checked by other means than ours."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from zoneinfo import ZoneInfo

import orjson
import pytest

from messaging.rules.orders import fold
from messaging.services.csv_file import CsvFile
from messaging.services.importing import CustomerImport
from messaging.services.rejected import RejectedFile


def prepared(shared, tmp_path, name, folder):
    """customers.csv and events.jsonl of a data set."""
    tool, source = shared("tools/real_events.py"), shared(f"data/{folder}")
    out = tmp_path / name
    subprocess.run([sys.executable, str(tool), name, str(source), str(out)], check=True, capture_output=True)
    return out


def take(shop, folder, *, shuffled=False):
    doing = CustomerImport(
        shop.store,
        shop.clock,
        attributes={},
        declare=lambda types: None,
        forgotten=shop.forgotten,
        zone=ZoneInfo("UTC"),
    )
    file = CsvFile(folder / "customers.csv")
    rejected = RejectedFile(shop.store, folder / "customers.csv", folder, ".csv")
    incomplete = RejectedFile(shop.store, folder / "customers.csv", folder, ".csv", "incomplete")
    people = doing.run(file, doing.survey(file), source="test", rejected=rejected, incomplete=incomplete)
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    if shuffled:
        random.Random(7).shuffle(lines)
        lines += lines[:1000]
    return people, shop.intake.import_history(lines)


def all_orders(shop):
    ids = [customer.id for customer in shop.store.customers.page(limit=100_000)]
    return [order for orders in shop.store.events.orders_of(ids).values() for order in orders]


@pytest.mark.slow
@pytest.mark.parametrize("shuffled", [True])
def test_olist(shop, shared, tmp_path, shuffled):
    folder = prepared(shared, tmp_path, "olist", "olist")
    people, events = take(shop, folder, shuffled=shuffled)
    lines = [orjson.loads(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    with (folder / "customers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert (people.created, people.rejected) == (len(rows), 0)
    assert (events.new, events.known, events.rejected, events.failed) == (len(lines), 1000 * shuffled, 0, 0)
    placed = {e["data"]["order"]["number"]: e for e in lines if e["type"] == "order.placed"}
    cancelled = {e["data"]["order"]["number"] for e in lines if e["type"] == "order.cancelled"}
    orders = all_orders(shop)
    assert len(orders) == len({e["data"]["order"]["number"] for e in lines})
    assert sum(order.counts for order in orders) == len(placed.keys() - cancelled)
    paid = sum((Decimal(e["data"]["order"]["total"]) for e in placed.values()), Decimal(0))
    assert sum((order.total for order in orders if order.placed_at), Decimal(0)) == paid
    first = defaultdict(list)
    for e in lines:
        first[e["data"]["order"]["number"], e["type"]].append(e["time"])
    for order in orders:
        for name, type in (("placed_at", "order.placed"), ("delivered_at", "order.delivered")):
            told = first.get((order.number, type))
            moment = getattr(order, name)
            assert (moment is None) if told is None else moment.isoformat()[:19] == min(told)[:19]
    skus = Counter(item["sku"] for e in placed.values() for item in e["data"]["order"]["items"])
    assert sum((Counter(dict(order.skus)) for order in orders if order.placed_at), Counter()) == skus


def test_uci(shop, shared, tmp_path):
    folder = prepared(shared, tmp_path, "uci", "uci_online_retail_2010-12")
    people, events = take(shop, folder)
    assert (people.rejected, events.rejected, events.failed) == (0, 0, 0)
    sold, returned = defaultdict(Decimal), defaultdict(Decimal)
    for path in sorted(shared("data/uci_online_retail_2010-12").glob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                who = row["CustomerID"].split(".")[0]
                if who:
                    amount = Decimal(row["UnitPrice"]) * abs(int(row["Quantity"]))
                    (returned if row["InvoiceNo"].startswith("C") else sold)[who] += amount
    found_sold, found_returned = defaultdict(Decimal), defaultdict(Decimal)
    for order in all_orders(shop):
        if order.counts:
            found_sold[order.customer_id] += order.total
        found_returned[order.customer_id] += order.refunded
    assert dict(found_sold) == dict(sold)
    assert {who: amount for who, amount in found_returned.items() if amount} == {
        who: amount for who, amount in returned.items() if amount
    }


def test_a_real_shops_year_in_any_order(shop, shared, tmp_path):
    """Order by order, folding what the file tells in a random order is folding it as told."""
    from messaging.rules.envelope import read_event

    lines = (prepared(shared, tmp_path, "olist", "olist") / "events.jsonl").read_bytes().splitlines()[:4000]
    stories = defaultdict(list)
    for line in lines:
        event = read_event(orjson.loads(line))
        stories[event.data["order"]["number"]].append(event)
    rng = random.Random(11)
    for story in stories.values():
        told = again = None
        for event in story:
            told = fold(told, event)
        for event in rng.sample(story * 2, len(story) * 2):
            again = fold(again, event)
        assert told == again
