"""A store that is as it should be has no faults; whatever is broken in it is named, with what to do."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from messaging.clock import FrozenClock
from messaging.ids import message_id
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.links import ShortLink
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.order import Order, order_key
from messaging.nouns.template import TemplateVersion
from messaging.services.soundness import find_faults
from messaging.stores.tinydb.store import TinyStore

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
VERSION = "ab" * 16


def letter(name: str, *, campaign: str | None = "spring", **fields: object) -> Message:
    origin = f"campaign:{campaign}" if campaign else "trigger:letter:1"
    message = Message(
        id=message_id(origin, name, "email"),
        origin=origin,
        customer_id=name,
        channel="email",
        address=f"{name}@example.com",
        template="letter",
        version=VERSION,
        message_class=MessageClass.MARKETING,
        topic="news",
        lane=Lane.CAMPAIGN if campaign else Lane.EVENT,
        campaign=campaign,
        due_at=NOW,
        created_at=NOW,
    )
    return replace(message, **fields)


def furnish(store) -> None:
    """A small shop in which all is well: a campaign to three, one of whom was erased; orders; a test to nobody."""
    store.put_version(
        TemplateVersion(
            version=VERSION,
            template="letter",
            message_class=MessageClass.MARKETING,
            topic="news",
            channels=("email",),
            fallbacks={},
            parts={},
            links=(),
            brand={},
            from_="shop@example.com",
        )
    )
    names = ["ann", "bob", "cat"]
    store.customers.put(Customer(id=name, email=f"{name}@example.com", created_at=NOW) for name in names)
    store.campaigns.put_members("spring", names)
    store.campaigns.put(
        Campaign(
            name="spring",
            template="letter",
            segment="all",
            channel="email",
            state=CampaignState.SENDING,
            audience=3,
            created_at=NOW,
        )
    )
    store.outbox.add([*map(letter, names), letter("dan", campaign=None, lane=Lane.TEST)])
    store.outbox.add([letter("ann", campaign=None, version="cd" * 16, state=MessageState.SKIPPED, address=None)])
    store.short_links.add([ShortLink(code="k", message_id=letter("ann").id, version="v", purpose="click")])
    store.events.put_orders([order("1"), order("2", customer_id=None)])
    store.engagements.add([Engagement(id="g", kind=EngagementKind.OPENED, at=NOW, message_id=letter("ann").id)])
    store.customers.delete("cat")


def order(number: str, **fields: object) -> Order:
    values = {"customer_id": "ann", "total": Decimal("9.90"), "currency": "EUR", "placed_at": NOW, **fields}
    return Order(
        key=order_key("api", "default", number),
        id=number,
        number=number,
        source="api",
        shop="default",
        refunds={},
        skus={"s1": 1},
        **values,
    )


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request, tmp_path):
    if request.param == "tinydb":
        opened = TinyStore(tmp_path / "data" / "store.jsonl", clock=FrozenClock(NOW))
    else:
        from messaging.stores.postgres.address import read_address
        from messaging.stores.postgres.store import PostgresStore

        opened = PostgresStore(read_address(request.getfixturevalue("postgres_url")))
    with closing(opened):
        furnish(opened)
        yield opened


def test_where_all_is_well_there_is_nothing_to_say(store):
    steps = []
    assert list(find_faults(store, step=steps.append)) == []
    assert sum(steps) == sum(store.contents.numbers().values())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.outbox.add([letter("eve", campaign=None)]), f"1 messages are to customers who are not there, such as {letter('eve', campaign=None).id}"),
        (lambda s: s.outbox.add([letter("bob", campaign=None, id="m1")]), "1 messages have an id that is not their origin's, customer's and channel's, such as m1"),
        (lambda s: s.outbox.add([letter("bob", campaign=None, version="gone")]), "1 messages are of template version gone, which is not there"),
        (lambda s: s.events.put_orders([order("3", customer_id="eve")]), "1 orders are of customers who are not there, such as 3"),
        (lambda s: s.short_links.add([ShortLink(code="z", message_id="none", version="v", purpose="click")]), "1 short links are of messages that are not there, such as none"),
        (lambda s: s.outbox.add([letter("dan", address=None)]), "campaign spring: its messages by state add up to 4, its member list has 3, its audience was 3"),
        (lambda s: s.outbox.add([letter("ann", campaign="summer"), letter("bob", campaign="summer", address="ANN@example.com")]), "1 addresses have several messages of one campaign"),
        (lambda s: s.campaigns.put(replace(s.campaigns.get("spring"), audience=4)), "campaign spring: its messages by state add up to 3, its member list has 3, its audience was 4"),
    ],
    ids=["customer", "id", "version", "order", "short link", "row too many", "address twice", "audience"],
)  # fmt: skip
def test_what_does_not_fit_together_is_named(store, change, problem):
    change(store)
    (fault,) = find_faults(store)
    assert fault.problem == problem
    assert fault.hint


def test_what_cannot_be_read_is_named_and_the_rest_is_looked_at(store):
    odd = SimpleNamespace(value="odd")
    store.campaigns.put(replace(store.campaigns.get("spring"), name="odd", state=odd))
    store.events.put_orders([order("3", customer_id="eve")])
    problems = [fault.problem for fault in find_faults(store)]
    assert "1 orders are of customers who are not there, such as 3" in problems
    assert any("not all of them can be read ('odd' is not a valid CampaignState)" in problem for problem in problems)


def test_a_campaign_that_is_still_being_planned_need_not_add_up(store):
    store.campaigns.put(replace(store.campaigns.get("spring"), state=CampaignState.PLANNING, audience=9))
    assert list(find_faults(store)) == []


def test_rows_that_are_missing_are_made_by_resuming(store):
    store.campaigns.put_members("summer", ["ann"])
    store.campaigns.put(replace(store.campaigns.get("spring"), name="summer", audience=1))
    (fault,) = find_faults(store)
    assert "campaigns pause summer, then resume" in fault.hint


def test_who_is_erased_while_it_is_looked_at_is_no_fault(store, monkeypatch):
    """The rows were read before, the customers are looked up after."""
    real = store.customers.get

    def get(ids):
        monkeypatch.undo()
        store.customers.delete("bob")
        return real(ids)

    monkeypatch.setattr(store.customers, "get", get)
    assert list(find_faults(store)) == []
