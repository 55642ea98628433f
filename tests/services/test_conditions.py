"""What an `unless` says of those whose message is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from messaging.errors import InputError, MessagingError
from messaging.nouns.template import Trigger
from messaging.services.audience import Audience
from messaging.services.conditions import Conditions


@pytest.fixture
def conditions(shop, tmp_path):
    segments = tmp_path / "segments"
    segments.mkdir()
    (segments / "fans.toml").write_text('where = "points > 10"\n')
    audience = Audience(shop.store, segments, attributes={"points": "number"}, currency="EUR", clock=shop.clock)
    return Conditions(shop.store, library=audience.library, cuts=audience.cuts, currency="EUR")


@pytest.fixture
def waiting(shop):
    """Two messages that wait: Ann ordered an hour ago, Bob did not."""
    shop.shelf.put("cart", Trigger(event="cart.updated", after=timedelta(hours=4)))
    shop.switch.enable("cart")
    for id, total in (("17", "40.00"), ("18", "10.00")):
        told = {"id": id, "email": f"c{id}@example.com", "attributes": {"points": int(id) - 7}}
        shop.intake.receive(shop.event("cart.updated", id=id, customer=told, cart={"id": id, "total": total}))
    shop.intake.receive(shop.event("order.placed", customer={"id": "17"}, order={"number": "1", "total": "5"}))
    return {message.customer_id: message for message in shop.messages()}


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("orders.count(hours=4) > 0", {"17"}),
        ("orders.count(hours=0.1) > 0", {"17"}),
        ("cart.total > 20", {"17"}),
        ("in_segment('fans')", {"18"}),
        ("points > 10 and orders.count == 0", {"18"}),
        ("order.total > 0", set()),
        ("true", {"17", "18"}),
    ],
)
def test_it_is_asked_of_customer_history_and_event(shop, conditions, waiting, text, who):
    found = conditions.holding(text, list(waiting.values()), shop.clock.now())
    assert set(found) == {waiting[id].id for id in who}


def test_grades_are_those_of_the_last_grading(shop, conditions, waiting, tmp_path):
    assert not conditions.holding("rfm.r is defined", list(waiting.values()), shop.clock.now())
    Audience(shop.store, tmp_path / "segments", attributes={}, currency="EUR", clock=shop.clock).grade()
    found = conditions.holding("rfm.r is defined", list(waiting.values()), shop.clock.now())
    assert found == [waiting["17"].id]


def test_what_is_asked_later_is_asked_of_later(shop, conditions, waiting):
    now = shop.clock.now() + timedelta(hours=5)
    assert not conditions.holding("orders.count(hours=4) > 0", list(waiting.values()), now)


def test_one_that_makes_no_sense_any_more_sends_nothing(shop, conditions, waiting, caplog):
    found = conditions.holding("gone_attribute > 1", list(waiting.values()), shop.clock.now())
    assert set(found) == {message.id for message in waiting.values()}
    assert "cannot be read" in caplog.text


def test_a_message_whose_customer_is_gone(shop, conditions, waiting):
    shop.store.customers.delete("17")
    assert conditions.holding("true", list(waiting.values()), shop.clock.now()) == [waiting["18"].id]


def test_a_segment_that_changes_is_asked_as_it_is(shop, conditions, waiting, tmp_path):
    messages = list(waiting.values())
    assert len(conditions.holding("in_segment('fans')", messages, shop.clock.now())) == 1
    (tmp_path / "segments" / "fans.toml").write_text('where = "points > 10 or true"  # changed\n')
    assert len(conditions.holding("in_segment('fans')", messages, shop.clock.now())) == 2


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger(event="x", at="soon"),
        Trigger(event="x", audience="fans", answers="product.requested"),
        Trigger(event="x", unless="nonsense("),
        Trigger(event="x", unless="oders.count > 1"),
        Trigger(event="x", unless="in_segment('nobody')"),
        Trigger(event="x", audience="nobody"),
    ],
)
def test_triggers_that_make_no_sense(conditions, trigger):
    with pytest.raises(MessagingError):
        conditions.check(trigger)


def test_a_trigger_that_makes_sense(conditions):
    conditions.check(Trigger(event="x", at="shipment.eta + 1 day", unless="cart.total > 5", audience="fans"))


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        (Trigger(event="x", waits_for=("shipment.tracking_number",)), "waits_for needs after"),
        (
            Trigger(event="x", after=timedelta(minutes=10), waits_for=("shipment.traking_number",)),
            "no event tells shipment.traking",
        ),
        (Trigger(event="x", after=timedelta(minutes=10), waits_for=("number",)), "no event tells number"),
    ],
)
def test_a_trigger_that_waits_for_nothing_is_refused(conditions, trigger, problem):
    with pytest.raises(InputError, match=problem):
        conditions.check(trigger)
