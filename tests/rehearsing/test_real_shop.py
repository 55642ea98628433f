"""A season of a real shop, rehearsed: every message against who should get what and when, worked out from its tables by
other means than ours."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest

from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.rehearsing.app import rehearse
from messaging.rehearsing.history import tell_history

TEMPLATES = ("order-confirmation", "payment-received", "shipped", "delivered", "delayed", "cancelled", "review-request")
SEASON = "2017-11", "2017-12"
END = datetime(2018, 6, 1, tzinfo=UTC)
PLACE = ZoneInfo("America/Sao_Paulo")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def expected(row, address):
    """What the buyer of one order should get: template, order, address, time."""
    placed, paid = at(row["order_purchase_timestamp"]), at(row["order_approved_at"])
    shipped, delivered = at(row["order_delivered_carrier_date"]), at(row["order_delivered_customer_date"])
    steps = [time for time in (placed, paid, shipped, delivered) if time]
    cancelled = steps[-1] if row["order_status"] == "canceled" else None
    number = row["order_id"][:10].upper()

    yield "order-confirmation", number, address, placed
    # A payment is told ten minutes later, unless it came within an hour of the order, whose confirmation says enough.
    if paid and paid - placed > timedelta(hours=1) and not (cancelled and cancelled <= paid + timedelta(minutes=10)):
        yield "payment-received", number, address, paid + timedelta(minutes=10)
    if shipped:
        # No tracking number comes: it is waited for to no avail.
        yield "shipped", number, address, shipped + timedelta(minutes=10)
        # Nine in the morning where they are, the day after the promised one; at the earliest two days after it left.
        day = datetime.fromisoformat(row["order_estimated_delivery_date"]).date() + timedelta(days=1)
        due = max(datetime(day.year, day.month, day.day, 9, tzinfo=PLACE).astimezone(UTC), shipped + timedelta(days=2))
        over = [time for time in (delivered, cancelled) if time and time >= shipped]
        if not any(time < due for time in over):
            yield "delayed", number, address, due
    if delivered:
        yield "delivered", number, address, delivered
        if not (cancelled and delivered <= cancelled):
            yield "review-request", number, address, delivered + timedelta(days=7)
    if cancelled:
        yield "cancelled", number, address, cancelled


@pytest.mark.slow
def test_every_message_of_a_season(live_shop, shared, tmp_path):
    tool, source = shared("tools/real_events.py"), shared("data/olist")
    subprocess.run([sys.executable, str(tool), "olist", str(source), str(tmp_path)], check=True, capture_output=True)
    with (source / "olist_orders_dataset.csv").open(newline="") as file:
        orders = [row for row in csv.DictReader(file) if row["order_purchase_timestamp"].startswith(SEASON)]
    with (source / "olist_customers_dataset.csv").open(newline="") as file:
        people = {row["customer_id"]: row["customer_unique_id"] for row in csv.DictReader(file)}
    addresses = {person: f"{person[:16]}@customers.example" for person in people.values()}

    app = live_shop.app
    app.store.customers.put(
        Customer(id=person, email=email, timezone=PLACE.key, created_at=at("2016-01-01"))
        for person, email in addresses.items()
    )
    app.store.addresses.add_consents(
        Consent(channel="email", address=email, granted=True, at=at("2016-01-01"), source="test")
        for email in addresses.values()
    )
    ids = {row["order_id"] for row in orders}
    lines = [
        line
        for line in (tmp_path / "events.jsonl").read_bytes().splitlines()
        if orjson.loads(line)["id"].partition(":")[0] in ids
    ]
    with rehearse(app, TEMPLATES) as rehearsal:
        told = tell_history(rehearsal, lines, until=END)
        rows = rehearsal.store.outbox.page(limit=100_000)
        sent = {(row.template, row.context["order"]["number"], row.address, row.sent_at) for row in rows if row.sent_at}
        assert told.rejected == []
        assert len(rehearsal.kept) == len(sent)
    should = {one for row in orders for one in expected(row, addresses[people[row["customer_id"]]])}
    assert len(should) > 2000
    assert {name for name, *_ in should} == set(TEMPLATES)
    assert sorted(sent - should) == []
    assert sorted(should - sent) == []
