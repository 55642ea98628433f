"""Taking events in: once, whole, and whatever comes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import orjson
import pytest

from messaging.errors import Conflict, InputError, StoreError
from messaging.nouns.event import EventState
from messaging.nouns.order import order_key
from messaging.nouns.template import Trigger
from messaging.stores.tinydb.store import TinyStore


def the_order(shop, number="1001"):
    return shop.store.events.orders([order_key("api", "default", number)])[order_key("api", "default", number)]


def test_an_event_makes_its_customer_and_order(shop):
    accepted = shop.intake.receive(shop.event())
    assert (accepted.state, accepted.new, accepted.customer_id) == (EventState.DONE, True, "17")
    assert shop.store.customers.get(["17"])["17"].email == "ann@example.com"
    order = the_order(shop)
    assert (order.total, order.currency, order.skus, order.customer_id) == (
        Decimal("49.90"),
        "EUR",
        {"MUG": 2},
        "17",
    )
    assert order.counts


def test_the_same_again_changes_nothing(shop):
    first = shop.intake.receive(shop.event())
    before = (shop.store.customers.page(), the_order(shop), shop.store.events.count())
    again = shop.intake.receive(dict(reversed(shop.event().items())))
    assert (again.key, again.state, again.new) == (first.key, EventState.DONE, False)
    assert (shop.store.customers.page(), the_order(shop), shop.store.events.count()) == before


def test_the_same_id_with_another_body_is_a_conflict(shop):
    shop.intake.receive(shop.event())
    with pytest.raises(Conflict, match="another content"):
        shop.intake.receive(shop.event(hours=1))
    assert shop.store.events.count() == 1


def test_the_same_id_in_another_shop_is_another_event(shop):
    shop.intake.receive(shop.event())
    assert shop.intake.receive(shop.event() | {"shop": "second", "customer": {"email": "bob@example.com"}}).new


def test_bad_input_is_refused_before_anything(shop):
    for bad in (
        {"customer": {"email": "nobody"}},
        {"customer": {}},
        {"time": "2026-03-02T10:00:00"},
        {"id": ""},
    ):
        with pytest.raises(InputError):
            shop.intake.receive(shop.event() | bad)
    assert shop.store.events.count() == shop.store.customers.count() == 0


def test_an_event_from_tomorrow_is_refused_and_a_clock_that_is_ahead_holds_nothing_up(shop):
    shop.shelf.put("order-confirmation", Trigger(event="order.placed"))
    shop.switch.enable("order-confirmation")
    with pytest.raises(InputError, match="^time: is .* ahead of our clock"):
        shop.intake.receive(shop.event(hours=25))
    assert shop.store.events.count() == 0
    assert shop.intake.receive(shop.event(hours=2)).planned == 1
    (message,) = shop.messages()
    assert message.due_at == shop.clock.now()


def test_what_a_customer_says_on_two_lines_stays_so(shop):
    customer = {"id": "17", "first_name": "Ann\nMaria", "attributes": {"note": "one\r\n  two"}}
    shop.intake.receive(shop.event(customer=customer))
    ann = shop.store.customers.get(["17"])["17"]
    assert (ann.first_name, ann.attributes["note"]) == ("Ann Maria", "one\n  two")


def test_what_of_a_customer_cannot_be_used_is_said_and_left_out(shop):
    told = {
        "id": "17",
        "email": "Ann@Example.com",
        "phone": "n/a",
        "locale": "de_at",
        "attributes": {"vip": "perhaps"},
    }
    accepted = shop.intake.receive(shop.event(customer=told))
    assert accepted.state is EventState.DONE
    assert len(accepted.warnings) == 2
    assert accepted.warnings[0].startswith("customer.phone: ")
    customer = shop.store.customers.get(["17"])["17"]
    assert (customer.email, customer.phone, customer.locale, dict(customer.attributes)) == (
        "ann@example.com",
        None,
        "de-AT",
        {},
    )


def test_older_news_of_a_customer_do_not_overwrite_newer(shop):
    def tell(id, hours, **profile):
        shop.intake.receive(shop.event(id=id, hours=hours, customer={"id": "17", **profile}))

    tell("1", -1, first_name="Ann", city="Wien")
    tell("2", -2, first_name="Anne", postal_code="1010")
    tell("3", 0, city="Graz")
    customer = shop.store.customers.get(["17"])["17"]
    assert (customer.first_name, customer.city, customer.postal_code) == ("Ann", "Graz", "1010")
    assert customer.created_at == shop.clock.now() - timedelta(hours=2)


def nobodys(shop, id="2"):
    """An event of which nobody can say whose it is, as two customers have the telephone; without 17 it is 18's."""
    for each in ("17", "18"):
        customer = {"id": each, "phone": "06641234567"}
        shop.intake.receive(shop.event(id=f"of {each}", customer=customer, order={"number": each}))
    return shop.event(id=id, customer={"phone": "06641234567"}, order={"number": "2"})


def test_an_event_that_is_nobodys_blocks_nothing(shop):
    accepted = shop.intake.receive(nobodys(shop, "3"))
    assert accepted.state is EventState.FAILED
    assert "belongs to several customers" in accepted.error
    assert "664" not in accepted.error
    assert not shop.store.events.orders([order_key("api", "default", "2")])
    assert shop.intake.receive(shop.event(id="4", order={"number": "4"})).state is EventState.DONE
    assert [event.id for event in shop.store.events.page(state=EventState.FAILED)] == ["3"]


def test_a_failed_event_is_tried_again_when_it_is_sent_again(shop):
    wrong = nobodys(shop)
    assert shop.intake.receive(wrong).state is EventState.FAILED
    shop.store.customers.delete("17")
    assert shop.intake.receive(wrong).customer_id == "18"


def test_the_shops_id_is_learnt_for_who_came_without_one(shop):
    first = shop.intake.receive(shop.event(id="1", customer={"email": "ann@example.com"}))
    second = shop.intake.receive(
        shop.event(id="2", customer={"id": "17", "email": "ANN@example.com"}, order={"number": "2"})
    )
    third = shop.intake.receive(shop.event(id="3", customer={"id": "17"}, order={"number": "3"}))
    assert first.customer_id == second.customer_id == third.customer_id != "17"
    assert shop.store.customers.count() == 1


def test_a_phone_finds_who_is_told_by_nothing_else(shop):
    shop.intake.receive(shop.event(id="1", customer={"id": "17", "phone": "0664 1234567"}))
    found = shop.intake.receive(shop.event(id="2", customer={"phone": "+43 664 1234567"}, order={"number": "2"}))
    assert found.customer_id == "17"


def test_a_phone_is_a_familys(shop):
    shop.intake.receive(shop.event(id="1", customer={"email": "ann@example.com", "phone": "06641234567"}))
    other = shop.intake.receive(
        shop.event(id="2", customer={"email": "bob@example.com", "phone": "06641234567"}, order={"number": "2"})
    )
    assert other.state is EventState.DONE
    assert shop.store.customers.count() == 2
    unclear = shop.intake.receive(shop.event(id="3", customer={"phone": "06641234567"}, order={"number": "3"}))
    assert "belongs to several customers" in unclear.error


def test_a_new_address_frees_the_old_one(shop):
    one = shop.intake.receive(shop.event(id="1", customer={"email": "ann@example.com"}))
    shop.intake.receive(shop.event(id="2", customer={"id": "17", "email": "ann@example.com"}, order={"number": "2"}))
    shop.clock.advance(timedelta(hours=1))
    shop.intake.receive(shop.event(id="3", customer={"id": "17", "email": "new@example.com"}, order={"number": "3"}))
    two = shop.intake.receive(shop.event(id="4", customer={"email": "ann@example.com"}, order={"number": "4"}))
    assert one.customer_id != two.customer_id


class Boom(Exception):
    pass


def test_a_poison_event_is_failed_and_leaves_nothing_half_done(shop, monkeypatch):
    def explode(orders):
        list(orders)
        raise Boom

    monkeypatch.setattr(shop.store.events, "put_orders", explode)
    accepted = shop.intake.receive(shop.event())
    assert accepted.state is EventState.FAILED
    assert "Boom" in accepted.error
    assert shop.store.customers.count() == 0
    monkeypatch.undo()
    assert shop.backlog.work_off() == 0
    assert shop.intake.receive(shop.event()).state is EventState.DONE


def test_what_a_crash_left_is_taken_up(shop, monkeypatch):
    def die(*args, **kwargs):
        raise StoreError("the disk is full")

    monkeypatch.setattr(shop.store.customers, "put", die)
    with pytest.raises(StoreError):
        shop.intake.receive(shop.event())
    monkeypatch.undo()
    assert [event.id for event in shop.store.events.received(now=shop.clock.now())] == ["order.placed-1"]
    assert shop.backlog.work_off() == 1
    assert the_order(shop).counts
    assert shop.backlog.work_off() == 0


@pytest.fixture
def neighbour(shop, clock, tmp_path):
    """Another process on the same store."""
    other = TinyStore(tmp_path / "data" / "store.jsonl", clock=clock)
    yield type(shop)(other, clock, tmp_path)
    other.close()


@pytest.mark.parametrize("where", ["here", "in another process"])
def test_what_was_just_received_is_left_to_who_received_it(shop, neighbour, monkeypatch, where):
    """A server resumes now and then: it must not answer for a request that is on its way."""
    taken = []
    add = shop.store.events.add

    def meanwhile(events):
        known = add(events)
        taken.append((shop if where == "here" else neighbour).backlog.work_off())
        return known

    monkeypatch.setattr(shop.store.events, "add", meanwhile)
    shop.shelf.put("order-confirmation", Trigger(event="order.placed"))
    shop.switch.enable("order-confirmation")
    accepted = shop.intake.receive(shop.event())
    assert taken == [0]
    assert (accepted.customer_id, accepted.planned) == ("17", 1)


def test_what_another_process_left_is_taken_up_when_it_is_dead(shop, neighbour, monkeypatch):
    def die(*args, **kwargs):
        raise StoreError("the disk is full")

    monkeypatch.setattr(neighbour.store.customers, "put", die)
    with pytest.raises(StoreError):
        neighbour.intake.receive(neighbour.event())
    assert shop.backlog.work_off() == 0
    neighbour.store.close()
    assert shop.backlog.work_off() == 1
    assert the_order(shop).counts


def test_who_comes_second_says_what_was_done(shop, monkeypatch):
    """Two requests try a failed event again at once."""
    wrong = nobodys(shop)
    assert shop.intake.receive(wrong).state is EventState.FAILED
    (failed,) = shop.store.events.page(state=EventState.FAILED)
    shop.store.customers.delete("17")
    assert shop.intake.receive(wrong).customer_id == "18"
    monkeypatch.setattr(shop.store.events, "add", lambda events: [failed])
    again = shop.intake.receive(wrong)
    assert (again.state, again.new, again.customer_id) == (EventState.DONE, False, "18")


def lines(*documents):
    return [orjson.dumps(document) + b"\n" for document in documents]


def test_history_is_taken_in_once_and_says_what_it_could_not_take(shop):
    rejected = []
    history = [
        *lines(
            shop.event(id="1", hours=-30),
            shop.event(id="1", hours=-30),
            shop.event("order.paid", id="2", hours=-29),
        ),
        b"\n",
        b'{"id": 5\n',
        *lines(shop.event(id="3") | {"time": "yesterday"}),
    ]
    summary = shop.intake.import_history(history, reject=rejected.append)
    assert (summary.read, summary.new, summary.known, summary.rejected, summary.failed) == (5, 2, 1, 2, 0)
    assert [(bad.line, bad.reason.split(":")[0]) for bad in rejected] == [(5, "not JSON"), (6, "time")]
    assert shop.intake.import_history(history).known == 3
    assert the_order(shop).paid_at == shop.clock.now() - timedelta(hours=29)
    assert all(not event.live and event.state is EventState.DONE for event in shop.store.events.page())


def test_history_keeps_conflicts_for_later(shop):
    bad = lines(nobodys(shop))
    summary = shop.intake.import_history(bad)
    assert (summary.new, summary.failed) == (0, 1)
    shop.store.customers.delete("17")
    assert shop.intake.import_history(bad).new == 1


def test_history_whose_file_begins_with_a_bom(shop):
    assert shop.intake.import_history([b"\xef\xbb\xbf" + line for line in lines(shop.event())]).new == 1


def test_what_two_processes_take_up_happens_once(shop, monkeypatch):
    shop.shelf.put("order-confirmation", Trigger(event="order.placed"))
    shop.switch.enable("order-confirmation")
    shop.intake.receive(shop.event())
    (done,) = shop.store.events.page()
    stale = [[done], []]
    monkeypatch.setattr(shop.store.events, "received", lambda now, limit: stale.pop(0))
    put = []
    monkeypatch.setattr(shop.store.customers, "put", put.append)
    monkeypatch.setattr(shop.triggering, "plan", lambda *args, **kwargs: put.append(args))
    assert shop.backlog.work_off() == 1
    assert not put
