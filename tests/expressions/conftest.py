"""What tests of the language share: a schema, and people to ask about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from messaging.expressions import EVENT_NAMES, Schema, Subject, compile_python, explain, parse
from messaging.nouns.customer import Customer
from messaging.nouns.history import History
from messaging.nouns.order import Order

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

SCHEMA = Schema(
    attributes={"points": "number", "vip": "boolean", "tier": "text", "joined": "date", "Lead Source": "text"},
    extras=EVENT_NAMES,
)


@pytest.fixture(scope="session")
def schema() -> Schema:
    return SCHEMA


@pytest.fixture(scope="session")
def order() -> Callable[..., Order]:
    """`order(days, total, …)`: one that was placed so many days ago."""
    made = 0

    def make(days: float | None = 1, total: str = "10", currency: str | None = "EUR", **more: Any) -> Order:
        nonlocal made
        made += 1
        return Order(
            key=f"k{made}",
            id=f"{made}",
            number=f"{made}",
            placed_at=None if days is None else NOW - timedelta(days=days),
            total=Decimal(total),
            currency=currency,
            **{"refunds": {}, "skus": {}, **more},
        )

    return make


@pytest.fixture(scope="session")
def subject() -> Callable[..., Subject]:
    """`subject(orders=…, country=…, vip=True, …)`: customer fields, attributes and history by name."""

    def make(**given: Any) -> Subject:
        history = {
            name: given.pop(name) for name in ("orders", "happened", "told", "messages", "addresses") if name in given
        }
        around = {name: given.pop(name) for name in ("currency", "cuts", "segments", "extras") if name in given}
        channels = given.pop("channels", {})
        attributes = {name: given.pop(name) for name in list(given) if name in SCHEMA.attributes}
        customer = Customer(**{"id": "c1", "addresses": channels, "attributes": attributes, **given})
        if "orders" in history:
            history["orders"] = tuple(history["orders"])
        return Subject(customer=customer, history=History(**history), now=NOW, **around)

    return make


@pytest.fixture(scope="session")
def holds() -> Callable[[str, Subject], bool]:
    """Whether an expression holds: compiled and explained must say the same."""

    def evaluate(text: str, subject: Subject) -> bool:
        expression = parse(text, SCHEMA)
        compiled = compile_python(expression)(subject)
        assert explain(expression, subject).holds is compiled
        return compiled

    return evaluate
