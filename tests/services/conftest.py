"""A real store, and the services of intake on top of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import FrozenClock
from messaging.errors import NotFound, TemplateError
from messaging.nouns.customer import Customer
from messaging.nouns.message import Message, MessageClass
from messaging.nouns.template import Template, TemplateVersion, Trigger
from messaging.plugins import Plugins
from messaging.rules.profile import ProfileReader
from messaging.services.backlog import Backlog
from messaging.services.effects import Effects
from messaging.services.erasing import Eraser
from messaging.services.forgotten import Forgotten
from messaging.services.intake import Intake
from messaging.services.live_triggers import TriggerSwitch
from messaging.services.planning import Planner
from messaging.services.triggering import Triggering
from messaging.stores.base import Store
from messaging.stores.tinydb.store import TinyStore


class Shelf:
    """Templates kept in memory; one can be broken."""

    def __init__(self) -> None:
        self.templates: dict[str, Template] = {}
        self.revision: dict[str, int] = {}
        self.broken: set[str] = set()

    def put(
        self, name: str, *triggers: Trigger, marketing: bool = False, channels: tuple[str, ...] = ("email",)
    ) -> None:
        self.revision[name] = self.revision.get(name, 0) + 1
        self.templates[name] = Template(
            name=name,
            message_class=MessageClass.MARKETING if marketing else MessageClass.TRANSACTIONAL,
            topic="orders",
            channels=channels,
            sources={},
            files={},
            triggers=triggers,
        )

    def get(self, name: str) -> Template:
        if name in self.broken:
            raise TemplateError("unexpected end", file=f"templates/{name}/email.html", line=3)
        if name not in self.templates:
            raise NotFound(f"no template {name!r}")
        return self.templates[name]

    def sendable(self, name: str) -> TemplateVersion:
        template = self.get(name)
        return TemplateVersion(
            version=f"{name}-{self.revision[name]}",
            template=name,
            message_class=template.message_class,
            topic=template.topic,
            channels=template.channels,
            fallbacks={},
            parts={channel: {"": {"text": "hello"}} for channel in template.channels},
            links=(),
            brand={},
            from_="Shop <shop@example.com>",
        )


class Shop:
    """All that tests of intake need, wired as the app wires it."""

    def __init__(self, store: Store, clock: FrozenClock, folder: Path) -> None:
        self.store = store
        self.clock = clock
        self.shelf = Shelf()
        self.switch = TriggerSwitch(store, self.shelf, patience=0)
        self.segments: dict[str, list[str]] = {}
        #: Customer ids for whom every `unless` is true.
        self.unless: set[str] = set()
        self.woken = 0
        self.waiting = 0
        self.forgotten = Forgotten(store, b"k" * 32)
        self.planner = Planner(
            store,
            Plugins(none=True),
            channels=lambda channel: True,
            plugin_settings=lambda name: {},
        )
        self.triggering = Triggering(
            store,
            clock,
            switch=self.switch,
            planner=self.planner,
            members=self._members,
            holding=self._holding,
            timezone="Europe/Vienna",
            late=timedelta(days=2),
        )
        self.profiles = ProfileReader(attributes={"vip": "boolean", "points": "number", "note": "text"}, region="AT")
        self.eraser = Eraser(
            store,
            clock,
            forgotten=self.forgotten,
            profiles=self.profiles,
            workspace=folder,
            mailbox=folder / "mailbox",
            plans=folder / "plans",
        )
        self.effects = Effects(
            store,
            clock,
            triggering=self.triggering,
            profiles=self.profiles,
            forgotten=self.forgotten,
            erase=lambda customer_id, since: self.eraser.erase(customer_id, since=since),
            currency="EUR",
            wake=self._wake,
        )
        self.intake = Intake(store, clock, self.effects, wake=self._wake_backlog)
        #: What the shop says of an incomplete event, or raises.
        self.complete = lambda event: None
        self.backlog = Backlog(
            store, clock, self.effects, left=self.intake.left, complete=lambda event: self.complete(event)
        )

    def _members(self, segment: str) -> list[Customer]:
        return list(self.store.customers.get(self.segments[segment]).values())

    def _holding(self, unless: str, messages: Sequence[Message], now: datetime) -> Collection[str]:
        return {message.id for message in messages if message.customer_id in self.unless}

    def _wake(self, places: object) -> None:
        self.woken += 1

    def _wake_backlog(self) -> None:
        self.waiting += 1

    def event(
        self,
        type: str = "order.placed",
        *,
        id: str | None = None,
        hours: float = 0,
        customer: Any = None,
        **data: Any,
    ) -> dict[str, Any]:
        """An envelope, by default of an order placed now by customer 17; `hours` is from now."""
        return {
            "id": id or f"{type}-1",
            "type": type,
            "time": (self.clock.now() + timedelta(hours=hours)).isoformat(),
            "customer": {"id": "17", "email": "ann@example.com"} if customer is None else customer,
            "data": data or {"order": order()},
        }

    def messages(self, **filters: Any) -> list[Message]:
        return self.store.outbox.page(**filters)


def order(number: str = "1001", total: str = "49.90", **more: Any) -> dict[str, Any]:
    return {
        "number": number,
        "total": total,
        "currency": "EUR",
        "items": [{"sku": "MUG", "name": "Mug", "quantity": 2, "price": "24.95"}],
        **more,
    }


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[Store]:
    store = TinyStore(tmp_path / "data" / "store.jsonl", clock=clock)
    yield store
    store.close()


@pytest.fixture
def shop(store: Store, clock: FrozenClock, tmp_path: Path) -> Shop:
    return Shop(store, clock, tmp_path)


@pytest.fixture
def known_since() -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def make_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Shop]]:
    """Shops, each with a store of its own: for what is tried many times in one test."""
    stores: list[TinyStore] = []

    def make() -> Shop:
        while len(stores) > 5:
            stores.pop(0).close()
        folder, clock = tmp_path_factory.mktemp("shop"), FrozenClock(datetime(2026, 3, 2, 10, tzinfo=UTC))
        stores.append(TinyStore(folder / "store.jsonl", clock=clock))
        return Shop(stores[-1], clock, folder)

    yield make
    for store in stores:
        store.close()
