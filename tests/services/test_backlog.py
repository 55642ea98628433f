"""What was only accepted is worked off behind it; of what is incomplete the shop is asked first."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from messaging.errors import DeliveryError, InputError, NotFound, NotSent, NotYet, StoreError, Unanswered
from messaging.nouns.event import EventState
from messaging.nouns.order import order_key
from messaging.nouns.template import Trigger
from messaging.services.backlog import AWAY, FIRST_WAIT, GROUP, LONGEST_WAIT, PATIENCE


def thin(shop, id="1", of="main"):
    """What a shop tells that has to be asked for the rest."""
    told = shop.event(id=id)
    named = {name: told[name] for name in ("id", "type", "time")}
    return named | {"source": "tea", "shop": of, "incomplete": {"order": id}}


def whole(event):
    return {
        "customer": {"id": "17", "email": "ann@example.com"},
        "data": {"order": {"number": event.incomplete["order"], "total": "9.90"}},
    }


def rows(shop):
    return {event.id: event for event in shop.store.events.page()}


def test_what_is_accepted_is_kept_and_nothing_more_until_it_is_worked_off(shop):
    shop.shelf.put("order-confirmation", Trigger(event="order.placed"))
    shop.switch.enable("order-confirmation")
    (accepted,) = shop.intake.accept([shop.event()])
    assert (accepted.state, accepted.new, shop.waiting) == (EventState.RECEIVED, True, 1)
    assert (shop.store.customers.count(), shop.messages()) == (0, [])
    assert shop.backlog.work_off() == 1
    assert (shop.store.customers.count(), len(shop.messages()), shop.woken) == (1, 1, 1)
    assert shop.backlog.work_off() == 0


def test_one_delivery_is_one_commit(shop):
    good = [shop.event(id=str(number), order={"number": str(number)}) for number in range(3)]
    with pytest.raises(InputError, match="^data.order: is missing"):
        shop.intake.accept([*good, shop.event(id="9", shipment={"id": "1"})])
    assert shop.store.events.count() == 0
    shop.intake.accept([shop.event(id="before")])
    before = shop.store.db.journal.size
    shop.intake.accept(good)
    line = shop.store.path.read_bytes()[before:]
    assert (line.count(b"\n"), shop.store.events.count()) == (1, 4)


def test_the_first_of_an_id_stays_and_what_differs_is_no_fault(shop, caplog):
    caplog.set_level(logging.INFO, "messaging.intake")
    shop.intake.accept([shop.event(), shop.event()])
    assert not caplog.records
    (again,) = shop.intake.accept([shop.event(hours=1)])
    assert (again.new, shop.store.events.count(), shop.waiting) == (False, 1, 1)
    (record,) = caplog.records
    assert (record.levelno, "came again, and differs" in record.message) == (logging.INFO, True)
    assert rows(shop)["order.placed-1"].time == shop.clock.now()


def test_many_are_worked_off_in_groups_and_one_that_fails_alone(shop, monkeypatch):
    number = GROUP * 2 + 3
    events = [shop.event(id=str(n), customer={"id": str(n)}, order={"number": str(n)}) for n in range(number)]
    wrong = {"channel": "email", "granted": True, "address": "nowhere"}
    events[6] = shop.event("consent.changed", id="6", customer={"id": "6"}, consent=wrong)
    shop.intake.accept(events)
    commits = []
    transaction = shop.store.transaction
    monkeypatch.setattr(shop.store, "transaction", lambda: commits.append(1) or transaction())
    assert shop.backlog.work_off() == number
    assert len(commits) == 3
    failed = [event for event in rows(shop).values() if event.state is EventState.FAILED]
    assert [event.id for event in failed] == ["6"]
    assert failed[0].error.startswith("data.consent.address: ")
    assert len(shop.store.events.orders(order_key("api", "default", str(n)) for n in range(number))) == number - 1


def test_a_poison_event_in_a_group_is_found_and_the_others_go(shop, monkeypatch):
    plan = shop.triggering.plan

    def explode(event, *args, **kwargs):
        if event.id == "2":
            raise ZeroDivisionError
        return plan(event, *args, **kwargs)

    monkeypatch.setattr(shop.triggering, "plan", explode)
    shop.intake.accept([shop.event(id=id, order={"number": id}) for id in "1234"])
    assert shop.backlog.work_off() == 4
    assert {id: event.state for id, event in rows(shop).items()} == {
        "1": EventState.DONE,
        "2": EventState.FAILED,
        "3": EventState.DONE,
        "4": EventState.DONE,
    }
    assert not shop.store.events.orders([order_key("api", "default", "2")])


def test_an_address_that_is_none_and_a_clock_that_is_ahead_fail_their_event_and_lose_no_webhook(shop):
    shop.intake.accept([shop.event(id="1", customer={"email": "nobody"}), shop.event(id="2", hours=30)])
    shop.backlog.work_off()
    assert {event.state for event in rows(shop).values()} == {EventState.FAILED}
    assert rows(shop)["1"].error.startswith("customer.email: ")
    assert "ahead of our clock" in rows(shop)["2"].error
    shop.clock.advance(timedelta(hours=10))
    shop.backlog.again(rows(shop)["2"].key)
    assert rows(shop)["2"].state is EventState.DONE


def test_the_rest_is_asked_for_when_it_is_worked_off(shop):
    asked = []
    shop.complete = lambda event: asked.append(event.incomplete) or whole(event) | {"type": "order.paid", "id": "x"}
    shop.intake.accept([thin(shop)])
    assert (asked, rows(shop)["1"].incomplete) == ([], {"order": "1"})
    assert shop.backlog.work_off() == 1
    event = rows(shop)["1"]
    assert (event.state, event.incomplete, event.type, event.customer_id) == (EventState.DONE, None, "order.paid", "17")
    assert (event.source, event.shop, event.data["order"]["total"]) == ("tea", "main", "9.90")
    (order,) = shop.store.events.orders([order_key("tea", "main", "1")]).values()
    assert order.paid_at == shop.clock.now()
    assert shop.intake.accept([thin(shop)])[0].new is False


def test_nothing_to_tell_is_done_without_effect(shop):
    shop.complete = lambda event: None
    shop.intake.accept([thin(shop)])
    shop.backlog.work_off()
    assert (rows(shop)["1"].state, shop.store.customers.count()) == (EventState.DONE, 0)


@pytest.mark.parametrize("error", [NotSent("away"), Unanswered("away"), DeliveryError("429"), NotFound("no such shop")])
def test_a_shop_that_cannot_answer_is_asked_again_at_growing_intervals(shop, error):
    def away(event):
        raise error

    shop.complete = away
    shop.intake.accept([thin(shop)])
    waits = []
    for _ in range(12):
        assert shop.backlog.work_off() == 1
        event = rows(shop)["1"]
        assert (event.state, event.error) == (EventState.RECEIVED, str(error))
        waits.append(event.next_at - shop.clock.now())
        assert shop.backlog.work_off() == 0, "not before its time"
        shop.clock.advance(waits[-1])
    assert event.attempts == 12
    assert all(a < b for a, b in zip(waits[:6:2], waits[2:6:2], strict=False))
    assert LONGEST_WAIT / 2 <= waits[-1] <= LONGEST_WAIT
    shop.complete = whole
    assert shop.backlog.work_off() == 1
    assert rows(shop)["1"].state is EventState.DONE
    assert rows(shop)["1"].error is None


def test_after_a_day_it_has_failed_and_says_why(shop):
    def away(event):
        raise Unanswered("no answer came")

    shop.complete = away
    shop.intake.accept([thin(shop)])
    shop.backlog.work_off()
    shop.clock.advance(PATIENCE)
    shop.backlog.work_off()
    event = rows(shop)["1"]
    assert event.state is EventState.FAILED
    assert event.error == "the shop could not be asked for it in 24 hours: no answer came"
    shop.complete = whole
    shop.backlog.again(event.key)
    assert rows(shop)["1"].state is EventState.DONE


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"customer": {}}, "what the shop was asked for is no event: customer: must have"),
        ({"incomplete": {"order": "1"}}, "what the shop was asked for is no event: incomplete: only"),
        ({"customer": {"id": "1"}, "data": {}}, "what the shop was asked for is no event: data.order: is missing"),
    ],
)
def test_an_answer_that_is_no_event_fails_it(shop, told, said):
    shop.complete = lambda event: told
    shop.intake.accept([thin(shop)])
    shop.backlog.work_off()
    assert rows(shop)["1"].state is EventState.FAILED
    assert rows(shop)["1"].error.startswith(said)


def test_a_source_that_breaks_fails_its_event(shop, caplog):
    def broken(event):
        raise KeyError("order")

    shop.complete = broken
    shop.intake.accept([thin(shop)])
    shop.backlog.work_off()
    assert rows(shop)["1"].error == "KeyError while the shop was asked for it"
    shop.complete = lambda event: (_ for _ in ()).throw(InputError("it is no order"))
    shop.backlog.again(rows(shop)["1"].key)
    assert rows(shop)["1"].error == "it is no order"


@pytest.mark.parametrize(
    ("asks", "waits"),
    [
        (timedelta(seconds=15), timedelta(seconds=15)),
        (timedelta(days=400), LONGEST_WAIT),
        (timedelta(), FIRST_WAIT),  # a date that is past
    ],
)
def test_a_busy_shop_is_left_alone_as_long_as_it_asks(shop, asks, waits):
    asked = []

    def complete(event):
        asked.append(event.shop)
        assert len(asked) < 10
        if event.shop == "busy":
            raise DeliveryError("the shop answered 429", after=asks)
        return whole(event)

    shop.complete = complete
    shop.intake.accept([thin(shop, f"a{n}", of="busy") for n in range(5)])
    shop.intake.accept([thin(shop, "b", of="here")])
    shop.backlog.work_off()
    assert asked == ["busy", "here"], "nothing more after the first no"
    shop.clock.advance(waits - timedelta(seconds=1))
    assert shop.backlog.work_off() == 0
    shop.complete = whole
    shop.clock.advance(timedelta(seconds=1))
    assert shop.backlog.work_off() == 5
    assert {event.state for event in rows(shop).values()} == {EventState.DONE}


def test_shops_are_asked_in_turns_and_a_busy_one_is_left_alone_all_the_same(shop):
    asked = []

    def complete(event):
        asked.append(event.id)
        if event.shop == "busy":
            raise DeliveryError("the shop answered 429", after=timedelta(minutes=1))
        return whole(event)

    shop.complete = complete
    shop.intake.accept([shop.event(id=f"w{n}", customer={"id": str(n)}) for n in range(GROUP + 1)])
    shop.intake.accept([thin(shop, "a", of="here"), *(thin(shop, f"b{n}", of="busy") for n in range(3))])
    shop.intake.accept([thin(shop, "c", of="here")])
    numbers = [shop.backlog.work_off(stopped=lambda: True) for _ in range(6)]
    # Each turn gets something ahead: a group of whole events, or the answer to one question.
    assert numbers == [GROUP, 1, 1, 3, 1, 0]
    assert asked == ["a", "b0", "c"]


def test_a_shop_that_is_away_is_not_asked_for_each_and_keeps_no_other_waiting(shop, caplog):
    caplog.set_level(logging.INFO)
    asked = []

    def complete(event):
        asked.append(event.shop)
        if event.shop == "away":
            raise NotSent("nobody is there")
        return whole(event)

    shop.complete = complete
    shop.intake.accept([thin(shop, f"a{n}", of="away") for n in range(20)])
    shop.intake.accept([thin(shop, f"b{n}", of="here") for n in range(5)])
    shop.intake.accept([shop.event(id="whole")])
    assert shop.backlog.work_off() == 26
    assert (asked.count("away"), asked.count("here")) == (AWAY, 5)
    states = {event.id: event.state for event in rows(shop).values()}
    assert states["whole"] is states["b4"] is EventState.DONE
    waiting = [event for event in rows(shop).values() if event.shop == "away"]
    assert {event.state for event in waiting} == {EventState.RECEIVED}
    assert sorted(event.attempts for event in waiting) == [0] * 17 + [1] * 3
    asked.clear()
    shop.clock.advance(timedelta(seconds=6))
    shop.backlog.work_off()
    assert asked == ["away"], "one look whether it is back"
    shop.complete = whole
    shop.clock.advance(timedelta(minutes=1))
    shop.backlog.work_off()
    assert {event.state for event in rows(shop).values()} == {EventState.DONE}


def test_what_waits_for_something_untold_keeps_no_other_of_its_shop_waiting(shop):
    known = set()

    def complete(event):
        if event.incomplete["order"] not in known:
            raise NotYet("order is not known yet")
        return whole(event)

    shop.complete = complete
    known.add("last")
    shop.intake.accept([thin(shop, f"a{n}") for n in range(20)])
    shop.intake.accept([thin(shop, "last")])
    shop.backlog.work_off()
    states = {event.id: event.state for event in rows(shop).values()}
    assert states.pop("last") is EventState.DONE
    assert set(states.values()) == {EventState.RECEIVED}
    known |= states.keys()
    shop.clock.advance(timedelta(seconds=10))
    shop.backlog.work_off()
    assert {event.state for event in rows(shop).values()} == {EventState.DONE}


def test_a_store_that_cannot_be_written_fails_no_event(shop, monkeypatch):
    def die(*args, **kwargs):
        raise StoreError("the disk is full")

    shop.complete = whole
    shop.intake.accept([thin(shop)])
    monkeypatch.setattr(shop.store.customers, "put", die)
    with pytest.raises(StoreError):
        shop.backlog.work_off()
    monkeypatch.undo()
    assert shop.backlog.work_off() == 1
    assert rows(shop)["1"].state is EventState.DONE


def test_it_ends_when_it_is_to(shop):
    shop.intake.accept([shop.event(id=str(n), order={"number": str(n)}) for n in range(GROUP * 4)])
    alive = []
    shop.backlog.work_off(lambda: alive.append(1), lambda: len(alive) == 2)
    done = [event for event in rows(shop).values() if event.state is EventState.DONE]
    assert len(done) == GROUP * 2
