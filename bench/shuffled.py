"""A shop's webhooks in order, once; and the same with a fifth of them doubled and all of them shuffled.

    python -m bench.shuffled [--events 10000] [--connections 16]

Both are signed, posted over HTTP to a server of their own with all starter triggers on, and told hours after they happened.
Then customers, orders and consents must be the same, and of each thing to tell the same messages: what may differ is
which of an order and its parcels was told (the one that came first), and whether a message had gone before it was known to
be no news any more. It prints how often that was, and fails if anything else differs.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from bench.events import post, server, signed
from messaging.app import Messaging
from messaging.nouns.customer import Customer
from messaging.nouns.event import EventState
from messaging.nouns.message import Message, MessageState
from messaging.workspace.starter import starter
from messaging.workspace.template_files import read_template, template_names

PATH = "/hooks/standard/main"
#: How many things happen in a shop beside what happens with orders.
BESIDE = ("cart.updated", "consent.changed", "product.requested", "customer.updated")
#: Why a message did not go that went in the other telling: what was known by the time it was due.
KNOWN = ("superseded by ", "cancelled by ", "unless: ")
GOING = (MessageState.SENT, MessageState.PLANNED)

#: Template, customer, and what makes the message once.
Key = tuple[str, str, str]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--events", type=int, default=10_000)
    arguments.add_argument("--connections", type=int, default=16)
    given = arguments.parse_args()
    chance = random.Random(1)
    story = list(_story(chance, given.events))
    shuffled = [*story, *chance.sample(story, len(story) // 5)]
    chance.shuffle(shuffled)
    one = _told("in order", story, 1)
    other = _told("a fifth doubled, all shuffled", shuffled, given.connections)
    print(f"{len(one.customers)} customers, {len(one.orders)} orders, {len(one.going())} messages in order, once")
    for reason, number in sorted(_differences(one, other).items()):
        print(f"{number:6} {reason}")


def _story(chance: random.Random, number: int) -> Iterator[dict[str, Any]]:
    """So many events of the last hours, in the order in which they happened."""
    people = [f"c{n}" for n in range(max(1, number // 10))]
    now = datetime.now(UTC).replace(microsecond=0)
    events: list[dict[str, Any]] = []
    while len(events) < number:
        who = chance.choice(people)
        minutes = sorted(chance.sample(range(60, 600), 8), reverse=True)
        told = _order(chance, f"{who}-{len(events)}") if chance.random() < 0.6 else [_beside(chance, len(events))]
        for minute, (id, type, data) in zip(minutes, told, strict=False):
            customer = {"id": who, "email": f"{who}@example.com", "first_name": f"Ann {chance.randrange(9)}"}
            if chance.random() < 0.5:
                customer = {"id": who}
            at = (now - timedelta(minutes=minute, seconds=chance.randrange(60))).isoformat()
            events.append({"id": id, "type": type, "time": at, "customer": customer, "data": data})
    events.append(
        {
            "id": "back",
            "type": "product.restocked",
            "time": (now - timedelta(minutes=59)).isoformat(),
            "data": {"product": {"sku": "MUG", "name": "Mug"}},
        }
    )
    return iter(sorted(events[-number:], key=lambda each: (each["time"], each["id"])))


def _order(chance: random.Random, number: str) -> list[tuple[str, str, dict[str, Any]]]:
    """What happens with one order, in order."""
    order: dict[str, Any] = {"number": number}
    items = [
        {"sku": "T", "name": "Tea", "quantity": 2, "price": "18.90"},
        {"sku": "P", "name": "Pot", "price": "46.90"},
    ]
    # Some of somebody's orders are in one parcel, which is known by the carrier's number.
    shared = {"tracking_number": f"TRACK-{number.partition('-')[0]}"}
    named = shared if chance.random() < 0.2 else {"id": f"{number}-s"}
    parcel: dict[str, Any] = {"order": order, "shipment": {**named, "carrier": "DHL", "eta": "2099-01-02"}}
    steps: list[tuple[str, dict[str, Any]]] = [
        ("order.placed", {"order": {**order, "total": "84.70", "currency": "EUR", "items": items}})
    ]
    if chance.random() < 0.2:
        steps += [("order.cancelled", {"order": order}), ("order.paid", {"order": order})]
    else:
        steps += [("order.paid", {"order": order}), ("shipment.shipped", parcel), ("order.shipped", {"order": order})]
        steps += [("shipment.out_for_delivery", parcel), ("shipment.delivered", parcel)]
        if chance.random() < 0.2:
            steps.append(("refund.created", {"order": order, "refund": {"id": f"{number}-r", "amount": "18.90"}}))
    return [(f"{number}:{n}", type, data) for n, (type, data) in enumerate(steps)]


def _beside(chance: random.Random, number: int) -> tuple[str, str, dict[str, Any]]:
    """Something else that happens."""
    type = chance.choice(BESIDE)
    told: dict[str, dict[str, Any]] = {
        "cart.updated": {"cart": {"id": f"cart-{number}", "items": [{"sku": "T", "name": "Tea"}]}},
        "consent.changed": {"consent": {"channel": "email", "granted": True}},
        "product.requested": {"product": {"sku": "MUG"}},
        "customer.updated": {},
    }
    return f"x{number}", type, told[type]


@dataclass
class Ending:
    """What is in the store when all is told."""

    customers: list[Customer]
    orders: dict[str, Any]
    consents: dict[Any, list[str]]
    failed: int
    rows: dict[Key, Message]

    @classmethod
    def of(cls, app: Messaging) -> Ending:
        store = app.store
        customers = store.customers.page(limit=10**6)
        ids = [each.id for each in customers]
        statuses = store.addresses.status([("email", each.email or "") for each in customers])
        return cls(
            customers=customers,
            orders={order.key: order for found in store.events.orders_of(ids).values() for order in found},
            consents={address: sorted(map(str, status.consents)) for address, status in statuses.items()},
            failed=len(store.events.page(state=EventState.FAILED, limit=10**6)),
            rows={(m.template, m.customer_id, m.trigger_key or ""): m for m in store.outbox.page(limit=10**6)},
        )

    @cached_property
    def told(self) -> set[tuple[str, str, Any, Any]]:
        """What messages that go, or went, are about."""
        return {_about(self.rows[key]) for key in self.going()}

    def going(self) -> set[Key]:
        return {key for key, row in self.rows.items() if row.state in GOING}


def _told(name: str, told: Sequence[dict[str, Any]], connections: int) -> Ending:
    """Tell a server all of it; what is there when it has worked all off and sent what is due."""
    folder_of = starter("templates")
    triggers = [each for each in template_names(folder_of) if read_template(folder_of, each).triggers]
    with tempfile.TemporaryDirectory() as folder:
        with server(Path(folder), triggers) as (port, _):
            begun = time.perf_counter()
            asyncio.run(_post_all(port, told, connections))
            posted = time.perf_counter() - begun
            with Messaging.open(str(Path(folder) / "shop")) as app:
                while _waits(app):
                    time.sleep(0.2)
                done = time.perf_counter() - begun
        with Messaging.open(str(Path(folder) / "shop")) as app:
            ending = Ending.of(app)
    print(
        f"{name}: {len(told)} webhooks, answered in {posted:.1f} s ({len(told) / posted:.0f} a second), "
        f"worked off and sent after {done:.1f} s",
        flush=True,
    )
    return ending


async def _post_all(port: int, told: Sequence[dict[str, Any]], connections: int) -> None:
    left = iter(told)

    async def some() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in left:
            await post(reader, writer, PATH, *signed(each["id"], orjson.dumps(each)))
        writer.close()

    await asyncio.gather(*(some() for _ in range(connections)))


def _waits(app: Messaging) -> bool:
    now = app.clock.now()
    due = app.store.outbox.next_due()
    return bool(app.store.events.received(now=now, limit=1)) or (due is not None and due <= now)


def _differences(one: Ending, other: Ending) -> Counter[str]:
    """What differs and may; ends with a line that says so if anything else does."""
    for name in ("customers", "orders", "consents", "failed"):
        if getattr(one, name) != getattr(other, name):
            sys.exit(f"{name} differ")
    found: Counter[str] = Counter({"failed": one.failed})
    for key in one.going() ^ other.going():
        rows = [ending.rows.get(key) for ending in (one, other)]
        skipped = next((row for row in rows if row is not None and row.state not in GOING), None)
        reason = skipped.reason or "" if skipped is not None else "told by another"
        if reason.startswith("told by "):
            allowed = all(_is_told(ending, key, one, other) for ending in (one, other))
        else:
            allowed = reason.startswith(KNOWN)
        if not allowed:
            sys.exit(f"{key} differs: {[row and (row.state.value, row.reason) for row in rows]}")
        found[f"{key[0]}: {reason}"] += 1
    found["the same"] = len(one.going() & other.going())
    return found


def _is_told(ending: Ending, key: Key, *endings: Ending) -> bool:
    """Whether something in `ending` tells what the message of `key` tells."""
    what = next(_about(each.rows[key]) for each in endings if key in each.rows)
    return what in ending.told


def _about(message: Message) -> tuple[str, str, Any, Any]:
    """What a message is about as a whole."""
    context = message.context or {}
    order, product = context.get("order", {}), context.get("product", {})
    return message.template, message.customer_id, order.get("number"), product.get("sku")


if __name__ == "__main__":
    main()
