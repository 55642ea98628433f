"""A store with everything in it that one can hold, and all that the port answers about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from messaging.ids import message_id
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.event import Event, EventState
from messaging.nouns.history import HistoryNeeds
from messaging.nouns.links import ShortLink
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.order import Order, Refund, order_key
from messaging.nouns.template import LinkSlot, TemplateVersion
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
#: Texts that are easily kept otherwise than they were.
TEXTS = (
    "ann",
    "Ann",
    "é",
    "e\u0301",
    "名前",
    "a'b\"c\\d",
    "1e16",
    "a\tb\nc",
    "\U0001f600",
    "ÿ" * 30,
    "null",
    "{}",
    " x ",
)
VALUES = (
    0,
    1,
    1.0,
    -0.0,
    0.1,
    1e16,
    1e-7,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    1.5e300,
    True,
    False,
    "",
    None,
    *TEXTS,
    [1, [2, {}]],
    {"b": 1, "a": {"c": []}},
)
CHANNELS = ("email", "sms", "pager")
TYPES = ("order.placed", "cart.updated", "product.restocked", "shipment.shipped")
VERSION = "ab" * 16


class Furnisher:
    """Does things to a store at random, as services do: whatever it knows, it knows from what it did before."""

    def __init__(self, store: Store, random: Random) -> None:
        self.store = store
        self.random = random
        self.messages: list[str] = []
        self.events: list[str] = []

    def run(self, steps: int) -> None:
        """So many steps, each one of them all."""
        doing = [getattr(self, name) for name in sorted(vars(type(self))) if name.startswith("do_")]
        for _ in range(steps):
            self.random.choice(doing)()

    def time(self) -> datetime:
        return NOW + timedelta(seconds=self.random.randint(-300, 300), microseconds=self.random.choice([0, 1, 999_999]))

    def maybe(self, value: Any) -> Any:
        return self.random.choice([None, value])

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def person(self) -> str:
        return f"c{self.random.randint(0, 9)}"

    def address(self) -> tuple[str, str]:
        channel = self.random.choice(CHANNELS)
        return channel, f"{self.person()}@example.com" if channel == "email" else f"+1555010{self.random.randint(0, 9)}"

    def document(self) -> dict[str, Any]:
        names = self.random.sample([*TEXTS, "z", "b", "a"], 4)
        return {name: self.random.choice(VALUES) for name in names}

    def do_customers(self) -> None:
        random = self.random
        for _ in range(random.randint(1, 3)):
            id = self.person()
            self.store.customers.put(
                [
                    Customer(
                        id=id,
                        email=self.maybe(f"{id}@example.com"),
                        phone=self.maybe("+15550100"),
                        first_name=self.maybe(self.text()),
                        birthday=self.maybe(NOW.date()),
                        addresses={"pager": f"+1555010{random.randint(0, 9)}"} if random.random() < 0.5 else {},
                        attributes=self.document(),
                        created_at=self.time(),
                        updated_at=self.maybe(self.time()),
                        told_at={"email": self.time(), "attributes.z": self.time()},
                    )
                ]
            )

    def do_addresses(self) -> None:
        channel, address = self.address()
        dated = self.random.random() < 0.5
        self.store.addresses.add_consents(
            Consent(
                channel=channel,
                address=address,
                topic=self.random.choice(["news", "orders"]),
                granted=self.random.random() < 0.5,
                at=self.time(),
                dated=dated,
                source=self.text(),
            )
            for _ in range(2)
        )
        if self.random.random() < 0.4:
            reason = self.random.choice(["bounced", "unreachable"])
            told = Suppression(channel=channel, address=address, reason=reason, at=self.time(), source=self.text())
            self.store.addresses.suppress([told])
        elif self.random.random() < 0.4:
            self.store.addresses.unsuppress((channel, address))

    def do_events(self) -> None:
        random = self.random
        data = {"order": {"id": f"o{random.randint(0, 5)}", "number": "7", "items": [{"sku": "s1"}]}, **self.document()}
        if random.random() < 0.3:
            data = {"product": {"id": "p1", "sku": "s1"}, "cart": {"id": "k1"}}
        event = Event(
            id=f"e{random.randint(0, 30)}",
            type=random.choice(TYPES),
            time=self.time(),
            source=random.choice(["api", "shopify"]),
            shop=random.choice(["default", "é"]),
            customer=self.document(),
            data=data,
            customer_id=self.maybe(self.person()),
            received_at=self.time(),
            live=random.random() < 0.5,
            incomplete=self.maybe({"id": "1"}),
            fingerprint=self.text(),
            worker=self.maybe("ab" * 16),
        )
        self.store.events.add([event])
        self.events.append(event.key)

    def do_settle_events(self) -> None:
        if not self.events:
            return
        key = self.random.choice(self.events)
        known = self.store.events.get([key])
        match self.random.randint(0, 3):
            case 0:
                self.store.events.settle(key, EventState.DONE, customer_id=self.maybe(self.person()))
            case 1:
                self.store.events.settle(key, EventState.FAILED, error=self.text())
            case 2:
                self.store.events.put_off(known.values(), self.time())
            case 3 if self.random.random() < 0.5:
                self.store.events.forget([key])

    def do_orders(self) -> None:
        random, number = self.random, f"o{self.random.randint(0, 9)}"
        self.store.events.put_orders(
            [
                Order(
                    key=order_key("api", "default", number),
                    id=number,
                    number=number,
                    source="api",
                    shop="default",
                    customer_id=self.maybe(self.person()),
                    placed_at=self.maybe(self.time()),
                    cancelled_at=self.maybe(self.time()) if random.random() < 0.3 else None,
                    total=Decimal(random.choice(["0", "9.90", "9.900", "-1", "123456789012.345678"])),
                    currency=random.choice(["EUR", "USD"]),
                    refunds={"r1": Refund(Decimal("1.50"), self.time())} if random.random() < 0.5 else {},
                    skus={f"s{n}": n for n in random.sample(range(5), 3)},
                )
            ]
        )

    def do_campaigns(self) -> None:
        random, name = self.random, f"camp-{self.random.randint(0, 3)}"
        state = random.choice(list(CampaignState))
        campaign = Campaign(
            name=name, template="letter", segment="all", channel="email", state=state, created_at=self.time()
        )
        self.store.campaigns.put(campaign)
        if random.random() < 0.5:
            members = [f"c{n}" for n in range(random.choice([0, 1, 999, 1000, 1001, 2500]))]
            random.shuffle(members)
            self.store.campaigns.put_members(name, members)

    def do_messages(self) -> None:
        random = self.random
        campaign = self.maybe(f"camp-{random.randint(0, 3)}")
        origin = f"campaign:{campaign}" if campaign else f"trigger:letter:{random.randint(0, 9)}"
        channel, address = self.address()
        person = self.person()
        if campaign:  # no address is in one twice
            address = f"{person}-{channel}@example.com"
        message = Message(
            id=message_id(origin, person, channel),
            origin=origin,
            customer_id=person,
            channel=channel,
            address=address,
            template=random.choice(["letter", "receipt"]),
            version=random.choice([VERSION, "cd" * 16]),
            message_class=random.choice(list(MessageClass)),
            topic=self.text(),
            lane=Lane.CAMPAIGN if campaign else random.choice([Lane.ORDER, Lane.EVENT, Lane.TEST]),
            campaign=campaign,
            trigger=self.maybe(random.randint(0, 3)),
            trigger_key=self.maybe(self.text()),
            event_key=self.maybe(self.text()),
            context=self.maybe(self.document()),
            due_at=self.time(),
            expires_at=self.maybe(self.time()),
            created_at=self.time(),
        )
        self.store.outbox.add([message])
        self.messages.append(message.id)

    def do_settle_messages(self) -> None:
        random = self.random
        if self.messages:
            state = random.choice([state for state in MessageState if state is not MessageState.SENDING])
            self.store.outbox.settle(
                [
                    Outcome(
                        message_id=random.choice(self.messages),
                        state=state,
                        reason=self.maybe(self.text()),
                        due_at=self.maybe(self.time()),
                        attempts=random.randint(0, 3),
                        adapter=self.maybe("smtp"),
                        provider_id=self.maybe(self.text()),
                        sent_at=self.time() if state is MessageState.SENT else None,
                        variant=self.maybe("de"),
                    )
                ]
            )

    def do_engagements(self) -> None:
        random = self.random
        if self.messages:
            channel, address = self.address()
            engagement = Engagement(
                id=f"g{random.randint(0, 40)}",
                kind=random.choice(list(EngagementKind)),
                at=self.time(),
                message_id=self.maybe(random.choice(self.messages)),
                customer_id=self.maybe(self.person()),
                channel=channel,
                address=address,
                source=random.choice(["links", "sendgrid"]),
                slot=self.maybe(str(random.randint(1, 12))),
                machine=random.random() < 0.3,
                soft=random.random() < 0.3,
                reasons=("scanner",) if random.random() < 0.3 else (),
                raw=self.document(),
            )
            self.store.engagements.add([engagement])

    def do_short_links(self) -> None:
        if self.messages:
            link = ShortLink(
                code=f"k{self.random.randint(0, 99)}",
                message_id=self.random.choice(self.messages),
                version="abab",
                purpose="click",
                slot=self.random.randint(0, 3),
                turn=self.random.randint(0, 2),
                target=self.maybe("https://shop.example/é"),
            )
            self.store.short_links.add([link])

    def do_notes(self) -> None:
        self.store.put_note(self.text(), self.random.choice(VALUES))

    def do_versions(self) -> None:
        self.store.put_version(
            TemplateVersion(
                version=self.random.choice([VERSION, "cd" * 16, "ef" * 16]),
                template="letter",
                message_class=MessageClass.MARKETING,
                topic="news",
                channels=("email",),
                fallbacks={"customer.first_name": "there"},
                parts={"email": {"": {"subject": self.text(), "html": "<p>Hello</p>"}}},
                links=(LinkSlot(slot=1, channel="email", locale="", part="html", label="Shop", target=None),),
                brand={"b": 1, "a": 2},
                from_="shop@example.com",
            )
        )

    def do_erase(self) -> None:
        if self.random.random() < 0.2:
            self.store.customers.delete(self.person())


def furnish(store: Store, seed: int, steps: int = 150) -> None:
    """Fill a store by random steps. No message is left `sending` or locked."""
    Furnisher(store, Random(seed)).run(steps)


def answers(store: Store) -> dict[str, Any]:
    """What the port's questions answer, each about all that there is."""
    people = [f"c{n}" for n in range(10)]
    addresses = [("email", f"{one}@example.com") for one in people]
    addresses += [(channel, f"+1555010{n}") for channel in ("sms", "pager") for n in range(10)]
    events = store.events.page(limit=10_000)
    keys = [event.key for event in events]
    messages = store.outbox.page(limit=10_000)
    ids = [message.id for message in messages]
    campaigns = store.campaigns.all()
    names = sorted({campaign.name for campaign in campaigns} | {message.campaign or "" for message in messages})
    needs = HistoryNeeds(orders=True, happened=frozenset(TYPES), told=frozenset(TYPES), messages=True, addresses=True)
    orders = [order_key("api", "default", f"o{n}") for n in range(10)]
    return {
        "customers": store.customers.page(limit=10_000),
        "count": (store.customers.count(), store.events.count()),
        "found": [store.customers.find(email=f"{one}@EXAMPLE.com") for one in people]
        + [store.customers.find(phone="+15550100")],
        "histories": store.customers.histories(people, needs),
        "events": events,
        # The embedded store has those of one customer in the order in which they became theirs, until it is compacted.
        "events of": [
            sorted(event.key for event in store.events.page(customer_id=one, type=type))
            for one in people
            for type in TYPES
        ],
        "received": [event.key for event in store.events.received(now=NOW + timedelta(days=1))],
        "about": [
            sorted(other.key for other in store.events.about_the_same(event, one))
            for event in events
            for one in people[:3]
        ],
        "forgotten": store.events.forgotten([*keys, *(f"{n}" for n in range(9))]),
        "orders": store.events.orders(orders),
        "orders of": store.events.orders_of(people),
        "messages": messages,
        "of templates": [
            [message.id for message in store.outbox.page(template=template, state=state, after=after, limit=5)]
            for template in ("letter", "receipt", "none")
            for state in (None, *MessageState)
            for after in (None, "5")
        ],
        "counts": [store.outbox.counts(name) for name in names],
        "reasons": [store.outbox.reasons(name) for name in names],
        "waiting": [store.outbox.waiting(customer_id=one) for one in people],
        "recent": store.outbox.recent(people, NOW),
        "pending": {one: sorted(found, key=lambda m: m.id) for one, found in store.outbox.pending(people).items()},
        "due": [store.outbox.next_due(), *(store.outbox.next_due(campaign=name) for name in names)],
        "campaigns": campaigns,
        "members": [_listed(store.campaigns.members(name)) for name in names],
        "addresses": store.addresses.status(addresses),
        "suppressed": sorted(store.addresses.suppressed(), key=lambda s: (s.channel, s.address)),
        "engagements": store.engagements.of_messages(ids),
        "of addresses": [store.engagements.of_address(address) for address in addresses],
        "summary": [store.engagements.summary(), store.engagements.summary(campaign="camp-1", include_machines=True)],
        "clicks": store.engagements.clicks(),
        "links": [store.short_links.get(f"k{n}") for n in range(100)],
        "products": [store.products.bought_with("api", "default", [f"s{n}"]) for n in range(5)],
        "versions": list(store.versions()),
        "notes": {key: value for key, value in store.notes("").items() if key != "store.migration"},
    }


def _listed(members: Iterable[str] | None) -> list[str] | None:
    return None if members is None else list(members)
