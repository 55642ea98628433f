"""A small shop to try things on: customers and a year of orders, the same every time.

Addresses are at reserved domains, telephone numbers from the ranges kept for fiction.
"""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

_FIRST = (
    "Ada",
    "Ben",
    "Chiara",
    "Deniz",
    "Elif",
    "Finn",
    "Greta",
    "Hugo",
    "Inês",
    "Jonas",
    "Kaja",
    "Lena",
    "Miro",
    "Noor",
    "Olga",
    "Paulo",
)
_LAST = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gorse", "Hazel", "Ivy", "Juniper")
_PLACES = (
    ("en-GB", "GB", "Europe/London"),
    ("de-DE", "DE", "Europe/Berlin"),
    ("pt-PT", "PT", "Europe/Lisbon"),
)
_GOODS = (
    ("MUG-01", "Stoneware mug", "14.50"),
    ("TEA-07", "Darjeeling, first flush", "11.90"),
    ("POT-02", "Cast-iron teapot", "62.00"),
    ("KET-03", "Gooseneck kettle", "79.00"),
    ("TIN-05", "Tea tin, large", "9.80"),
    ("SPN-01", "Brass scoop", "12.40"),
)


def write_shop(folder: Path, *, customers: int, now: datetime) -> tuple[Path, Path]:
    """Write `customers.csv` and `events.jsonl` (a year of orders up to `now`) into `folder`; return the two."""
    rng = random.Random(20260302)
    people = folder / "customers.csv"
    history = folder / "events.jsonl"
    with people.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "Customer ID",
                "Email",
                "First Name",
                "Last Name",
                "Phone",
                "Locale",
                "Country",
                "Timezone",
                "favourite",
            ]
        )
        for number in range(1, customers + 1):
            first, last = rng.choice(_FIRST), rng.choice(_LAST)
            # The first customer is the one whose order the demo follows.
            locale, country, zone = rng.choice(_PLACES[:1] if number == 1 else _PLACES)
            phone = f"+4477009{number % 100000:05d}" if number <= 999 else ""
            writer.writerow(
                [
                    f"C{number:05d}",
                    f"customer{number}@mail.example" if number % 20 else "",
                    first,
                    last,
                    phone,
                    locale,
                    country,
                    zone,
                    rng.choice(_GOODS)[1],
                ]
            )
    events = [event for number in range(1, customers + 1) for event in _orders(rng, number, now)]
    events.sort(key=lambda event: (event["time"], event["id"]))
    with history.open("wb") as out:
        for event in events:
            out.write(orjson.dumps(event) + b"\n")
    return people, history


def order_event(number: int, kind: str, customer: dict[str, Any], time: datetime, rng: random.Random) -> dict[str, Any]:
    """One order event in the project's envelope."""
    items: list[dict[str, Any]] = [
        {
            "sku": sku,
            "name": name,
            "quantity": rng.randint(1, 3),
            "price": price,
            "url": f"https://shop.example/p/{sku.lower()}",
        }
        for sku, name, price in rng.sample(_GOODS, rng.randint(1, 3))
    ]
    total = sum((Decimal(item["price"]) * item["quantity"] for item in items), Decimal(0))
    return {
        "id": f"{number}:{kind}",
        "type": kind,
        "time": time.isoformat(),
        "customer": customer,
        "data": {
            "order": {
                "id": str(number),
                "number": f"T-{number}",
                "total": str(total),
                "currency": "EUR",
                "items": items,
                "url": f"https://shop.example/orders/{number}",
            }
        },
    }


def _orders(rng: random.Random, customer: int, now: datetime) -> list[dict[str, Any]]:
    events = []
    for turn in range(rng.choice((0, 1, 1, 1, 2, 3, 5))):
        number = customer * 100 + turn
        placed = now - timedelta(days=rng.uniform(2, 365))
        who = {"id": f"C{customer:05d}"}
        event = order_event(number, "order.placed", who, placed, rng)
        events.append(event)
        for kind, days in (("order.shipped", 1.5), ("order.delivered", 4.0)):
            if placed + timedelta(days=days) < now:
                events.append(
                    {
                        **event,
                        "id": f"{number}:{kind}",
                        "type": kind,
                        "time": (placed + timedelta(days=days)).isoformat(),
                    }
                )
    return events
