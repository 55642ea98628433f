"""What a shop tells late, twice and in any order ends as what it tells in order, once."""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from messaging.app import Messaging
from messaging.nouns.message import Message, MessageState
from messaging.rehearsing.app import Rehearsal, rehearse
from messaging.rules.envelope import read_event
from messaging.rules.subjects import value_in
from messaging.workspace.folder import Workspace, make_workspace

BEGINNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
#: All of a story happens within so many minutes: the shortest `max_age` of a starter template is twelve hours.
LONG = 600
#: When a story is told late, and when all that waits has gone.
LATE, END = BEGINNING + timedelta(hours=11), BEGINNING + timedelta(days=150)

Event = dict[str, Any]
#: Template, customer, and what makes the message once.
Key = tuple[str, str, str]


def event(id: str, type: str, minute: int, customer: Mapping[str, Any], **data: Any) -> Event:
    time = (BEGINNING + timedelta(minutes=minute)).isoformat()
    return {"id": id, "type": type, "time": time, "customer": dict(customer), "data": data}


people = st.sampled_from(["ann", "bob", "cy"])


@st.composite
def person(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """As much of somebody as an event may tell."""
    email = {"email": f"{name}@example.com"} if draw(st.booleans()) else {}
    return {"id": name, **email, **({"first_name": draw(st.sampled_from(["A", "B"]))} if draw(st.booleans()) else {})}


@st.composite
def orders(draw: st.DrawFn) -> list[Event]:
    """What is told of one order, its parcels and its refunds: in the order in which such things happen, any left out."""
    name, number = draw(people), str(draw(st.integers(1, 4)))
    order = {"number": f"{name}-{number}"}
    whole = {**order, "total": "30.00", "currency": "EUR", "items": [{"sku": "TEA", "quantity": 2}, {"sku": "POT"}]}
    parcels = draw(st.lists(st.sampled_from(["s1", "s2", "shared"]), unique=True, max_size=2))
    steps: list[tuple[str, dict[str, Any]]] = [
        ("order.placed", {"order": whole, "cart": {"id": f"{name} c"}} if draw(st.booleans()) else {"order": whole}),
        ("order.paid", {"order": order}),
        ("order.backordered", {"order": {**order, "backordered_until": "2026-03-20"}}),
        ("order.partially_shipped", {"order": order}),
    ]
    for parcel in parcels:
        # Some of somebody's orders are in one parcel, which is known by the carrier's number.
        shared = parcel == "shared"
        shipment = {"tracking_number": f"TRACK-{name}-1"} if shared else {"id": f"{name}-{number}-{parcel}"}
        eta = {"eta": draw(st.sampled_from(["2026-03-01", "2026-03-04", "2026-03-09"]))}
        steps += [
            ("shipment.shipped", {"order": order, "shipment": {**shipment, **(eta if draw(st.booleans()) else {})}}),
            ("shipment.delayed", {"order": order, "shipment": {**shipment, **eta}}),
            ("shipment.out_for_delivery", {"order": order, "shipment": shipment}),
            ("shipment.ready_for_pickup", {"order": order, "shipment": shipment}),
            ("shipment.delivered", {"order": order, "shipment": shipment}),
        ]
    steps += [
        ("order.shipped", {"order": order}),
        ("order.ready_for_pickup", {"order": order}),
        ("order.delivered", {"order": order}),
        ("order.returned", {"order": order}),
        ("refund.created", {"order": order, "refund": {"id": f"{name}-{number}-r", "amount": "10.00"}}),
        ("order.cancelled", {"order": order}),
        ("order.paid", {"order": order}),
    ]
    chosen = sorted(draw(st.sets(st.integers(0, len(steps) - 1), min_size=1, max_size=9)))
    if {1, len(steps) - 1} <= set(chosen):
        chosen.pop()  # it is paid once, be it after it was cancelled
    minutes = sorted(draw(st.lists(st.integers(0, LONG), min_size=len(chosen), max_size=len(chosen), unique=True)))
    return [
        event(f"{name}-{number}:{place}", steps[place][0], minute, draw(person(name)), **steps[place][1])
        for place, minute in zip(chosen, minutes, strict=True)
    ]


@st.composite
def others(draw: st.DrawFn) -> list[Event]:
    """What somebody does beside ordering, and what is back in stock."""
    name, minute, id = draw(people), draw(st.integers(0, LONG)), str(draw(st.integers(0, 10**9)))
    type, data = draw(
        st.sampled_from(
            [
                ("customer.updated", {}),
                ("consent.changed", {"consent": {"channel": "email", "granted": True}}),
                ("consent.changed", {"consent": {"channel": "email", "granted": False}}),
                ("cart.updated", {"cart": {"id": f"{name} c", "items": [{"sku": "TEA"}]}}),
                ("checkout.started", {"cart": {"id": f"{name} c", "items": [{"sku": "TEA"}]}}),
                ("product.requested", {"product": {"sku": "MUG"}}),
                ("product.restocked", {"product": {"sku": "MUG"}}),
            ]
        )
    )
    who = {} if type == "product.restocked" else draw(person(name))
    return [event(f"x{id}", type, minute, who, **data)]


@st.composite
def stories(draw: st.DrawFn) -> list[Event]:
    """Events in the order in which they happened; each order is told of once."""
    told = draw(
        st.lists(orders() | others(), min_size=1, max_size=12, unique_by=lambda some: some[0]["id"].split(":")[0])
    )
    return sorted((each for some in told for each in some), key=lambda each: (each["time"], each["id"]))


def twice_and_shuffled(story: Sequence[Event], seed: int) -> list[Event]:
    chance = random.Random(seed)
    told = [*story, *chance.sample(story, len(story) // 5 + 1)]
    chance.shuffle(told)
    return told


@dataclass
class Ending:
    """What is there when all is over."""

    customers: Any = None
    orders: Any = None
    consents: Any = None
    failed: Any = None
    rows: dict[Key, Message] = field(default_factory=dict)

    @classmethod
    def of(cls, rehearsal: Rehearsal) -> Ending:
        store = rehearsal.store
        customers = store.customers.page()
        ids = [each.id for each in customers]
        messages = store.outbox.page(limit=10_000)
        return cls(
            customers=[each.to_document() for each in customers],
            orders={
                name: [each.to_document() for each in found] for name, found in store.events.orders_of(ids).items()
            },
            consents={
                address: sorted(str(each) for each in status.consents)
                for address, status in store.addresses.status([("email", each.email) for each in customers]).items()
            },
            failed=[each.id for each in store.events.page(limit=10_000) if each.error],
            rows={(each.template, each.customer_id, str(each.trigger_key)): each for each in messages},
        )

    def sent(self) -> set[Key]:
        return {key for key, row in self.rows.items() if row.state is MessageState.SENT}

    def went(self) -> list[Message]:
        return [self.rows[key] for key in self.sent()]


#: What the starter templates look like takes long to prepare; here it is about who gets which when.
BODY = (
    "<p>{{ event.id }} {{ brand.address }} <a href='{{ brand.contact_url }}'>contact</a> "
    "<a href='{{ unsubscribe_url }}'>unsubscribe</a></p>"
)


def with_plain_templates(folder: Path) -> Workspace:
    """A new workspace whose starter templates have their own triggers, and one line each."""
    workspace = make_workspace(folder)
    for settings_file in sorted(workspace.templates.glob("*/template.toml")):
        home = settings_file.parent
        told = tomllib.loads(settings_file.read_text("utf-8"))
        rmtree(home)
        home.mkdir()
        head = [f"{name} = {json.dumps(told[name])}" for name in ("class", "topic")]
        lines = [*head, 'channels = ["email"]', f'subject = "{home.name}"']
        for trigger in told.get("triggers", ()):
            lines += ["[[triggers]]", *(f"{name} = {json.dumps(value)}" for name, value in trigger.items())]
        settings_file.write_text("\n".join(lines), "utf-8")
        (home / "email.html").write_text(BODY.replace("'", '"'), "utf-8")
    return workspace


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Messaging]:
    workspace = with_plain_templates(tmp_path_factory.mktemp("stories") / "shop")
    with Messaging.open(str(workspace.root)) as app:
        yield app


def in_order(app: Messaging, story: Sequence[Event]) -> Ending:
    with rehearse(app, people=False) as rehearsal:
        for each in story:
            rehearsal.tell(read_event(each), datetime.fromisoformat(each["time"]))
        rehearsal.pass_time(END)
        return Ending.of(rehearsal)


def late(app: Messaging, told: Sequence[Event]) -> Ending:
    with rehearse(app, people=False) as rehearsal:
        for second, each in enumerate(told):
            rehearsal.tell(read_event(each), LATE + timedelta(seconds=second))
        rehearsal.pass_time(END)
        return Ending.of(rehearsal)


#: Why what went in order does not go any more when it is told late: what is known by now is against it.
KNOWN_BY_NOW = ("superseded by ", "cancelled by ", "unless: ", "unsubscribed")
#: What a message is about. What it shows beside that is what was told of its order when it went.
FACTS = ("order.number", "refund.id", "refund.amount", "product.sku", "cart.id")


def compare(story: Sequence[Event], ordered: Ending, told_late: Ending) -> None:
    """See that two endings are one, but for what cannot be otherwise.

    1. What went in order, and is no news any more when it is told late, does not go then.
    2. Of an order and its parcels, and of two requests that one thing answers, the one that is told first is the message.
    3. Whose address comes after what is told, in order hears nothing that was no news any more by then.
    """
    assert told_late.customers == ordered.customers
    assert told_late.orders == ordered.orders
    assert told_late.consents == ordered.consents
    assert told_late.failed == ordered.failed
    for key in sorted(ordered.sent() ^ told_late.sent()):
        one, other = ordered.rows.get(key), told_late.rows.get(key)
        what = key, one and (one.state.value, one.reason), other and (other.state.value, other.reason)
        contradicted = other is not None and (other.reason or "").startswith(KNOWN_BY_NOW) and key in ordered.sent()
        assert contradicted or told_once(key, ordered, told_late) or came_too_late(story, one), what
    for key in ordered.sent() & told_late.sent():
        told = [ending.rows[key].context or {} for ending in (ordered, told_late)]
        assert len({tuple(value_in(path, context) for path in FACTS) for context in told}) == 1, (key, told)


def told_once(key: Key, *endings: Ending) -> bool:
    """Whether a message gave way in one ending to another that told the same thing, and that was told in both."""
    what = next(subject(ending.rows[key]) for ending in endings if key in ending.rows)
    rows = [row for ending in endings for row in ending.rows.values() if subject(row) == what]
    gave_way = any((row.reason or "").startswith("told by ") for row in rows)
    return gave_way and all(what in map(subject, ending.went()) for ending in endings)


def came_too_late(story: Sequence[Event], row: Message | None) -> bool:
    """Whether in order an address came when its message was no news any more."""
    if row is None or not (row.reason or "").startswith("superseded by "):
        return False
    known = next(
        each["time"] for each in story if each["customer"].get("id") == row.customer_id and "email" in each["customer"]
    )
    return bool(known > value_in("event.time", row.context or {}))


def subject(row: Message) -> tuple[str, str, Any, Any]:
    """What a message is about as a whole."""
    context = row.context or {}
    return row.template, row.customer_id, value_in("order.number", context), value_in("product.sku", context)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to make a story shorter takes minutes
)
@given(stories(), st.integers(0, 10**6))
def test_a_story_ends_the_same(app, story, seed):
    compare(story, in_order(app, story), late(app, twice_and_shuffled(story, seed)))


ANN = {"id": "ann", "email": "ann@example.com"}
ORDER = {"number": "1", "total": "30.00", "currency": "EUR"}


def test_one_order_fifty_times(app):
    story = [event("1", "order.placed", 0, ANN, order=ORDER), event("2", "order.paid", 1, ANN, order=ORDER)]
    ordered = in_order(app, story)
    assert {template for template, _, _ in ordered.sent()} == {"order-confirmation"}
    compare(story, ordered, late(app, [*reversed(story), *story * 50]))


def test_shipped_before_it_was_placed_and_paid_after_it_was_cancelled(app):
    story = [
        event("1", "order.placed", 0, ANN, order=ORDER),
        event("2", "shipment.shipped", 90, ANN, order=ORDER, shipment={"id": "s"}),
        event("3", "order.placed", 100, ANN, order={"number": "2"}),
        event("4", "order.cancelled", 200, ANN, order={"number": "2"}),
        event("5", "order.paid", 300, ANN, order={"number": "2"}),
    ]
    ordered, told_late = in_order(app, story), late(app, [story[place] for place in (1, 0, 4, 3, 2)])
    compare(story, ordered, told_late)
    sent = {(template, key.removeprefix("api/default/")) for template, _, key in told_late.sent()}
    assert sent == {("order-confirmation", "order/1"), ("shipped", "shipment/1/s"), ("cancelled", "order/2")}
    confirmation = told_late.rows["order-confirmation", "ann", "api/default/order/2"]
    assert confirmation.reason == "superseded by order.cancelled"


def test_two_orders_in_one_parcel(app):
    shipment = {"tracking_number": "TRACK-1", "eta": "2026-03-03"}
    story = [
        *(event(f"{n}", "shipment.shipped", n, ANN, order={"number": f"{n}"}, shipment=shipment) for n in (1, 2)),
        event("3", "shipment.delivered", 20, ANN, order={"number": "1"}, shipment={"tracking_number": "TRACK-1"}),
    ]
    ordered = in_order(app, story)
    assert {(template, key.removeprefix("api/default/")) for template, _, key in ordered.sent()} == {
        ("shipped", "shipment/1/TRACK-1"),
        ("shipped", "shipment/2/TRACK-1"),
        ("delivered", "shipment/1/TRACK-1"),
        ("delayed", "shipment/2/TRACK-1"),
    }
    for seed in range(5):
        compare(story, ordered, late(app, twice_and_shuffled(story, seed)))


def test_a_cart_that_was_bought_is_not_remembered_whenever_they_agreed(app):
    cart = {"id": "c", "items": [{"sku": "TEA"}]}
    story = [
        event("0", "consent.changed", 0, ANN, consent={"channel": "email", "granted": True}),
        event("1", "cart.updated", 1, ANN, cart=cart),
        event("2", "order.placed", 2, ANN, order=ORDER),
        event("3", "cart.updated", 3, ANN, cart=cart),
    ]
    ordered = in_order(app, story)
    assert "abandoned-cart" not in {template for template, _, _ in ordered.sent()}
    compare(story, ordered, late(app, [*story[1:], story[0]]))
