"""What events do beside orders: consents, and erasing whom a shop asks to erase."""

from __future__ import annotations

import logging
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.errors import Erased
from messaging.nouns.consent import Suppression
from messaging.nouns.event import EventState
from messaging.nouns.order import order_key
from messaging.nouns.template import Trigger
from messaging.rules.policy import standing
from tests.services.conftest import order

ANN = ("email", "ann@example.com")


def consent(shop, hours=0, id="c1", customer=None, **told):
    data = {"channel": "email", "granted": True, **told}
    return shop.event("consent.changed", id=id, hours=hours, customer=customer, consent=data)


def kept(shop, place=ANN):
    return shop.store.addresses.status([place])[place].consents


def agreed(shop, topic="news", place=ANN):
    decision = standing(kept(shop, place), topic)
    return None if decision is None else decision.granted


def test_a_shop_tells_who_agreed_with_its_own_time_and_proof(shop):
    at = shop.clock.now() - timedelta(days=3)
    told = consent(shop, topic="news", at=at.isoformat(), source="checkout", proof="box 7")
    assert shop.intake.receive(told).state is EventState.DONE
    shop.intake.receive(told)
    (decision,) = kept(shop)
    assert (decision.topic, decision.granted, decision.at, decision.dated) == ("news", True, at, True)
    assert decision.source == "api/default: checkout: box 7"
    assert (agreed(shop), agreed(shop, "other")) == (True, None)


def test_without_a_time_it_is_the_events_and_without_a_topic_everything(shop):
    shop.intake.receive(consent(shop, hours=-2))
    (decision,) = kept(shop)
    assert (decision.topic, decision.at) == ("*", shop.clock.now() - timedelta(hours=2))


@pytest.mark.parametrize("last", [True, False])
def test_a_later_withdrawal_is_not_overridden_whatever_came_first(shop, last):
    events = [consent(shop, -2, "yes"), consent(shop, -1, "no", granted=False)]
    for event in events if last else reversed(events):
        shop.intake.receive(event)
    assert agreed(shop) is False


def test_whose_address_it_is(shop):
    shop.intake.receive(shop.event(customer={"id": "17", "email": "ann@example.com", "phone": "+436641234567"}))
    told = consent(shop, id="1", customer={"id": "17"}, channel="sms")
    other = consent(shop, id="2", customer={"id": "17"}, address="ANN+shop@example.com")
    late = consent(shop, id="3", customer={"id": "17", "email": "new@example.com"}, hours=-1)
    for event in (told, other, late):
        assert shop.intake.receive(event).state is EventState.DONE
    assert agreed(shop, place=("sms", "+436641234567"))
    assert agreed(shop, place=("email", "ann+shop@example.com"))
    assert agreed(shop, place=("email", "new@example.com"))
    assert agreed(shop) is None


@pytest.mark.parametrize(
    ("address", "channel", "said"),
    [("nobody", "email", "data.consent.address: "), ("12", "sms", "data.consent.address: not a phone number")],
)
def test_an_address_that_is_none_fails_it(shop, address, channel, said):
    accepted = shop.intake.receive(consent(shop, address=address, channel=channel))
    assert (accepted.state, accepted.error.startswith(said)) == (EventState.FAILED, True), accepted.error


def test_a_decision_waits_for_the_address(shop):
    accepted = shop.intake.receive(consent(shop, customer={"id": "17"}))
    assert accepted.state is EventState.DONE
    assert accepted.warnings == ("data.consent: the customer has no address for email yet",)
    assert kept(shop) == ()
    shop.intake.receive(shop.event(customer={"id": "17", "email": "ann@example.com"}))
    assert agreed(shop) is True
    assert len(kept(shop)) == 1


@settings(deadline=None, max_examples=40)  # each makes a store
@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_consents_are_the_same_whatever_came_first(make_shop, order, twice):
    shop = make_shop()
    events = [
        shop.event("customer.created", id="0", hours=-9, customer={"id": "17", "email": "ann@example.com"}),
        consent(shop, -8, "1", customer={"id": "17"}),
        consent(shop, -6, "2", customer={"id": "17"}, granted=False, topic="news"),
        consent(shop, -7, "3", granted=True, topic="news"),
        consent(shop, -5, "4", customer={"id": "17"}, channel="sms", address="+436641234567"),
    ]
    for number in [*order, *twice]:
        shop.intake.receive(events[number])
    told = {(c.topic, c.granted, c.at) for c in kept(shop)}
    hours = {(topic, granted, (at - shop.clock.now()) / timedelta(hours=1)) for topic, granted, at in told}
    assert hours == {("*", True, -8), ("news", False, -6), ("news", True, -7)}
    assert (agreed(shop), agreed(shop, "offers")) == (False, True)
    assert agreed(shop, place=("sms", "+436641234567"))


def redacted(shop, hours=0, id="r1", **customer):
    return shop.event("customer.redacted", id=id, hours=hours, customer=customer)


def test_whom_a_shop_asks_to_erase_is_erased(shop, caplog):
    caplog.set_level(logging.INFO)
    first = shop.event(id="1", hours=-2)
    shop.intake.receive(first)
    accepted = shop.intake.receive(redacted(shop, id="r1", email="Ann@example.com"))
    assert (accepted.state, accepted.customer_id) == (EventState.DONE, None)
    assert shop.store.customers.count() == shop.store.events.count() == 0
    assert not shop.store.events.orders([order_key("api", "default", "1001")])
    assert b"ann@example.com" not in shop.store.path.read_bytes().lower()
    assert "erased at the shop's request: orders 1, events 1, messages 0" in caplog.text
    assert "ann@" not in caplog.text.lower()
    # What the shop tries again changes nothing: its ids are known for ever.
    for again in (first, redacted(shop, id="r1", email="Ann@example.com")):
        assert shop.intake.receive(again).new is False
    assert [each.new for each in shop.intake.accept([first])] == [False]
    assert shop.store.customers.count() == shop.store.events.count() == 0


@pytest.mark.parametrize("way", ["receive", "accept", "import"])
def test_what_happened_before_and_is_told_after_is_not_taken_in(shop, way):
    shop.intake.receive(redacted(shop, hours=-1, id="r1", email="ann@example.com"))
    old = shop.event(id="1", hours=-2, customer={"email": "ann@example.com"})
    new = shop.event(id="2", customer={"email": "ann@example.com"}, order={"number": "2"})
    for event in (old, new):
        if way == "import":
            shop.intake.import_history([orjson.dumps(event)])
        else:
            shop.intake.receive(event) if way == "receive" else shop.intake.accept([event])
    shop.backlog.work_off()
    assert [event.id for event in shop.store.events.page()] == ["2"]
    assert shop.store.customers.count() == 1


def tell(shop, way, event):
    if way == "import":
        shop.intake.import_history([orjson.dumps(event)])
    elif way == "accept":
        shop.intake.accept([event])
        shop.backlog.work_off()
    else:
        accepted = shop.intake.receive(event)
        assert (accepted.state, accepted.new) == (EventState.DONE, False)
        assert accepted.warnings == ("ignored: the customer was erased",)


@pytest.mark.parametrize("way", ["receive", "accept", "import"])
@pytest.mark.parametrize(
    "data",
    [
        {"order": {"number": "B-77", "id": "70"}},
        {"shipment": {"tracking_number": "1Z9"}},
        {"shipment": {"id": "p"}, "order": {"number": "x"}},
    ],
)
@pytest.mark.parametrize("customer", [{"email": "ann@example.com"}, {"id": "unheard", "phone": "+436641234567"}])
def test_what_becomes_of_an_erased_persons_parcel_brings_nobody_back(shop, way, data, customer):
    told = {"order": order(id="70"), "shipment": {"id": "p", "tracking_number": "1Z9"}}
    shop.intake.receive(shop.event("shipment.shipped", id="1", hours=-1, **told))
    shop.eraser.erase("17")
    shop.clock.advance(timedelta(hours=1))
    shop.shelf.put("delivered", Trigger(event="shipment.delivered"))
    shop.switch.enable("delivered")
    tell(shop, way, shop.event("shipment.delivered", id="2", customer=customer, **data))
    assert shop.store.customers.count() == shop.store.events.count() == len(shop.messages()) == 0
    assert not shop.store.events.received(now=shop.clock.now())
    assert b"ann@example.com" not in shop.store.path.read_bytes()
    # Told again it is known, and what a source asks about it as well.
    (again,) = shop.intake.accept([shop.event("shipment.delivered", id="2", customer=customer, **data)])
    assert (again.state, again.new) == (EventState.DONE, False)


def test_who_orders_again_after_being_erased_is_a_new_customer(shop):
    shop.store.addresses.suppress(
        [Suppression(channel="email", address="ann@example.com", reason="complained", at=shop.clock.now())]
    )
    shop.intake.receive(shop.event(id="1", hours=-1))
    shop.eraser.erase("17")
    shop.clock.advance(timedelta(hours=1))
    assert shop.intake.receive(shop.event(id="2", order=order("1002"))).customer_id == "17"
    (ann,) = shop.store.customers.page()
    assert (ann.email, ann.created_at) == ("ann@example.com", shop.clock.now())
    status = shop.store.addresses.status([("email", "ann@example.com")])["email", "ann@example.com"]
    assert status.suppression.reason == "complained"
    assert [consent.granted for consent in status.consents] == [False]
    # What is still told of the first order does not become theirs; of the second it does.
    shop.intake.receive(shop.event("order.shipped", id="3", order=order("1001")))
    shop.intake.receive(shop.event("order.shipped", id="4", order=order("1002")))
    assert {event.id for event in shop.store.events.page(customer_id="17")} == {"2", "4"}


def test_an_order_under_a_used_number_is_not_lost(shop):
    shop.intake.receive(shop.event(id="1", hours=-1))
    shop.eraser.erase("17")
    shop.clock.advance(timedelta(hours=1))
    bob = {"id": "18", "email": "bob@example.com"}
    for id, type in (("2", "order.placed"), ("3", "order.shipped")):
        assert shop.intake.receive(shop.event(type, id=id, customer=bob)).customer_id == "18"


def test_what_its_source_finds_to_be_an_erased_customers_is_done_at_once(shop, caplog):
    caplog.set_level(logging.INFO)

    def erased(event):
        raise Erased("whose it was is erased")

    shop.complete = erased
    shop.intake.accept([shop.event("order.shipped", id="2") | {"incomplete": {"order": "70"}}])
    assert shop.backlog.work_off() == 1
    assert shop.store.events.count() == 0
    assert "ignored: its customer was erased" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_what_waits_when_its_customer_is_erased_goes_too(shop):
    shop.intake.accept([shop.event(id="1", hours=-2), redacted(shop, hours=-1, id="r", email="ann@example.com")])
    shop.intake.accept([shop.event(id="2", hours=-3, order={"number": "2"})])
    assert shop.backlog.work_off() == 3
    assert shop.store.events.count() == shop.store.customers.count() == 0
    assert b"ann@example.com" not in shop.store.path.read_bytes()


def test_history_that_ends_with_an_erasure_ends_erased(shop):
    lines = [
        orjson.dumps(shop.event(id="1", hours=-2)),
        orjson.dumps(redacted(shop, hours=-1, email="ann@example.com")),
    ]
    summary = shop.intake.import_history(lines)
    assert (summary.new, summary.failed, shop.store.customers.count()) == (2, 0, 0)
    assert shop.intake.import_history(lines).known == 2


def test_who_is_to_be_erased_must_be_one(shop):
    shop.intake.receive(shop.event(id="1"))
    shop.intake.receive(shop.event(id="2", customer={"id": "18", "email": "bob@example.com"}, order={"number": "2"}))
    accepted = shop.intake.receive(
        redacted(shop, id="r", email="bob@example.com", phone=None)
        | {"customer": {"id": "17", "email": "bob@example.com"}}
    )
    assert accepted.state is EventState.FAILED
    assert "belongs to another" in accepted.error
    assert shop.store.customers.count() == 2
