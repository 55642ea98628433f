"""Both apps on real sockets, over a real store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.clock import FrozenClock
from messaging.errors import Conflict
from messaging.ids import digest, message_id
from messaging.metrics import Metrics
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement
from messaging.nouns.event import Accepted, EventState
from messaging.nouns.message import Message, MessageClass, MessageState
from messaging.nouns.template import LinkSlot, TemplateVersion
from messaging.plugins import Plugins
from messaging.rules.envelope import read_event
from messaging.rules.resting import Limits
from messaging.rules.tokens import LinkSigner, SignedLinks, SigningKeys
from messaging.server.events import openapi
from messaging.server.mails import Mailbox
from messaging.server.public import PublicApp, public_app
from messaging.server.run import Door, listen, run
from messaging.server.staff import staff_app
from messaging.services.health import Health
from messaging.services.preferences import Preferences
from messaging.services.recording import Recorder
from messaging.services.reporting import Reporter
from messaging.services.resting import Rests
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore

KEYS = SigningKeys(current=1, keys={1: b"k" * 32})
VERSION = "ab" * 16
SHOP_URL = "https://shop.example/sale?from=mail&x=1#top"


class Inbox:
    """Takes events in, as intake does: known by id, a used id with another content is refused."""

    def __init__(self) -> None:
        self.events: dict[str, object] = {}

    def receive(self, document: object) -> Accepted:
        event = read_event(document)
        if event.key in self.events and self.events[event.key] != event.fingerprint:
            raise Conflict("known with another content", hint="use a new id")
        new = event.key not in self.events
        self.events[event.key] = event.fingerprint
        return Accepted(key=event.key, state=EventState.DONE, new=new, planned=int(new))


@dataclass
class Site:
    """Everything behind the two apps."""

    store: TinyStore
    clock: FrozenClock
    recorder: Recorder
    mailbox: Path
    inbox: Inbox
    public: PublicApp
    #: Makes the staff app for a host.
    staff: Callable[[str], Any]
    letter: Callable[..., Message]

    def message(self, name: str = "ann", **fields: Any) -> SignedLinks:
        """A message to `name`, sent two days ago; its links."""
        message = self.letter(name, **{"topic": "new-offers", **fields})
        self.store.outbox.add([message])
        sent_at = self.clock.now() - timedelta(days=2)
        self.store.outbox.settle([Outcome(message_id=message.id, state=MessageState.SENT, sent_at=sent_at)])
        return LinkSigner(KEYS, "").for_message(message.id, VERSION)

    def engagements(self, name: str = "ann") -> Sequence[Engagement]:
        self.recorder.drain()
        id = message_id("campaign:spring", name, "email")
        return self.store.engagements.of_messages([id]).get(id, [])

    def consented(self, topic: str = "new-offers", name: str = "ann") -> bool | None:
        decision = self.recorder.decision("email", f"{name}@example.com", topic)
        return None if decision is None else decision.granted

    def mail(self, id: str, source: str | bytes) -> None:
        """Put a message into the mailbox."""
        self.mailbox.mkdir(exist_ok=True)
        data = source.encode() if isinstance(source, str) else source
        (self.mailbox / f"{id}.eml").write_bytes(data.replace(b"\n", b"\r\n"))


@pytest.fixture
def site(tmp_path: Path, clock: FrozenClock, letter: Callable[..., Message]) -> Iterator[Site]:
    store = TinyStore(tmp_path / "data" / "store.jsonl", clock=clock)
    recorder = Recorder(store, clock, Plugins(none=True), folder=tmp_path / "data" / "hits", soft_bounces=5)
    inbox = Inbox()
    brand = {"name": "The <Shop>", "url": "https://shop.example/", "contact_url": ""}
    store.put_version(
        TemplateVersion(
            version=VERSION,
            template="promotion",
            message_class=MessageClass.MARKETING,
            topic="new-offers",
            channels=("email",),
            fallbacks={},
            parts={},
            links=tuple(
                LinkSlot(slot=slot, channel="email", locale="", part="html", label=f"Link {slot}", target=target)
                for slot, target in enumerate((SHOP_URL, None, "https://bücher.example/ä b"), 1)
            ),
            brand={},
            from_="shop@example.com",
        )
    )
    store.customers.put([Customer(id="ann", email="ann@example.com")])
    rests = Rests(store, clock, Limits())
    health = Health(store, clock, rests=rests, folder=tmp_path, overdue=timedelta(minutes=2), age=0.0)
    public = public_app(
        store,
        recorder,
        Preferences(store, recorder, topics=lambda: ["new-offers", "news"], channels=lambda: ["email"]),
        receive=inbox.receive,
        keys=KEYS,
        api_key="the-api-key-of-this-test",
        brand=brand,
        topics={"news": {"de": "Neuigkeiten", "en": "What is new"}, "club": {"": "Our <Club>"}},
        max_body=10_000,
        health=health,
    )

    def staff(host: str) -> Any:
        return staff_app(
            store,
            Reporter(store, recorder, clock, templates=lambda: ["order-confirmation"]),
            Mailbox(tmp_path / "mailbox"),
            health=health,
            metrics=lambda: Metrics(store, clock, rests, age=0.0).page(),
            describe_api=lambda: openapi(public.api),
            brand=brand,
            host=host,
            password="correct horse",
        )

    yield Site(store, clock, recorder, tmp_path / "mailbox", inbox, public, staff, letter)
    recorder.close()
    store.close()


@contextmanager
def served(*apps: Any) -> Iterator[list[str]]:
    """The apps on free ports of loopback; their addresses."""
    stop, started = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as two:
        doors = [Door(app, socket) for app, socket in zip(apps, (one, two), strict=False)]
        thread = threading.Thread(target=run, args=(doors,), kwargs={"on_start": started.set, "stop": stop})
        thread.start()
        try:
            assert started.wait(10)
            yield [door.url for door in doors]
        finally:
            stop.set()
            thread.join(10)


@pytest.fixture
def public(site: Site) -> Iterator[httpx.Client]:
    """A browser at the public door. It follows no redirect."""
    with served(site.public) as (url,), browser(url) as client:
        yield client


@pytest.fixture
def staff(site: Site) -> Iterator[httpx.Client]:
    """A browser at the staff door, on loopback."""
    with served(site.staff("127.0.0.1")) as (url,), browser(url) as client:
        yield client


@pytest.fixture
def staff_elsewhere(site: Site) -> Iterator[httpx.Client]:
    """A browser at the staff door as it is on another address than loopback."""
    with served(site.staff("0.0.0.0")) as (url,), browser(url) as client:
        yield client


def browser(url: str) -> httpx.Client:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    return httpx.Client(base_url=url, headers={"User-Agent": agent}, trust_env=False)


@pytest.fixture
def token() -> Callable[[str], str]:
    """The token in an address."""
    return lambda url: url.rpartition("/")[2].removesuffix(".gif")


@pytest.fixture
def some_id() -> Callable[[int], str]:
    return lambda number: digest("test", str(number))


@pytest.fixture
def visit() -> Iterator[Callable[[Any], httpx.Client]]:
    """`visit(app)`: a browser at an app's door."""
    with ExitStack() as stack:

        def enter(app: Any) -> httpx.Client:
            (url,) = stack.enter_context(served(app))
            return stack.enter_context(browser(url))

        yield enter
