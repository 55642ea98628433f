"""What every store does with events and orders."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from messaging.nouns.event import EventState
from messaging.nouns.order import Refund


class TestEvents:
    def test_every_field_comes_back(self, store, look, make):
        event = make.event(
            "1",
            source="shopify",
            shop="at",
            customer_id="ann",
            live=False,
            error="why",
            worker="w",
            state=EventState.FAILED,
            incomplete={"order": "1001"},
            attempts=3,
            next_at=make.now,
        )
        store.events.add([event])
        assert look().events.get([event.key, "none"]) == {event.key: event}

    def test_the_first_of_a_key_stays(self, store, look, make):
        first, second = make.event("1"), make.event("1", fingerprint="other")
        assert store.events.add([first, make.event("2"), second]) == [None, None, first]
        assert look().events.add([second]) == [first]
        assert look().events.count() == 2

    def test_the_same_id_from_another_shop_is_another_event(self, store, make):
        events = [make.event("1"), make.event("1", shop="b"), make.event("1", source="b")]
        assert store.events.add(events) == [None, None, None]

    def test_settle(self, store, look, make):
        event = make.event("1", worker="w")
        store.events.add([event])
        store.events.settle(event.key, EventState.FAILED, error="why")
        settled = look().events.get([event.key])[event.key]
        assert (settled.error, settled.worker) == ("why", None)
        store.events.settle(event.key, EventState.DONE, customer_id="ann")
        settled = look().events.get([event.key])[event.key]
        assert (settled.state, settled.customer_id, settled.error) == (EventState.DONE, "ann", None)
        store.events.settle("none", EventState.DONE)

    def test_received_are_those_without_effects_in_order_of_arrival(self, store, look, make):
        events = [make.event(id) for id in ("3", "1", "2")]
        store.events.add(events)
        store.events.settle(events[1].key, EventState.DONE)
        assert [event.id for event in look().events.received(now=make.now)] == ["3", "2"]
        assert [event.id for event in look().events.received(now=make.now, limit=1)] == ["3"]

    def test_what_is_put_off_is_given_out_when_its_time_has_come(self, store, look, make):
        events = [make.event(id, received_at=make.now) for id in "1234"]
        store.events.add(events)
        later, tried = make.now + timedelta(minutes=1), replace(events[2], attempts=2, error="no answer")
        store.events.put_off([events[0], tried], later)
        assert [event.id for event in look().events.received(now=make.now)] == ["2", "4"]
        due = look().events.received(now=later)
        assert sorted(event.id for event in due[:2]) == ["1", "3"]
        assert [event.id for event in due[2:]] == ["2", "4"]
        assert len(look().events.received(now=later, limit=1)) == 1
        (row,) = look().events.get([tried.key]).values()
        assert (row.attempts, row.error, row.next_at, row.state) == (2, "no answer", later, EventState.RECEIVED)
        store.events.put_off([tried], make.now)
        assert look().events.received(now=make.now)[0].id == "3"
        store.events.settle(tried.key, EventState.DONE)
        assert look().events.get([tried.key])[tried.key].next_at is None
        store.events.put_off([tried, make.event("none")], make.now)
        assert [event.id for event in look().events.received(now=later)] == ["1", "2", "4"]

    def test_what_was_incomplete_is_filled(self, store, look, make):
        thin = make.event("1", incomplete={"order": "1001"}, customer={}, data={}, fingerprint="f")
        store.events.add([thin])
        whole = replace(
            thin,
            type="order.paid",
            time=make.now,
            customer={"id": "1"},
            data={"order": {"number": "1"}},
            incomplete=None,
        )
        store.events.fill(replace(whole, fingerprint="other"))
        assert look().events.get([thin.key])[thin.key] == whole

    def test_what_is_forgotten_is_known_and_gone(self, store, look, make):
        event = make.event("1", customer={"email": "ann@example.com"}, fingerprint="f", worker="w")
        store.events.add([event, make.event("2")])
        store.events.forget([event.key, make.event("none").key])
        assert (look().events.count(), look().events.get([event.key])) == (1, {})
        keys = [event.key, make.event("2").key, make.event("none").key]
        assert look().events.forgotten(keys) == {keys[0], keys[2]}
        (known,) = store.events.add([event])
        assert (known.state, known.customer, known.data, known.fingerprint) == (EventState.DONE, {}, {}, "")
        assert look().events.count() == 1
        assert store.events.received(now=make.now) == [make.event("2")]

    def test_page_is_the_latest_first(self, store, look, make):
        store.events.add([make.event("1"), make.event("2", customer_id="ann"), make.event("3", type="x")])
        store.events.settle(make.event("1").key, EventState.DONE)
        events = look().events
        assert [event.id for event in events.page()] == ["3", "2", "1"]
        assert [event.id for event in events.page(limit=1)] == ["3"]
        assert [event.id for event in events.page(type="order.placed")] == ["2", "1"]
        assert [event.id for event in events.page(state=EventState.DONE)] == ["1"]
        assert [event.id for event in events.page(customer_id="ann")] == ["2"]
        assert events.page(customer_id="ann", type="x") == []
        store.events.add([make.event("4", customer_id="x", type="x")])
        assert [event.id for event in look().events.page(customer_id="x", type="x")] == ["4"]

    def test_about_the_same_order_or_cart(self, store, look, make):
        def about(id, **fields):
            return make.event(id, **{"customer_id": "ann", "data": {"order": {"number": "7"}}, **fields})

        mine = [about("1"), about("2", data={"order": {"number": "7", "id": "70"}, "shipment": {"id": "s"}})]
        by_id = about("3", data={"order": {"id": "70"}})
        others = [
            about("4", shop="b"),
            about("5", source="b"),
            about("6", customer_id="bob"),
            about("7", data={"order": {"number": "8"}}),
            about("8", data={"cart": {"id": "7"}}),
            about("9", state=EventState.FAILED),
        ]
        store.events.add([*mine, by_id, *others])
        events = look().events
        assert {each.id for each in events.about_the_same(about("10"), "ann")} == {"1", "2"}
        by_id = about("11", data={"order": {"id": "70"}, "cart": {"id": "7"}})
        assert {each.id for each in events.about_the_same(by_id, "ann")} == {"2", "3"}
        in_cart = about("12", data={"cart": {"id": "7"}})
        assert [each.id for each in events.about_the_same(in_cart, "ann")] == ["8"]
        assert events.about_the_same(about("13"), "nobody") == []
        assert events.about_the_same(about("14", data={}), "ann") == []

    def test_a_customer_of_many_events(self, store, look, make):
        def told(number, type="cart.updated", **data):
            return make.event(str(number), type=type, customer_id="ann", data=data)

        number = 150
        store.events.add([told(n, cart={"id": str(n % 50)}) for n in range(number)])
        assert len(store.events.about_the_same(told("x", cart={"id": "7"}), "ann")) == 3
        order = {"order": {"number": "7"}}
        store.events.add([told("p", "order.placed", **order), told("s", "order.shipped", **order)])
        with suppress(ZeroDivisionError), store.transaction():  # ours, that undoes it
            store.events.add([told("lost", "order.placed", **order)])
            store.events.settle(told("p").key, EventState.FAILED)
            raise ZeroDivisionError
        events = look().events
        assert [event.id for event in events.page(customer_id="ann", type="order.placed")] == ["p"]
        last = [str(n) for n in range(number - 1, number - 4, -1)]
        assert [event.id for event in events.page(customer_id="ann", type="cart.updated", limit=3)] == last
        assert {event.id for event in events.about_the_same(told("x", **order), "ann")} == {"p", "s"}
        store.events.settle(told("p").key, EventState.FAILED)
        assert [event.id for event in look().events.about_the_same(told("x", **order), "ann")] == ["s"]


class TestOrders:
    def test_every_field_comes_back(self, store, look, make):
        order = make.order(
            "1",
            **dict.fromkeys(
                [
                    *("placed_at", "paid_at", "shipped_at", "delivered_at", "cancelled_at", "customer_at"),
                    *("partly_shipped_at", "backordered_at", "backordered_until", "until_at", "returned_at"),
                    *("eta", "data_at", "refunded_whole_at"),
                ],
                make.now,
            ),
            refunds={"r": Refund(Decimal("1.50"), make.now)},
            skus={"mug": 2},
        )
        store.events.put_orders([order])
        assert look().events.orders([order.key, "none"]) == {order.key: order}

    def test_of_customers_in_order_of_placing(self, store, look, make):
        late = make.order("1", placed_at=make.now)
        early = make.order("2", placed_at=make.now - timedelta(days=1))
        unplaced = make.order("3")
        store.events.put_orders([unplaced, late, early, make.order("4", customer_id=None)])
        assert look().events.orders_of(["ann", "bob"]) == {"ann": (early, late, unplaced)}

    def test_an_order_that_changes_hands(self, store, look, make):
        store.events.put_orders([make.order("1")])
        store.events.put_orders([make.order("1", customer_id="bob")])
        assert look().events.orders_of(["ann", "bob"]).keys() == {"bob"}

    def test_an_order_known_by_its_refund_only(self, store, look, make):
        order = make.order("1", total=Decimal(0), currency=None, refunds={"r": Refund(Decimal(5), make.now)})
        store.events.put_orders([order])
        assert look().events.orders([order.key])[order.key] == order


def test_how_many_events_wait(store, look, make):
    assert store.events.waiting() == 0
    store.events.add([make.event(str(number)) for number in range(5)])
    store.events.settle(make.event("0").key, EventState.DONE)
    store.events.settle(make.event("1").key, EventState.FAILED, error="no")
    store.events.put_off([make.event("2")], make.now + timedelta(hours=1))
    assert look().events.waiting() == 3
