"""What waits: once for an order and its parcel, moved by whatever tells another time, for those who asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.clock import FrozenClock
from messaging.nouns.message import Lane, MessageState
from messaging.nouns.template import Trigger
from messaging.rehearsing.app import _Unsynced
from messaging.services.trigger_plans import TriggerPlans
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore
from messaging.workspace.starter import starter
from messaging.workspace.template_files import read_template, template_names

HOUR = timedelta(hours=1)
WHOLE, PARCEL = Trigger(event="order.shipped"), Trigger(event="shipment.shipped")


@pytest.fixture
def on(shop: Any) -> Any:
    """Turns a template's triggers on."""

    def turn_on(name: str, *triggers: Trigger, **options: Any) -> None:
        shop.shelf.put(name, *triggers, **options)
        shop.switch.enable(name)

    return turn_on


def send_all(shop: Any) -> None:
    """What is planned and due has gone."""
    due = [m for m in shop.messages(state=MessageState.PLANNED) if m.due_at <= shop.clock.now()]
    shop.store.outbox.settle([Outcome(message_id=m.id, state=MessageState.SENT, sent_at=shop.clock.now()) for m in due])


def told(shop: Any) -> list[tuple[str, str | None]]:
    """State and reason of each message, the sent ones first."""
    found = [(m.state.value, m.reason) for m in shop.messages()]
    return sorted(found, key=lambda each: (each[0] not in ("sent", "planned"), each[0], each[1] or ""))


def shipped(shop: Any, **more: Any) -> Any:
    return shop.event("order.shipped", id="whole", order={"number": "1"}, **more)


def parcel(shop: Any, name: str = "s1", **more: Any) -> Any:
    return shop.event("shipment.shipped", id=name, order={"number": "1"}, shipment={"id": name, **more})


class TestOneThingToldTwice:
    """An order and its parcel."""

    @pytest.mark.parametrize("sent_between", [False, True])
    @pytest.mark.parametrize("whole_first", [False, True])
    def test_one_message(self, shop, on, whole_first, sent_between):
        on("shipped", WHOLE, PARCEL)
        events = [shipped(shop), parcel(shop)]
        for event in events if whole_first else reversed(events):
            shop.intake.receive(event)
            if sent_between:
                send_all(shop)
        by = "order.shipped" if whole_first and sent_between else "shipment.shipped"
        send_all(shop)
        assert told(shop) == [("sent", None), ("skipped", f"told by {by}")]

    def test_the_parcel_says_more(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        shop.intake.receive(shipped(shop))
        shop.intake.receive(parcel(shop, tracking_number="T1"))
        (message,) = shop.messages(state=MessageState.PLANNED)
        assert message.context["shipment"]["tracking_number"] == "T1"

    def test_each_parcel_has_a_message_of_its_own(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        for event in (parcel(shop), shipped(shop), parcel(shop, "s2")):
            shop.intake.receive(event)
        assert [state for state, _ in told(shop)] == ["planned", "planned", "skipped"]

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_whatever_came_first(self, shop, on, order):
        on("shipped", WHOLE, PARCEL)
        events = [shipped(shop), parcel(shop), parcel(shop, "s2")]
        for place in order:
            shop.intake.receive(events[place])
        assert told(shop) == [("planned", None), ("planned", None), ("skipped", "told by shipment.shipped")]

    def test_another_order_and_another_customer_are_others(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        shop.intake.receive(parcel(shop))
        bob = {"id": "18", "email": "bob@example.com"}
        shop.intake.receive(shop.event("order.shipped", id="2", order={"number": "2"}))
        shop.intake.receive(shop.event("order.shipped", id="3", order={"number": "1"}, customer=bob))
        shop.intake.receive({**shop.event("order.shipped", id="4", order={"number": "1"}), "shop": "b"})
        assert [state for state, _ in told(shop)] == ["planned"] * 4

    def test_a_key_of_its_own_is_meant(self, shop, on):
        on("shipped", Trigger(event="order.shipped", key="event.id"), PARCEL)
        shop.intake.receive(parcel(shop))
        assert shop.intake.receive(shipped(shop)).planned == 1

    def test_another_template_tells_something_else(self, shop, on):
        on("shipped", PARCEL)
        on("thanks", WHOLE)
        shop.intake.receive(parcel(shop))
        assert shop.intake.receive(shipped(shop)).planned == 1

    def test_a_refund_of_the_rest_is_more_than_one_of_a_part(self, shop, on):
        on("refunded", Trigger(event="order.refunded"), Trigger(event="refund.created"))
        order = {"number": "1", "total": "50.00", "currency": "EUR"}

        def refund(id: str, hours: float, **data: Any) -> Any:
            kind = "refund.created" if data else "order.refunded"
            return shop.event(kind, id=id, hours=hours, order=order, **data)

        assert shop.intake.receive(refund("1", 0, refund={"id": "r1", "amount": "20.00"})).planned == 1
        assert shop.intake.receive(refund("2", 1)).planned == 1
        assert {m.context["refund"]["amount"] for m in shop.messages()} == {"20.00", "30.00"}
        assert shop.intake.receive(refund("3", 2)).planned == 0

    @pytest.mark.parametrize("whole_first", [False, True])
    def test_a_whole_refund_told_twice(self, shop, on, whole_first):
        on("refunded", Trigger(event="order.refunded"), Trigger(event="refund.created"))
        order = {"number": "1", "total": "50.00", "currency": "EUR"}
        events = [
            shop.event("order.refunded", order=order),
            shop.event("refund.created", order=order, refund={"id": "r", "amount": "50.00"}),
        ]
        for event in events if whole_first else reversed(events):
            shop.intake.receive(event)
            send_all(shop)
        assert [state for state, _ in told(shop)] == ["sent", "skipped"]

    def test_a_plan_counts_it_once(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        for event in (parcel(shop), shipped(shop), parcel(shop, "s2")):
            shop.intake.receive(event)
        shop.intake.receive(shop.event("order.shipped", id="other", order={"number": "2"}))
        plans = TriggerPlans(
            shop.store, shop.clock, triggering=shop.triggering, planner=shop.planner, holding=shop._holding
        )
        plan = plans.make("shipped", days=1)
        assert (plan.events, plan.planned) == (4, 3)

    @pytest.mark.parametrize("clock_first", [False, True])
    def test_what_is_due_now_goes_before_what_waits(self, shop, on, clock_first):
        """A delay that the carrier tells of the order, while its parcel waits for the promised day."""
        on("delayed", Trigger(event="shipment.delayed"), Trigger(event="shipment.shipped", at="shipment.eta + 1 day"))
        events = [parcel(shop, eta="2026-03-05"), shop.event("shipment.delayed", hours=1, order={"number": "1"})]
        for event in events if clock_first else reversed(events):
            shop.intake.receive(event)
        assert told(shop) == [("planned", None), ("skipped", "told by shipment.delayed")]
        (message,) = shop.messages(state=MessageState.PLANNED)
        assert message.trigger_key == "api/default/order/1"


LATE = Trigger(
    event="shipment.shipped", at="shipment.eta + 1 day", after=timedelta(days=2), cancel_on=("shipment.delivered",)
)
LATE_ORDER = Trigger(event="order.shipped", at="shipment.eta + 1 day", cancel_on=("order.delivered",))


class TestAnotherTime:
    """The promised day changes while a message waits for it."""

    def test_whatever_tells_it_moves_it(self, shop, on):
        on("delayed", LATE)
        shop.intake.receive(parcel(shop, eta="2026-03-05"))
        told = shop.event(
            "shipment.updated", hours=1, order={"number": "1"}, shipment={"id": "s1", "eta": "2026-03-09"}
        )
        accepted = shop.intake.receive(told)
        assert (accepted.planned, accepted.moved) == (0, 1)
        (message,) = shop.messages()
        assert message.due_at == datetime(2026, 3, 10, 8, tzinfo=UTC)
        assert message.expires_at == message.due_at + timedelta(days=2)
        assert message.context["shipment"]["eta"] == "2026-03-09"
        assert message.context["event"]["type"] == "shipment.shipped"
        assert shop.intake.receive(told).moved == 0

    def test_an_older_word_told_late_moves_nothing(self, shop, on):
        on("delayed", LATE)
        shop.intake.receive(parcel(shop, eta="2026-03-05"))
        before = shop.messages()
        told = shop.event("order.updated", hours=-1, order={"number": "1"}, shipment={"id": "s1", "eta": "2026-03-09"})
        assert shop.intake.receive(told).moved == 0
        assert shop.messages() == before

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_whatever_came_first(self, shop, on, order):
        on("delayed", LATE)
        events = [
            parcel(shop, eta="2026-03-05"),
            shop.event("x.a", hours=1, order={"number": "1"}, shipment={"id": "s1", "eta": "2026-03-09"}),
            shop.event("x.b", hours=2, order={"number": "1"}, shipment={"id": "s1", "eta": "2026-03-07"}),
        ]
        for place in order:
            shop.intake.receive(events[place])
        (message,) = shop.messages()
        assert message.due_at == datetime(2026, 3, 8, 8, tzinfo=UTC)

    def test_what_is_told_of_another_parcel_moves_nothing(self, shop, on):
        on("delayed", LATE)
        shop.intake.receive(parcel(shop, eta="2026-03-05"))
        other = shop.event("x", hours=1, order={"number": "1"}, shipment={"id": "s2", "eta": "2026-03-09"})
        assert shop.intake.receive(other).moved == 0
        elsewhere = shop.event("y", hours=1, order={"number": "2"}, shipment={"eta": "2026-03-09"})
        assert shop.intake.receive(elsewhere).moved == 0

    def test_the_day_may_have_been_told_before(self, shop, on):
        on("delayed", LATE)
        shop.intake.receive(shop.event(hours=-1, order={"number": "1"}, shipment={"eta": "2026-03-06"}))
        shop.intake.receive(parcel(shop))
        (message,) = shop.messages()
        assert message.due_at == datetime(2026, 3, 7, 8, tzinfo=UTC)

    def test_the_day_may_be_told_afterwards_for_the_first_time(self, shop, on):
        on("delayed", LATE)
        assert shop.intake.receive(parcel(shop)).planned == 0
        told = shop.event("x", hours=1, order={"number": "1"}, shipment={"id": "s1", "eta": "2026-03-06"})
        assert shop.intake.receive(told).planned == 1
        (message,) = shop.messages()
        assert message.due_at == datetime(2026, 3, 7, 8, tzinfo=UTC)
        assert message.context["event"]["type"] == "shipment.shipped"
        other = shop.event("y", hours=2, order={"number": "1"}, shipment={"id": "s2", "eta": "2026-03-06"})
        assert shop.intake.receive(other).planned == 0

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_a_parcel_that_arrived_before_its_order_was_told_of(self, shop, on, order):
        on("delayed", LATE, LATE_ORDER)
        events = [
            parcel(shop, eta="2026-03-05"),
            shop.event("shipment.delivered", hours=1, order={"number": "1"}, shipment={"id": "s1"}),
            shipped(shop, hours=2, shipment={"eta": "2026-03-05"}),
        ]
        for place in order:
            shop.intake.receive(events[place])
        assert not shop.messages(state=MessageState.PLANNED)

    def test_what_tells_the_day_may_be_what_cancels(self, shop, on):
        on("delayed", replace(WHOLE, at="shipment.eta + 1 day", cancel_on=("shipment.delivered",)))
        shop.intake.receive(shipped(shop))
        arrived = {"order": {"number": "1"}, "shipment": {"id": "s1", "eta": "2026-03-05"}}
        assert shop.intake.receive(shop.event("shipment.delivered", hours=1, **arrived)).planned == 0

    def test_what_history_set_off_is_over(self, shop, on):
        on("delayed", LATE)
        shop.intake.import_history([json.dumps(parcel(shop)).encode()])
        told = shop.event("x", hours=1, order={"number": "1"}, shipment={"id": "s1", "eta": "2026-03-06"})
        assert shop.intake.receive(told).planned == 0

    def test_not_before_some_time_has_passed(self, shop, on):
        on("delayed", LATE)
        shop.intake.receive(parcel(shop, eta="2026-02-20"))
        (message,) = shop.messages()
        assert message.due_at == shop.clock.now() + timedelta(days=2)

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_what_has_arrived_is_not_late_whichever_clock_is_wrong(self, shop, on, order):
        on("delayed", LATE_ORDER)
        events = (
            shipped(shop, shipment={"eta": "2026-03-05"}),
            shop.event("order.delivered", hours=-9, order={"number": "1"}),
        )
        for index in order:
            shop.intake.receive(events[index])
        assert not shop.messages(state=MessageState.PLANNED)

    def test_another_order_that_arrived_before_is_another(self, shop, on):
        on("delayed", LATE_ORDER)
        shop.intake.receive(shipped(shop, shipment={"eta": "2026-03-05"}))
        shop.intake.receive(shop.event("order.delivered", hours=-9, order={"number": "2"}))
        assert shop.messages(state=MessageState.PLANNED)

    def test_the_order_and_its_parcel_are_late_once(self, shop, on):
        on("delayed", LATE, LATE_ORDER)
        shop.intake.receive(shipped(shop, shipment={"eta": "2026-03-05"}))
        shop.intake.receive(parcel(shop))
        (message,) = shop.messages(state=MessageState.PLANNED)
        assert message.trigger_key == "api/default/shipment/1/s1"
        assert message.due_at == datetime(2026, 3, 6, 8, tzinfo=UTC)
        shop.intake.receive(shop.event("shipment.delivered", hours=1, order={"number": "1"}, shipment={"id": "s1"}))
        assert not shop.messages(state=MessageState.PLANNED)


class TestTwoOrdersInOneParcel:
    """Each order's customer is told of it once, and an order that arrives is no other's."""

    @staticmethod
    def of(shop: Any, order: str, type: str = "shipment.shipped", **more: Any) -> Any:
        event = shop.event(type, id=f"{order} {type}", order={"number": order}, shipment={"tracking_number": "T12345"})
        event["data"]["shipment"] |= more
        return event

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    @pytest.mark.parametrize("sent_between", [False, True])
    def test_each_is_told_once(self, shop, on, order, sent_between):
        on("shipped", WHOLE, PARCEL)
        events = [self.of(shop, "1"), self.of(shop, "2"), {**self.of(shop, "1"), "id": "again"}]
        for place in order:
            shop.intake.receive(events[place])
            if sent_between:
                send_all(shop)
        send_all(shop)
        assert sorted(m.context["order"]["number"] for m in shop.messages(state=MessageState.SENT)) == ["1", "2"]

    def test_two_customers(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        shop.intake.receive(self.of(shop, "1"))
        shop.intake.receive({**self.of(shop, "2"), "customer": {"id": "18", "email": "bob@example.com"}})
        assert {m.customer_id for m in shop.messages(state=MessageState.PLANNED)} == {"17", "18"}

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_what_arrives_ends_its_own_delay(self, shop, on, order):
        on("delayed", LATE)
        arrived = self.of(shop, "1", "shipment.delivered")
        events = [self.of(shop, "1", eta="2026-03-09"), self.of(shop, "2", eta="2026-03-09"), arrived]
        for place in order:
            shop.intake.receive(events[place])
        (message,) = shop.messages(state=MessageState.PLANNED)
        assert message.context["order"]["number"] == "2"

    def test_a_parcel_that_names_no_order_is_that_of_both(self, shop, on):
        on("delayed", LATE)
        for order in ("1", "2"):
            shop.intake.receive(self.of(shop, order, eta="2026-03-09"))
        assert len(shop.messages(state=MessageState.PLANNED)) == 2
        arrived = self.of(shop, "1", "shipment.delivered")
        del arrived["data"]["order"]
        assert shop.intake.receive(arrived).cancelled == 2

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_a_parcel_is_told_once_whether_its_order_is_named_or_not(self, shop, on, order):
        on("shipped", WHOLE, PARCEL)
        events = self.of(shop, "1", id="s1"), {**self.of(shop, "1"), "id": "again"}
        del events[1]["data"]["order"]
        assert sum(shop.intake.receive(events[place]).planned for place in order) == 1


def test_what_is_told_too_late_still_waits_for_what_unless_asks(shop, on):
    on("receipt", Trigger(event="order.paid", after=HOUR, unless="true"), Trigger(event="order.shipped", after=HOUR))
    shop.intake.receive(shop.event("order.paid", hours=-3))
    shop.intake.receive(shop.event("order.shipped", hours=-3, order={"number": "2"}))
    now = shop.clock.now()
    assert sorted(m.due_at for m in shop.messages()) == [now, now + timedelta(minutes=10)]


CART = Trigger(event="cart.updated", key="cart.id", after=4 * HOUR)
CHECKOUT = Trigger(event="checkout.started", key="cart.id", after=4 * HOUR)


class TestACartThatWasBought:
    """An order that names no cart ends what was put into one before it, whenever what is told, and by whom allowed."""

    @pytest.mark.parametrize("order", list(permutations(range(4))))
    def test_in_any_order(self, shop, on, order):
        on("abandoned-cart", replace(CART, cancel_on=("order.placed",)), marketing=True)
        events = [
            shop.event("cart.updated", id="1", hours=-3, cart={"id": "c"}),
            shop.event("order.placed", id="2", hours=-2, order={"number": "1"}),
            shop.event("cart.updated", id="3", hours=-1, cart={"id": "c"}),
            shop.event("consent.changed", id="4", hours=-4, consent={"channel": "email", "granted": True}),
        ]
        for place in order:
            shop.intake.receive(events[place])
        (message,) = shop.messages()
        assert (message.state.value, message.reason) == ("skipped", "cancelled by order.placed")

    def test_what_history_tells_set_nothing_off(self, shop, on):
        on("abandoned-cart", replace(CART, cancel_on=("order.placed",)))
        old = shop.event("cart.updated", id="1", hours=-3, cart={"id": "c"})
        shop.intake.import_history([json.dumps(old).encode()])
        shop.intake.receive(shop.event("cart.updated", id="3", hours=-1, cart={"id": "c"}))
        shop.intake.receive(shop.event("order.placed", id="2", hours=-2, order={"number": "1"}))
        assert [m.state for m in shop.messages()] == [MessageState.PLANNED]


class TestTheWayBackToACart:
    """Once a cart, with all that was told of it, in whichever order."""

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_a_cart_shows_what_was_told_of_it(self, shop, on, order):
        on("abandoned-cart", CART, CHECKOUT)
        events = [
            shop.event("cart.updated", id="1", hours=-2, cart={"id": "c", "total": "5.00"}),
            shop.event("checkout.started", id="2", hours=-1, cart={"id": "c", "url": "https://shop.example/c"}),
            shop.event("cart.updated", id="3", cart={"id": "c", "total": "9.00"}),
        ]
        for place in order:
            shop.intake.receive(events[place])
        (message,) = shop.messages()
        assert message.due_at == shop.clock.now() + 4 * HOUR
        (message,) = shop.triggering.renewed([message])
        assert message.context["cart"] == {"id": "c", "total": "9.00", "url": "https://shop.example/c"}
        assert message.context["event"]["id"] == "3"


BACK = Trigger(event="product.restocked", answers="product.requested")


def asks(shop: Any, who: str, *, hours: float = 0, id: str | None = None, **product: Any) -> Any:
    customer = {"id": who, "email": f"{who}@example.com"}
    event = shop.event(
        "product.requested",
        id=id or f"{who} asks at {hours}",
        hours=hours,
        customer=customer,
        product={"sku": "MUG", "name": "Mug", **product},
    )
    return shop.intake.receive(event)


def back(shop: Any, id: str = "back", **product: Any) -> Any:
    return shop.intake.receive(
        shop.event("product.restocked", id=id, customer={}, product={"sku": "MUG", "price": "9.00", **product})
    )


class TestThoseWhoAsked:
    """`answers`: each request once."""

    def test_they_are_told_and_nobody_else(self, shop, on):
        on("back", BACK)
        asks(shop, "ann", hours=-2)
        asks(shop, "bob", hours=-1)
        asks(shop, "cy", sku="CUP")
        shop.intake.receive(shop.event())
        assert back(shop).planned == 2
        assert sorted(m.customer_id for m in shop.messages()) == ["ann", "bob"]
        assert {m.lane for m in shop.messages()} == {Lane.EVENT}
        assert {m.context["product"]["name"] for m in shop.messages()} == {"Mug"}
        assert {m.context["product"]["price"] for m in shop.messages()} == {"9.00"}

    def test_a_request_is_answered_once(self, shop, on):
        on("back", BACK)
        asks(shop, "ann")
        assert back(shop, "1").planned == 1
        send_all(shop)
        assert back(shop, "2").planned == 0
        shop.clock.advance(HOUR)
        asks(shop, "ann", id="again")
        assert back(shop, "3").planned == 1

    def test_who_asked_twice_is_told_once(self, shop, on):
        on("back", BACK)
        asks(shop, "ann", hours=-3)
        asks(shop, "ann", hours=-1)
        assert back(shop, "1").planned == 1
        send_all(shop)
        assert back(shop, "2").planned == 0

    def test_who_asked_before_the_trigger_was_on(self, shop, on):
        asks(shop, "ann")
        on("back", BACK)
        assert back(shop).planned == 1

    def test_who_asked_before_it_was_back_and_is_told_of_late(self, shop, on):
        on("back", BACK)
        back(shop)
        assert asks(shop, "ann", hours=-1).planned == 1
        assert asks(shop, "bob", hours=-2, sku="CUP").planned == 0
        shop.clock.advance(HOUR)
        assert asks(shop, "cy").planned == 0  # asks after it was back
        assert [m.customer_id for m in shop.messages()] == ["ann"]

    def test_who_asked_after_it_was_back_is_not_told_of_that(self, shop, on):
        on("back", BACK)
        asks(shop, "ann", hours=-1)
        told = shop.event("product.restocked", id="back", hours=-2, customer={}, product={"sku": "MUG"})
        assert shop.intake.receive(told).planned == 0

    def test_what_is_no_news_any_more_or_was_only_history_answers_nobody(self, shop, on):
        on("back", replace(BACK, max_age=HOUR))
        old = shop.event("product.restocked", id="old", hours=-2, customer={}, product={"sku": "MUG"})
        past = shop.event("product.restocked", id="past", customer={}, product={"sku": "MUG"})
        shop.intake.receive(old)
        shop.intake.import_history([json.dumps(past).encode()])
        assert asks(shop, "ann", hours=-3).planned == 0

    @pytest.mark.parametrize("order", list(permutations(range(4))))
    def test_whatever_came_first(self, shop, on, order):
        """Asked twice, then it was back, asked again, then it was back again: two messages."""
        on("back", BACK)
        product = {"sku": "MUG"}
        restocked = [
            shop.event("product.restocked", id=f"{n}", hours=n, customer={}, product=product) for n in (-3, -1)
        ]
        tell = [
            lambda: asks(shop, "ann", hours=-5),
            lambda: asks(shop, "ann", hours=-4),
            lambda: shop.intake.receive(restocked[0]),
            lambda: asks(shop, "ann", hours=-2),
        ]
        for place in order:
            tell[place]()
            send_all(shop)
        shop.intake.receive(restocked[1])
        send_all(shop)
        assert len(shop.messages(state=MessageState.SENT)) == 2
        assert not shop.messages(state=MessageState.PLANNED)

    def test_a_product_is_known_by_its_id_or_its_article_number(self, shop, on):
        on("back", BACK)
        for who, product in (("ann", {"sku": "MUG"}), ("bob", {"id": "p1"}), ("cy", {"id": "p2", "sku": "MUG"})):
            customer = {"id": who, "email": f"{who}@example.com"}
            shop.intake.receive(shop.event("product.requested", id=who, customer=customer, product=product))
        told = shop.event("product.restocked", customer={}, product={"id": "p1", "sku": "MUG"})
        assert shop.intake.receive(told).planned == 2
        assert {m.customer_id for m in shop.messages()} == {"ann", "bob"}

    def test_another_shops_article_is_another(self, shop, on):
        on("back", BACK)
        asks(shop, "ann")
        told = shop.event("product.restocked", customer={}, product={"sku": "MUG"})
        assert shop.intake.receive({**told, "shop": "b"}).planned == 0

    def test_a_plan_counts_them(self, shop, on):
        on("back", BACK)
        asks(shop, "ann", hours=-2)
        asks(shop, "bob", hours=-1)
        back(shop)
        plans = TriggerPlans(
            shop.store, shop.clock, triggering=shop.triggering, planner=shop.planner, holding=shop._holding
        )
        assert plans.make("back", days=1).planned == 2


ORDER = {"number": "1", "total": "30.00", "currency": "EUR"}
LINES = [{"sku": "TEA", "name": "Tea", "quantity": 2}, {"sku": "POT", "name": "Pot"}]
#: One customer's carts and orders, in the order in which it all happened: type, hour, data.
STORY: list[tuple[str, float, dict[str, Any]]] = [
    ("cart.updated", 0, {"cart": {"id": "c1", "total": "10.00"}}),
    ("checkout.started", 1, {"cart": {"id": "c1", "url": "https://shop.example/c1"}}),
    ("cart.updated", 1.5, {"cart": {"id": "c2", "total": "5.00"}}),
    ("order.created", 2, {"order": {**ORDER, "items": LINES}, "cart": {"id": "c1"}, "shipment": {"eta": "2026-03-05"}}),
    ("order.paid", 2, {"order": ORDER}),
    ("cart.updated", 3, {"cart": {"id": "c1", "total": "99.00"}}),
    (
        "shipment.shipped",
        20,
        {"order": {"number": "1"}, "shipment": {"id": "s1", "items": [{"sku": "TEA", "quantity": 2}]}},
    ),
    ("order.partially_shipped", 20, {"order": {"number": "1"}}),
    ("shipment.updated", 22, {"order": {"number": "1"}, "shipment": {"id": "s1", "eta": "2026-03-09"}}),
    (
        "shipment.shipped",
        40,
        {"order": {"number": "1"}, "shipment": {"id": "s2", "items": [{"sku": "POT"}], "eta": "2026-03-10"}},
    ),
    ("order.fulfilled", 41, {"order": {"number": "1"}}),
    ("shipment.delivered", 60, {"order": {"number": "1"}, "shipment": {"id": "s1"}}),
    ("refund.created", 70, {"order": {"number": "1"}, "refund": {"id": "r", "amount": "10.00"}}),
    ("order.placed", 71, {"order": {"number": "2", "total": "8.00"}, "shipment": {"eta": "2026-03-12"}}),
    ("order.canceled", 72, {"order": {"number": "2"}}),
    ("order.refunded", 73, {"order": ORDER}),
]


class TestWhateverComesFirst:
    """Events late, twice and out of order end in the same messages, by the triggers that a new workspace has."""

    @pytest.fixture
    def new_shop(self, tmp_path_factory: pytest.TempPathFactory, clock: FrozenClock) -> Iterator[Any]:
        """Makes shops where all starter triggers are on, days after everything happened."""
        folder = starter("templates")
        stores: list[TinyStore] = []

        def make(shop_class: Any) -> Any:
            here = tmp_path_factory.mktemp("shop")
            store = TinyStore(here / "store.jsonl", clock=clock, disk=_Unsynced())
            stores.append(store)
            shop = shop_class(store, clock, here)
            for name in template_names(folder):
                template = read_template(folder, name)
                triggers = [replace(trigger, max_age=None) for trigger in template.triggers]
                if triggers:
                    shop.shelf.put(name, *triggers)
                    shop.switch.enable(name)
            return shop

        yield make
        for store in stores:
            store.close()

    @staticmethod
    def told(shop: Any, order: list[int]) -> Any:
        for place in order:
            type, hour, data = STORY[place]
            shop.intake.receive(shop.event(type, id=f"{place}", hours=hour - 96, **data))
        rows = shop.triggering.renewed(shop.messages())
        planned = [row for row in rows if row.state is MessageState.PLANNED]
        return (
            sorted((row.template, row.trigger_key, row.state.value) for row in rows),
            {(row.template, row.trigger_key): (row.due_at, row.context) for row in planned},
        )

    @pytest.fixture
    def in_order(self, shop: Any, new_shop: Any) -> Any:
        return self.told(new_shop(type(shop)), list(range(len(STORY))))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.permutations(range(len(STORY))), st.lists(st.integers(0, len(STORY) - 1), max_size=6))
    def test_the_same_messages(self, shop, new_shop, in_order, order, again):
        assert self.told(new_shop(type(shop)), [*order, *again]) == in_order

    def test_what_they_are(self, in_order):
        rows, planned = in_order
        assert sorted(template for template, _ in planned) == [
            *(
                "cancelled",
                "delayed",
                "delayed",
                "delivered",
                "order-confirmation",
                "order-confirmation",
                "partially-shipped",
            ),
            *("payment-received", "refunded", "refunded", "shipped", "shipped", "win-back"),
        ]
        assert len(rows) > len(planned)


class TestNewsThatIsNoneAnyMore:
    """What was told too late, and what is known by then contradicts, is not sent."""

    CONFIRMATION = Trigger(event="order.placed")

    @staticmethod
    def due(shop: Any) -> dict[str, str]:
        return shop.triggering.due_checks(shop.messages(state=MessageState.PLANNED), shop.clock.now())

    def test_an_order_that_was_cancelled_is_not_confirmed_any_more(self, shop, on):
        on("confirmation", self.CONFIRMATION)
        on("cancelled", Trigger(event="order.cancelled"))
        shop.intake.receive(shop.event("order.canceled", hours=-1))
        shop.intake.receive(shop.event("order.created", hours=-2))
        assert list(self.due(shop).values()) == ["superseded by order.canceled"]

    def test_nor_if_it_waited_for_the_morning(self, shop, on):
        on("confirmation", self.CONFIRMATION)
        shop.intake.receive(shop.event())
        assert self.due(shop) == {}
        shop.clock.advance(HOUR)
        shop.intake.receive(shop.event("order.cancelled"))
        assert list(self.due(shop).values()) == ["superseded by order.cancelled"]

    def test_another_order_or_what_does_not_contradict_changes_nothing(self, shop, on):
        on("confirmation", self.CONFIRMATION)
        shop.intake.receive(shop.event("order.placed", hours=-3))
        shop.intake.receive(shop.event("order.cancelled", hours=-1, order={"number": "2"}))
        shop.intake.receive(shop.event("order.shipped", hours=-1))
        shop.intake.receive(shop.event("order.cancelled", id="sooner", hours=-4))
        assert self.due(shop) == {}

    def test_a_parcel_that_arrived_is_not_on_its_way(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        shop.intake.receive(shop.event("shipment.delivered", hours=1, order={"number": "1"}, shipment={"id": "s1"}))
        shop.intake.receive(parcel(shop))
        shop.intake.receive(parcel(shop, "s2"))
        (reason,) = self.due(shop).values()
        assert reason == "superseded by shipment.delivered"

    def test_what_waits_for_a_number_was_news_with_its_event(self, shop, on):
        on("shipped", replace(PARCEL, after=HOUR, waits_for=("shipment.tracking_number",)))
        shop.intake.receive(parcel(shop))
        arrived = {"order": {"number": "1"}, "shipment": {"id": "s1"}}
        shop.intake.receive(shop.event("shipment.delivered", hours=0.5, **arrived))
        assert len(self.due(shop)) == 1

    def test_what_waits_is_asked_as_of_when_it_should_have_gone(self, shop, on):
        """What happened before that is the business of `cancel_on`."""
        on("thanks", Trigger(event="order.placed", after=2 * HOUR))
        shop.intake.receive(shop.event(hours=-4))
        shop.intake.receive(shop.event("order.cancelled", id="before", hours=-3))
        assert self.due(shop) == {}
        shop.intake.receive(shop.event("order.cancelled", id="after", hours=-1))
        assert len(self.due(shop)) == 1

    def test_a_day_that_the_event_tells_is_no_news_of_it(self, shop, on):
        on("thanks", Trigger(event="order.shipped", at="shipment.eta + 1 day"))
        shop.intake.receive(shipped(shop, hours=-100, shipment={"eta": "2026-02-20"}))
        shop.intake.receive(shop.event("order.delivered", hours=-1, order={"number": "1"}))
        assert self.due(shop) == {}


def test_of_several_triggers_with_one_key_the_last_events_counts(shop, on):
    on(
        "delayed",
        Trigger(event="shipment.shipped", at="shipment.eta + 1 day", unless="true"),
        Trigger(event="shipment.delayed"),
    )
    shop.unless.add("17")
    shop.intake.receive(parcel(shop, eta="2026-03-05"))
    shop.intake.receive(shop.event("shipment.delayed", hours=1, order={"number": "1"}, shipment={"id": "s1"}))
    assert shop.triggering.due_checks(shop.messages(), shop.clock.now()) == {}


def test_what_is_late_is_asked_as_of_when_it_was_due_as_well(shop, on):
    asked = []
    shop.triggering._holding = lambda unless, messages, now: asked.append(now) or []
    on("receipt", Trigger(event="order.paid", after=HOUR, unless="true"))
    shop.intake.receive(shop.event("order.paid", hours=-3))
    shop.triggering.due_checks(shop.messages(), shop.clock.now())
    assert asked == [shop.clock.now(), shop.clock.now() - 2 * HOUR]


def test_what_is_told_too_late_still_waits_for_what_cancels_it(shop, on):
    on("delayed", LATE, LATE_ORDER)
    shop.intake.receive(shipped(shop, hours=-100, shipment={"eta": "2026-02-20"}))
    (message,) = shop.messages()
    assert message.due_at == shop.clock.now() + timedelta(minutes=10)


class TestWhoCanBeWrittenToLater:
    """The order was told before the address, the cart before the consent."""

    @staticmethod
    def nameless(shop: Any, type: str = "order.placed", **more: Any) -> Any:
        return shop.event(type, customer={"id": "17"}, **more)

    @staticmethod
    def consent(shop: Any, *, granted: bool = True, **more: Any) -> Any:
        told = {"channel": "email", "granted": granted}
        return shop.event("consent.changed", id=f"consent {granted}", consent=told, **more)

    @staticmethod
    def rows(shop: Any) -> list[tuple[str, str, str | None]]:
        return [(m.channel, m.state.value, m.reason) for m in shop.messages()]

    def test_by_an_address(self, shop, on):
        on("confirmation", Trigger(event="order.placed"))
        shop.intake.receive(self.nameless(shop))
        assert self.rows(shop) == [("email", "skipped", "no address (email)")]
        accepted = shop.intake.receive(shop.event("customer.updated", hours=-1))
        assert accepted.planned == 1
        (message,) = shop.messages()
        assert (message.state, message.address) == (MessageState.PLANNED, "ann@example.com")
        send_all(shop)
        shop.intake.receive(shop.event("customer.updated", id="2", customer={"id": "17", "phone": "+436641234567"}))
        assert self.rows(shop) == [("email", "sent", None)]

    def test_a_parcel_does_not_give_way_to_itself(self, shop, on):
        on("shipped", WHOLE, PARCEL)
        shop.intake.receive({**parcel(shop), "customer": {"id": "17"}})
        assert shop.intake.receive(shop.event("customer.updated")).planned == 1

    def test_by_another_channel(self, shop, on):
        on("confirmation", Trigger(event="order.placed"), channels=("email", "sms"))
        shop.intake.receive(self.nameless(shop))
        shop.intake.receive(shop.event("x", customer={"id": "17", "phone": "+436641234567"}))
        shop.intake.receive(shop.event("y"))
        assert sorted(self.rows(shop)) == [("email", "skipped", "no address (email)"), ("sms", "planned", None)]

    @pytest.mark.parametrize("order", list(permutations(range(3))))
    def test_by_a_consent(self, shop, on, order):
        on("cart", CART, marketing=True)
        events = [
            shop.event("cart.updated", id="1", hours=-2, cart={"id": "c"}),
            self.consent(shop, hours=-1),
            shop.event("cart.updated", id="2", hours=-0.5, cart={"id": "c", "total": "9.00"}),
        ]
        for place in order:
            shop.intake.receive(events[place])
        (message,) = shop.messages()
        assert (message.state, message.due_at) == (MessageState.PLANNED, shop.clock.now() + 3.5 * HOUR)
        assert (message.context or {})["event"]["id"] == "2"

    def test_not_what_is_no_news_any_more(self, shop, on):
        on("fresh", Trigger(event="order.placed", max_age=HOUR))
        on("late", Trigger(event="order.placed"))
        shop.intake.receive(self.nameless(shop))
        shop.clock.advance(2 * HOUR)
        shop.intake.receive(shop.event("customer.updated"))
        assert {m.template: m.state.value for m in shop.messages()} == {"fresh": "skipped", "late": "planned"}

    def test_not_what_could_have_gone_days_ago(self, shop, on):
        on("late", Trigger(event="order.placed"))
        shop.intake.receive(self.nameless(shop))
        shop.clock.advance(timedelta(days=2))
        assert shop.intake.receive(shop.event("customer.updated")).planned == 0

    def test_not_who_withdrew_nor_what_was_cancelled_or_skipped_for_another_reason(self, shop, on):
        on("cart", replace(CART, cancel_on=("order.placed",)), marketing=True)
        shop.intake.receive(shop.event("cart.updated", id="1", cart={"id": "c"}))
        assert shop.intake.receive(self.consent(shop, granted=False)).planned == 0
        shop.intake.receive(shop.event(hours=1))
        assert shop.intake.receive(self.consent(shop, hours=1)).planned == 0
        assert [(m.state.value, m.reason) for m in shop.messages()] == [("skipped", "cancelled by order.placed")]

    def test_not_by_history_nor_once_turned_off(self, shop, on):
        on("confirmation", Trigger(event="order.placed"))
        shop.intake.receive(self.nameless(shop))
        shop.intake.import_history([json.dumps(shop.event("customer.updated", id="old")).encode()])
        assert [m.state.value for m in shop.messages()] == ["skipped"]
        shop.switch.disable("confirmation")
        bob = {"id": "18"}
        shop.intake.receive(shop.event("order.placed", id="2", customer=bob))
        assert shop.intake.receive(shop.event("x", customer={**bob, "email": "bob@example.com"})).planned == 0
