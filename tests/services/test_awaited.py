"""What a message waits for (`waits_for`): it goes once that is told, at the latest when its time is over, and once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.nouns.message import MessageState
from messaging.nouns.template import Trigger
from messaging.stores.outbox import Outcome

WAIT = timedelta(minutes=10)
TRIGGERS = tuple(
    Trigger(event=event, after=WAIT, waits_for=("shipment.tracking_number",), max_age=timedelta(days=2))
    for event in ("order.shipped", "shipment.shipped")
)


@pytest.fixture
def shipping(shop: Any) -> Any:
    """A shop whose template `shipped` waits for the parcel's number."""
    shop.shelf.put("shipped", *TRIGGERS)
    shop.switch.enable("shipped")
    return shop


def whole(shop: Any, **more: Any) -> Any:
    return shop.event("order.shipped", id="whole", order={"number": "1"}, **more)


def parcel(shop: Any, type: str = "shipment.shipped", *, hours: float = 0, **more: Any) -> Any:
    id = f"{type}:{more}"
    return shop.event(type, id=id, hours=hours, order={"number": "1"}, shipment={"id": "s1", **more})


def waiting(shop: Any) -> list[Any]:
    return list(shop.messages(state=MessageState.PLANNED))


def send_due(shop: Any) -> None:
    """What is due has gone, with what was told until now."""
    for message in waiting(shop):
        if message.due_at <= shop.clock.now():
            shop.sent.append(shop.triggering.renewed([message])[0])
            shop.store.outbox.settle(
                [Outcome(message_id=message.id, state=MessageState.SENT, sent_at=shop.clock.now())]
            )


def test_the_number_is_there_at_once(shipping):
    shipping.intake.receive(parcel(shipping, tracking_number="T1"))
    (message,) = waiting(shipping)
    assert message.due_at == shipping.clock.now()


def test_it_is_never_told(shipping):
    shipping.intake.receive(whole(shipping))
    (message,) = waiting(shipping)
    assert message.due_at == shipping.clock.now() + WAIT


@pytest.mark.parametrize("type", ["shipment.shipped", "shipment.updated", "shipment.in_transit"])
def test_it_goes_once_the_number_is_told_by_whatever_event(shipping, type):
    shipping.intake.receive(parcel(shipping))
    shipping.clock.advance(timedelta(minutes=3))
    shipping.intake.receive(parcel(shipping, type, hours=0.05, tracking_number="T1"))
    (message,) = waiting(shipping)
    assert message.due_at == shipping.clock.now()
    assert message.context["shipment"]["tracking_number"] == "T1"


def test_another_orders_number_is_not_waited_for(shipping):
    shipping.intake.receive(whole(shipping))
    other = shipping.event("shipment.updated", order={"number": "2"}, shipment={"id": "s2", "tracking_number": "T2"})
    shipping.intake.receive(other)
    (message,) = waiting(shipping)
    assert message.due_at == shipping.clock.now() + WAIT


def test_what_is_told_hours_late_still_waits_for_what_comes_right_behind(shipping):
    shipping.clock.advance(timedelta(hours=5))
    shipping.intake.receive(whole(shipping))
    (message,) = waiting(shipping)
    assert message.due_at == shipping.clock.now() + WAIT


def test_what_was_told_while_the_triggers_were_off_is_not_sent_later(shipping):
    shipping.switch.disable("shipped")
    shipping.intake.receive(whole(shipping))
    shipping.switch.enable("shipped")
    shipping.intake.receive(parcel(shipping, "shipment.updated", tracking_number="T1"))
    assert waiting(shipping) == []


@pytest.mark.parametrize("by_number_first", [False, True])
def test_a_parcel_called_by_its_number_and_by_its_id_is_one(shipping, by_number_first):
    by_number = {**whole(shipping), "data": {"order": {"number": "1"}, "shipment": {"tracking_number": "T1"}}}
    events = [by_number, parcel(shipping, tracking_number="T1")]
    for event in events if by_number_first else reversed(events):
        shipping.intake.receive(event)
    assert len(waiting(shipping)) == 1


EVENTS = st.permutations(["whole", "parcel", "number"])
MINUTES = st.lists(st.integers(0, 14), min_size=3, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=EVENTS, gaps=MINUTES)
def test_one_mail_with_the_number_if_that_came_in_time(make_shop, order, gaps):
    """However an order, its parcel and the parcel's number are told, and how far apart."""
    shop = make_shop()
    shop.shelf.put("shipped", *TRIGGERS)
    shop.switch.enable("shipped")
    shop.sent = []
    told = {
        "whole": lambda: whole(shop),
        "parcel": lambda: parcel(shop),
        "number": lambda: parcel(shop, "shipment.updated", tracking_number="T1"),
    }
    since_first, in_time = None, True
    for name, gap in zip(order, gaps, strict=True):
        for _ in range(gap):
            shop.clock.advance(timedelta(minutes=1))
            send_due(shop)
            since_first = None if since_first is None else since_first + 1
        if name == "number":
            in_time = not shop.sent
        shop.intake.receive(told[name]())
        send_due(shop)
    for _ in range(20):
        shop.clock.advance(timedelta(minutes=1))
        send_due(shop)
    assert len(shop.sent) == 1
    assert ("tracking_number" in shop.sent[0].context.get("shipment", {})) == in_time
