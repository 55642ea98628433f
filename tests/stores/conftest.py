"""Stores to test, and nouns to put in them. A store that passes `contract/` is one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import Clock
from messaging.errors import MessagingError
from messaging.nouns.campaign import Campaign
from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.event import Event
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.order import Order, order_key
from messaging.nouns.template import LinkSlot, TemplateVersion
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class Make:
    """Nouns with everything filled in that a test does not care about."""

    now = NOW

    def customer(self, id: str, **fields: Any) -> Customer:
        return Customer(id=id, **{"email": f"{id}@example.com", "created_at": NOW, **fields})

    def message(self, id: str, **fields: Any) -> Message:
        """A planned message of the campaign `spring`, or an event-driven one if `lane` says so."""
        campaign = "spring" if fields.get("lane", Lane.CAMPAIGN) is Lane.CAMPAIGN else None
        message = Message(
            id=id,
            origin=f"campaign:{campaign}" if campaign else f"trigger:welcome:{id}",
            customer_id="ann",
            channel="email",
            address="ann@example.com",
            template="promotion" if campaign else "welcome",
            version="v1",
            message_class=MessageClass.MARKETING,
            topic="news",
            lane=Lane.CAMPAIGN,
            campaign=campaign,
            due_at=NOW,
            created_at=NOW,
        )
        return replace(message, **fields)

    def sent(self, message_id: str, **fields: Any) -> Outcome:
        return Outcome(
            message_id=message_id, **{"state": MessageState.SENT, "adapter": "smtp", "sent_at": NOW, **fields}
        )

    def planned(self, message_id: str) -> Outcome:
        return Outcome(message_id=message_id, state=MessageState.PLANNED, due_at=NOW)

    def event(self, id: str, **fields: Any) -> Event:
        return Event(
            id=id,
            **{
                "type": "order.placed",
                "time": NOW,
                "customer": {"email": "ann@example.com"},
                "data": {"order": {"number": id, "total": "9.90"}},
                "received_at": NOW,
                "fingerprint": "f",
                **fields,
            },
        )

    def order(self, id: str, **fields: Any) -> Order:
        return Order(
            key=order_key("api", "default", id),
            id=id,
            number=id,
            **{
                "customer_id": "ann",
                "total": Decimal("9.90"),
                "currency": "EUR",
                "refunds": {},
                "skus": {},
                **fields,
            },
        )

    def campaign(self, name: str, **fields: Any) -> Campaign:
        return Campaign(
            name=name,
            **{"template": "promotion", "segment": "all", "channel": "email", "created_at": NOW, **fields},
        )

    def consent(self, address: str = "ann@example.com", **fields: Any) -> Consent:
        return Consent(address=address, **{"channel": "email", "granted": True, "at": NOW, **fields})

    def suppression(self, address: str = "ann@example.com", **fields: Any) -> Suppression:
        return Suppression(address=address, **{"channel": "email", "reason": "bounced", "at": NOW, **fields})

    def engagement(self, id: str, kind: EngagementKind = EngagementKind.CLICKED, **fields: Any) -> Engagement:
        return Engagement(id=id, kind=kind, **{"at": NOW, "message_id": "m1", "customer_id": "ann", **fields})

    def version(self, version: str) -> TemplateVersion:
        return TemplateVersion(
            version=version,
            template="promotion",
            message_class=MessageClass.MARKETING,
            topic="news",
            channels=("email",),
            fallbacks={"customer.first_name": "there"},
            parts={"email": {"": {"subject": "Hello", "html": "<p>Hello</p>"}}},
            links=(LinkSlot(slot=1, channel="email", locale="", part="html", label="Shop", target=None),),
            brand={"name": "Our shop"},
            from_="shop@example.com",
            reply_to=None,
        )


@pytest.fixture
def abandon() -> Callable[[Store, Callable[[], None]], None]:
    """Does something inside a transaction that fails afterwards."""

    def run(store: Store, change: Callable[[], None]) -> None:
        def failing() -> None:
            with store.transaction():
                change()
                raise MessagingError("something else failed")

        with pytest.raises(MessagingError, match="something else"):
            failing()

    return run


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def open_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Opens one and the same store, as often as asked, as so many processes would."""
    opener: Callable[[], Store] = request.getfixturevalue(f"open_{request.param}")
    return opener


@pytest.fixture
def open_tinydb(tmp_path: Path, clock: Clock) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(TinyStore(tmp_path / "data" / "store.jsonl", clock=clock))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def open_postgres(postgres_url: str) -> Iterator[Callable[[], Store]]:
    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.store import PostgresStore

    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(PostgresStore(read_address(postgres_url)))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def run_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes with a program of their own, in which a warning is an error; kills those that still run."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    """A store with nothing in it."""
    return open_store()


@pytest.fixture(params=["same", "another", "reopened"])
def look(request: pytest.FixtureRequest, store: Store, open_store: Callable[[], Store]) -> Callable[[], Store]:
    """The store as who wrote sees it, as another process that had it open does, and as a later start does."""
    if request.param == "same":
        return lambda: store
    if request.param == "another":
        other = open_store()
        return lambda: other
    return open_store
