"""Triggers: once by their key, moved and cancelled while they wait, whatever order events come in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from messaging.errors import PluginError
from messaging.nouns.consent import Consent
from messaging.nouns.event import EventState
from messaging.nouns.message import Lane, MessageState
from messaging.nouns.template import Trigger
from messaging.plugins import Plugins
from messaging.rules.envelope import read_event
from messaging.stores.outbox import Outcome

HOUR = timedelta(hours=1)
CART = Trigger(
    event="cart.updated",
    key="cart.id",
    after=4 * HOUR,
    unless="orders.count(hours=4) > 0",
    cancel_on=("order.placed",),
)


def turn_on(shop, name, *triggers, **options):
    shop.shelf.put(name, *triggers, **options)
    shop.switch.enable(name)


def the_message(shop, **filters):
    (message,) = shop.messages(**filters)
    return message


def test_triggers_start_off(shop):
    shop.shelf.put("order-confirmation", Trigger(event="order.placed"))
    assert shop.intake.receive(shop.event()).planned == 0
    assert not shop.messages()


def test_an_event_sets_its_template_off(shop):
    turn_on(shop, "order-confirmation", Trigger(event="order.placed"))
    accepted = shop.intake.receive(shop.event())
    assert (accepted.planned, shop.woken) == (1, 1)
    message = the_message(shop)
    assert message.origin == "trigger:order-confirmation:api/default/order/1001"
    assert message.trigger_key == "api/default/order/1001"
    assert (message.state, message.lane, message.address) == (
        MessageState.PLANNED,
        Lane.ORDER,
        "ann@example.com",
    )
    assert message.due_at == shop.clock.now()
    assert message.expires_at == shop.clock.now() + timedelta(days=2)
    assert message.context["order"]["total"] == "49.90"
    assert message.context["event"]["type"] == "order.placed"
    assert shop.store.version(message.version) is not None


def test_a_check_that_cannot_be_asked_costs_an_event_nothing(shop, tmp_path):
    """Its order, its customer and its message are there; the message waits, and is checked before it goes."""
    source = "from messaging import hookimpl\n@hookimpl\ndef check_messages(messages, facts):\n    return [42]\n"
    (tmp_path / "bad.py").write_text(source, "utf-8")
    shop.planner._plugins = Plugins(folder=tmp_path)
    turn_on(shop, "order-confirmation", Trigger(event="order.placed"))
    accepted = shop.intake.receive(shop.event())
    assert (accepted.state, accepted.planned) == (EventState.DONE, 1)
    message = the_message(shop)
    assert (message.state, message.due_at) == (MessageState.PLANNED, shop.clock.now())
    assert "plugin bad (from" in message.reason
    assert "check_messages answered 42" in message.reason
    with pytest.raises(PluginError, match="plugin bad"):
        shop.planner.check([message], shop.store.customers.get(["17"]), {}, now=shop.clock.now())


def test_marketing_goes_behind_orders_and_asks_for_consent(shop):
    turn_on(shop, "news", Trigger(event="order.placed"), marketing=True)
    assert shop.intake.receive(shop.event(id="1")).planned == 0
    assert the_message(shop).reason == "no consent"
    shop.store.addresses.add_consents(
        [Consent(channel="email", address="bob@example.com", granted=True, at=shop.clock.now())]
    )
    bob = {"id": "18", "email": "bob@example.com"}
    assert shop.intake.receive(shop.event(id="2", customer=bob, order={"number": "2"})).planned == 1
    assert the_message(shop, customer_id="18").lane is Lane.EVENT


@pytest.mark.parametrize(("asked", "told"), [("order.placed", "order.created"), ("order.canceled", "order.cancelled")])
def test_a_type_has_several_names(shop, asked, told):
    turn_on(shop, "mine", Trigger(event=asked))
    assert shop.intake.receive(shop.event(told)).planned == 1


def test_what_cancels_has_several_names(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, 0))
    assert shop.intake.receive(shop.event("order.created", hours=1)).cancelled == 1
    shop.intake.receive(shop.event("order.created", id="x", hours=3, order={"number": "9"}))
    assert shop.intake.receive(cart(shop, 2, cart="c2")).planned == 0


@pytest.mark.parametrize("first", ["order.shipped", "order.delivered"])
def test_what_arrived_is_not_late_whenever_it_left(shop, first):
    """Clocks differ: told to have left an hour after it arrived."""
    turn_on(shop, "delayed", Trigger(event="order.shipped", at="shipment.eta", cancel_on=("order.delivered",)))
    events = {
        "order.shipped": shop.event("order.shipped", hours=1, order={"number": "1"}, shipment={"eta": "2026-03-05"}),
        "order.delivered": shop.event("order.delivered", order={"number": "1"}),
    }
    for type in sorted(events, key=lambda type: type != first):
        shop.intake.receive(events[type])
    assert the_message(shop).reason == "cancelled by order.delivered"


def test_a_cart_that_was_bought_is_bought_whatever_is_told_of_it_later(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(shop.event(hours=1, order={"number": "1"}, cart={"id": "c1"}))
    assert shop.intake.receive(cart(shop, 2)).planned == 0
    assert shop.intake.receive(cart(shop, 2, id="other", cart="c2")).planned == 1


def test_history_sets_nothing_off(shop):
    turn_on(shop, "order-confirmation", Trigger(event="order.placed"))
    import orjson

    shop.intake.import_history([orjson.dumps(shop.event())])
    assert not shop.messages()
    assert shop.intake.receive(shop.event()).planned == 0


def test_one_message_a_key(shop):
    turn_on(shop, "order-confirmation", Trigger(event="order.placed"), Trigger(event="order.paid"))
    for id, type, number in (
        ("1", "order.placed", "1"),
        ("2", "order.paid", "1"),
        ("3", "order.placed", "2"),
    ):
        shop.intake.receive(shop.event(type, id=id, order={"number": number}))
    assert sorted(message.origin[-1] for message in shop.messages()) == ["1", "2"]


def test_what_has_gone_is_not_sent_again_nor_taken_back(shop):
    turn_on(shop, "order-confirmation", Trigger(event="order.placed", cancel_on=("order.cancelled",)))
    shop.intake.receive(shop.event(id="1"))
    sent = the_message(shop)
    shop.store.outbox.settle([Outcome(message_id=sent.id, state=MessageState.SENT, sent_at=shop.clock.now())])
    assert shop.intake.receive(shop.event(id="2", hours=1)).moved == 0
    assert shop.intake.receive(shop.event("order.cancelled", id="3", hours=2)).cancelled == 0
    assert the_message(shop).state is MessageState.SENT


def test_another_channel_does_not_make_it_twice(shop):
    turn_on(shop, "shipped", Trigger(event="order.shipped"), channels=("email", "sms"))
    by_phone = {"id": "17", "phone": "+436641234567"}
    shop.intake.receive(shop.event("order.shipped", id="1", customer=by_phone))
    assert the_message(shop).channel == "sms"
    shop.intake.receive(shop.event("order.shipped", id="2", customer={"id": "17", "email": "ann@example.com"}))
    assert the_message(shop).channel == "sms"


def cart(shop, hours, *, id=None, cart="c1", total="10.00", customer=None):
    return shop.event(
        "cart.updated",
        id=id or f"cart-{hours}",
        hours=hours,
        customer=customer,
        cart={"id": cart, "total": total},
    )


def test_a_later_event_with_the_key_moves_it(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, 0))
    start = shop.clock.now()
    shop.clock.advance(3 * HOUR)
    accepted = shop.intake.receive(cart(shop, 0, id="later", total="25.00"))
    assert (accepted.planned, accepted.moved) == (0, 1)
    message = the_message(shop)
    assert message.due_at == start + 7 * HOUR
    assert message.expires_at == message.due_at + timedelta(days=2)
    assert message.context["cart"]["total"] == "25.00"


def test_an_older_event_that_comes_late_moves_nothing(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, -1, total="25.00"))
    before = the_message(shop)
    assert shop.intake.receive(cart(shop, -2)).moved == 0
    assert the_message(shop) == before


def test_the_event_that_planned_it_does_not_move_it(shop):
    turn_on(shop, "abandoned-cart", CART)
    event = read_event(cart(shop, 0, id="same"))
    shop.intake.receive(cart(shop, 0, id="same"))
    due = the_message(shop).due_at
    (customer,) = shop.store.customers.get(["17"]).values()
    shop.clock.advance(HOUR)
    planned = shop.triggering.plan(event, customer, shop.triggering.matching(event), now=shop.clock.now())
    assert (planned.planned, planned.moved) == (0, 0)
    assert the_message(shop).due_at == due


def test_the_event_that_cancels_it(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, 0))
    shop.intake.receive(cart(shop, 0, id="bob", cart="c2", customer={"id": "18", "email": "bob@example.com"}))
    accepted = shop.intake.receive(shop.event(hours=1))
    assert accepted.cancelled == 1
    message = the_message(shop, customer_id="17")
    assert (message.state, message.reason) == (MessageState.SKIPPED, "cancelled by order.placed")
    assert the_message(shop, customer_id="18").state is MessageState.PLANNED


def test_it_is_cancelled_by_the_key_where_the_event_has_one(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, 0))
    other = shop.event(hours=1, order={"number": "1"}, cart={"id": "c2"})
    assert shop.intake.receive(other).cancelled == 0
    same = shop.event(id="x", hours=1, order={"number": "2"}, cart={"id": "c1"})
    assert shop.intake.receive(same).cancelled == 1


def test_it_is_cancelled_by_the_order_both_name(shop):
    turn_on(shop, "review", Trigger(event="order.delivered", after=48 * HOUR, cancel_on=("order.returned",)))
    shop.intake.receive(shop.event("order.delivered", id="1", order={"number": "1"}, shipment={"id": "s1"}))
    shop.intake.receive(shop.event("order.delivered", id="2", order={"number": "2"}, shipment={"id": "s2"}))
    assert shop.intake.receive(shop.event("order.returned", id="3", hours=1, order={"number": "2"})).cancelled == 1
    assert [m.state for m in sorted(shop.messages(), key=lambda m: m.trigger_key)] == [
        MessageState.PLANNED,
        MessageState.SKIPPED,
    ]


def test_what_cancels_may_be_told_first(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(shop.event(hours=-1))
    assert shop.intake.receive(cart(shop, -2)).planned == 0
    assert the_message(shop).reason == "cancelled by order.placed"
    assert shop.intake.receive(cart(shop, 0, cart="c9")).planned == 1


def test_what_was_told_first_cancels_its_own_only(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(shop.event(id="x", hours=1, order={"number": "2"}, cart={"id": "c2"}))
    assert shop.intake.receive(cart(shop, 0, cart="c1")).planned == 1
    assert shop.intake.receive(cart(shop, 0, id="other", cart="c2")).planned == 0


def test_an_order_before_the_cart_does_not_cancel_it(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, -1))
    assert shop.intake.receive(shop.event(hours=-2)).cancelled == 0


def test_a_time_the_event_tells(shop):
    turn_on(shop, "arrived", Trigger(event="order.shipped", at="shipment.eta + 1 day"))
    told = shop.event("order.shipped", id="1", order={"number": "1"}, shipment={"eta": "2026-03-05"})
    shop.intake.receive(told)
    assert the_message(shop).due_at == datetime(2026, 3, 6, 8, tzinfo=UTC)
    without = shop.intake.receive(shop.event("order.shipped", id="2", order={"number": "2"}))
    assert without.state is EventState.DONE
    assert without.warnings == ()


def untold(shop):
    return [(each.event.id, each.template, each.path) for each in shop.triggering.untold("17", now=shop.clock.now())]


def test_a_time_that_is_not_told_yet_is_no_warning_and_waited_for(shop):
    late = Trigger(event="order.shipped", at="shipment.eta", cancel_on=("order.delivered",), max_age=timedelta(days=7))
    turn_on(shop, "late", late, Trigger(event="order.placed"))
    for number in "123":
        event = shop.event("order.shipped", id=number, order={"number": number})
        assert shop.intake.receive(event).warnings == ()
    shop.intake.receive(shop.event(id="placed", order={"number": "1"}))
    assert sorted(untold(shop)) == [(number, "late", "shipment.eta") for number in "123"]
    shop.intake.receive(shop.event("shipment.updated", id="eta", order={"number": "1"}, shipment={"eta": "2026-03-05"}))
    shop.intake.receive(shop.event("order.delivered", id="there", hours=1, order={"number": "2"}))
    assert untold(shop) == [("3", "late", "shipment.eta")]
    shop.clock.advance(timedelta(days=8))
    assert untold(shop) == []


def test_a_time_that_is_none_is_a_warning(shop):
    turn_on(shop, "arrived", Trigger(event="order.shipped", at="order.when"))
    told = shop.intake.receive(shop.event("order.shipped", order={"number": "1", "when": "soon"}))
    assert told.warnings == ("arrived: order.when: Invalid isoformat string: 'soon'",)


def test_morning_is_where_the_customer_is(shop):
    turn_on(shop, "arrived", Trigger(event="order.shipped", at="shipment.eta"))
    ann = {"id": "17", "email": "ann@example.com", "timezone": "America/Sao_Paulo"}
    shop.intake.receive(
        shop.event("order.shipped", customer=ann, order={"number": "1"}, shipment={"eta": "2026-03-05"})
    )
    assert the_message(shop).due_at == datetime(2026, 3, 5, 12, tzinfo=UTC)


def test_an_event_too_old_plans_nothing(shop):
    turn_on(shop, "order-confirmation", Trigger(event="order.placed", max_age=timedelta(days=2)))
    accepted = shop.intake.receive(shop.event(id="1", hours=-49))
    assert (accepted.planned, accepted.warnings) == (0, ("order-confirmation: the event is too old",))
    assert shop.intake.receive(shop.event(id="2", hours=-47, order={"number": "2"})).planned == 1
    assert the_message(shop).due_at == shop.clock.now()


def test_unless_is_asked_when_it_is_due(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, 0))
    message = the_message(shop)
    now = shop.clock.now()
    assert shop.triggering.due_checks([message], now) == {}
    shop.unless.add("17")
    assert shop.triggering.due_checks([message], now) == {message.id: "unless: orders.count(hours=4) > 0"}


def test_an_event_about_a_product_goes_to_a_segment(shop):
    turn_on(
        shop,
        "restocked",
        Trigger(event="product.restocked", audience="waiting"),
        Trigger(event="order.placed"),
    )
    for id in ("1", "2", "3"):
        shop.intake.receive(
            shop.event(id=f"e{id}", customer={"id": id, "email": f"c{id}@example.com"}, order={"number": id})
        )
    shop.segments["waiting"] = ["1", "3"]
    told = shop.event("product.restocked", customer={}, product={"sku": "MUG"})
    assert shop.intake.receive(told).planned == 2
    about_it = [m for m in shop.messages() if "/product/" in m.origin]
    assert {m.customer_id for m in about_it} == {"1", "3"}
    assert shop.intake.receive(told).new is False
    assert len(shop.messages()) == 5


def test_who_told_of_a_product_is_not_its_audience(shop):
    turn_on(shop, "restocked", Trigger(event="product.restocked", audience="waiting"))
    shop.intake.receive(shop.event(id="e1", customer={"id": "1", "email": "c1@example.com"}))
    shop.segments["waiting"] = ["1"]
    shop.intake.receive(shop.event("product.restocked", product={"sku": "MUG"}))
    assert the_message(shop).customer_id == "1"


def test_a_trigger_without_audience_for_an_event_without_customer(shop):
    turn_on(shop, "restocked", Trigger(event="product.restocked"))
    accepted = shop.intake.receive(shop.event("product.restocked", customer={}, product={"sku": "MUG"}))
    assert accepted.warnings == ("restocked: the event names no customer, and the trigger no audience",)


def test_turning_off_skips_what_waits(shop):
    turn_on(shop, "abandoned-cart", CART)
    shop.intake.receive(cart(shop, 0))
    assert shop.switch.disable("abandoned-cart")
    assert shop.triggering.skip_waiting("abandoned-cart", "trigger disabled") == 1
    assert the_message(shop).reason == "trigger disabled"
    assert shop.intake.receive(cart(shop, 1, cart="c2")).planned == 0
    assert not shop.switch.disable("abandoned-cart")


def test_a_failing_plan_undoes_the_whole_event(shop, monkeypatch):
    turn_on(shop, "order-confirmation", Trigger(event="order.placed"))

    def explode(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(shop.planner, "plan", explode)
    assert shop.intake.receive(shop.event()).state is EventState.FAILED
    assert shop.store.customers.count() == 0
    monkeypatch.undo()
    assert shop.intake.receive(shop.event()).planned == 1


@pytest.mark.parametrize("die_at", range(1, 4))
def test_an_audience_cut_short_is_completed(shop, monkeypatch, die_at):
    from messaging.errors import StoreError

    monkeypatch.setattr("messaging.services.triggering.PAGE", 2)
    turn_on(shop, "restocked", Trigger(event="product.restocked", audience="waiting"))
    people = [str(number) for number in range(6)]
    for id in people:
        shop.intake.receive(
            shop.event(id=f"e{id}", customer={"id": id, "email": f"c{id}@example.com"}, order={"number": id})
        )
    shop.segments["waiting"] = people
    add, calls = shop.store.outbox.add, []

    def dying(messages):
        calls.append(1)
        if len(calls) == die_at:
            raise StoreError("the disk is full")
        return add(messages)

    monkeypatch.setattr(shop.store.outbox, "add", dying)
    with pytest.raises(StoreError):
        shop.intake.receive(shop.event("product.restocked", customer={}, product={"sku": "MUG"}))
    assert len(shop.messages()) == 2 * (die_at - 1)
    assert shop.backlog.work_off() == 1
    assert sorted(message.customer_id for message in shop.messages()) == people
