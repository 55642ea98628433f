"""What every store does with customers."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from messaging.errors import InputError
from messaging.nouns.engagement import EngagementKind
from messaging.nouns.event import EventState
from messaging.nouns.history import EventFact, History, HistoryNeeds
from messaging.nouns.message import Lane, MessageState

EVERYTHING = HistoryNeeds(orders=True, happened=frozenset({"order.placed"}), messages=True, addresses=True)


class TestKeeping:
    def test_every_field_comes_back(self, store, look, make):
        ann = make.customer(
            "ann",
            phone="+12025550101",
            first_name="Ann",
            last_name="O'Neil 😀",
            locale="de-AT",
            timezone="Europe/Vienna",
            country="AT",
            region="9",
            city="Wien",
            postal_code="1010",
            birthday=date(1990, 2, 28),
            addresses={"push": "token"},
            attributes={"tier": "gold", "points": 7, "ratio": 0.5, "vip": True},
            updated_at=make.now,
        )
        store.customers.put([ann])
        assert look().customers.get(["ann", "nobody"]) == {"ann": ann}
        assert look().customers.known(iter(["ann", "nobody", "a\0b"])) == {"ann"}
        assert look().customers.known([]) == set()

    def test_put_replaces(self, store, look, make):
        store.customers.put([make.customer("ann", city="Wien"), make.customer("bob")])
        store.customers.put([make.customer("ann")])
        assert look().customers.get(["ann"])["ann"].city is None
        assert look().customers.count() == 2

    @pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0, False)])
    def test_an_equal_value_of_another_type_is_another_value(self, store, look, make, before, after):
        store.customers.put([make.customer("ann", attributes={"vip": before})])
        store.customers.put([make.customer("ann", attributes={"vip": after})])
        assert type(look().customers.get(["ann"])["ann"].attributes["vip"]) is type(after)

    def test_a_later_one_of_the_same_batch_wins(self, store, look, make):
        store.customers.put([make.customer("ann", city="Wien"), make.customer("ann", city="Graz")])
        assert look().customers.get(["ann"])["ann"].city == "Graz"

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), "a\0b", "\ud800", {1, 2}, b"x", 2**70])
    def test_what_json_cannot_say_is_refused_by_name(self, store, look, make, value):
        bad = make.customer("bob", attributes={"points": value})
        with pytest.raises(InputError, match="points"):
            store.customers.put([make.customer("ann"), bad])
        assert look().customers.count() == 0


class TestFinding:
    def test_by_email_however_written_and_by_phone(self, store, look, make):
        ann = make.customer("ann", email="Ann@Example.com", phone="+12025550101")
        store.customers.put([ann, make.customer("bob")])
        customers = look().customers
        assert customers.find(email="ann@example.com") == [ann]
        assert customers.find(phone="+12025550101") == [ann]
        assert customers.find(email="ann@example.com", phone="+12025550101") == [ann]
        assert customers.find(email="eve@example.com") == []
        assert customers.find() == []

    def test_at(self, store, look, make):
        ann = make.customer("ann", email="Ann@example.com", phone="+12025550101")
        family = [make.customer(f"c{n}", email=None, phone="+12025550102") for n in range(5)]
        store.customers.put([ann, *family, make.customer("nobody", email=None)])
        customers = look().customers
        assert customers.at([]) == []
        both = [("email", "ann@example.com"), ("sms", "+12025550101"), ("email", "eve@example.com"), ("push", "x")]
        assert customers.at(both) == [ann]
        assert {one.id for one in customers.at([("sms", "+12025550102")])} == {f"c{n}" for n in range(5)}
        some = customers.at([("sms", "+12025550102"), *both], limit=2)
        assert len(some) == 3
        assert ann in some

    def test_oldest_first(self, store, look, make):
        younger = make.customer("a", email="x@example.com", created_at=make.now + timedelta(days=1))
        older = make.customer("b", email="x@example.com")
        store.customers.put([younger, older])
        assert look().customers.find(email="x@example.com") == [older, younger]

    def test_not_by_an_address_they_had_before(self, store, look, make):
        store.customers.put([make.customer("ann", email="old@example.com")])
        store.customers.put([make.customer("ann", email="new@example.com")])
        assert look().customers.find(email="old@example.com") == []

    def test_pages_in_order_of_id(self, store, look, make):
        ids = ["b", "a", "é", "Z", "10", "9", "ab"]
        store.customers.put([make.customer(id) for id in ids])
        customers = look().customers
        seen, after = [], None
        while page := customers.page(after=after, limit=2):
            seen += [customer.id for customer in page]
            after = seen[-1]
        assert seen == sorted(ids)
        store.customers.put([make.customer("aa")])
        assert [customer.id for customer in look().customers.page(after="a", limit=1)] == ["aa"]


class TestHistory:
    def test_everybody_has_one(self, store, look):
        assert look().customers.histories(["ann"], EVERYTHING) == {"ann": History()}

    def test_only_what_is_needed_is_loaded(self, store, look, make):
        store.customers.put([make.customer("ann")])
        store.events.put_orders([make.order("1", placed_at=make.now)])
        assert look().customers.histories(["ann"], HistoryNeeds())["ann"] == History()

    def test_orders_events_and_addresses(self, store, look, make):
        store.customers.put([make.customer("ann", phone="+12025550101", addresses={"push": "token"})])
        order = make.order("1", placed_at=make.now)
        store.events.put_orders([order])
        earlier = make.now - timedelta(days=1)
        live = make.event("1", customer_id="ann", state=EventState.DONE)
        imported = make.event("2", customer_id="ann", live=False, time=earlier)
        other = make.event("3", customer_id="ann", type="cart.updated")
        store.events.add([live, imported, other])
        store.addresses.suppress([make.suppression("+12025550101", channel="sms")])
        history = look().customers.histories(["ann"], EVERYTHING)["ann"]
        assert history.orders == (order,)
        assert history.happened == {"order.placed": (earlier, make.now)}
        assert {channel: status.suppression is not None for channel, status in history.addresses.items()} == {
            "email": False,
            "sms": True,
            "push": False,
        }

    def test_events_with_what_they_were_about(self, store, look, make):
        later = make.now + timedelta(hours=1)
        data = {"order": {"number": "7", "id": "70"}, "refund": {"amount": "5"}}
        store.events.add(
            [
                make.event("2", customer_id="ann", time=later),
                make.event("1", customer_id="ann", data=data, shop="b"),
                make.event("3", customer_id="ann", type="cart.updated"),
                make.event("4", customer_id="bob"),
            ]
        )
        needs = HistoryNeeds(told=frozenset({"order.placed", "order.paid"}))
        histories = look().customers.histories(["ann", "nobody"], needs)
        names = {"order": {"number": "7", "id": "70"}, "refund": {"id": "event 1"}}
        assert histories["ann"].told == {
            "order.placed": (
                EventFact(make.now, "api", "b", names),
                EventFact(later, "api", "default", {"order": {"number": "2"}}),
            )
        }
        assert histories["nobody"] == History()

    def test_messages_that_were_sent_and_what_people_did_with_them(self, store, look, make):
        store.customers.put([make.customer("ann")])
        store.outbox.add([make.message("m1"), make.message("m2"), make.message("m3")])
        store.outbox.settle([make.sent("m1"), make.sent("m2", state=MessageState.REFUSED)])
        later = make.now + timedelta(hours=1)
        store.engagements.add(
            [
                make.engagement("1"),
                make.engagement("2", at=later),
                make.engagement("3", at=later + timedelta(hours=1), machine=True),
                make.engagement("4", EngagementKind.OPENED, machine=True),
            ]
        )
        (fact,) = look().customers.histories(["ann"], EVERYTHING)["ann"].messages
        assert (fact.template, fact.campaign, fact.sent_at) == ("promotion", "spring", make.now)
        assert (fact.opened_at, fact.clicked_at) == (None, later)


class TestForgetting:
    @pytest.fixture
    def full(self, store, make):
        """A store in which Ann left traces everywhere, and Bob too."""
        store.customers.put([make.customer("ann", phone="+12025550101", first_name="Annabel"), make.customer("bob")])
        store.events.add(
            [
                make.event("1", customer_id="ann"),
                make.event("2", state=EventState.FAILED, error="?", customer={"email": " ANN@example.com"}),
                make.event("3", state=EventState.FAILED, error="?", customer={"phone": "+1 (202) 555-0101"}),
                make.event("4", customer={"email": "bob@example.com"}, customer_id="bob"),
                make.event("5", customer={"email": "eve@example.com"}),
            ]
        )
        store.events.put_orders([make.order("1"), make.order("2", customer_id="bob")])
        store.campaigns.put_members("spring", ["ann", "bob"])
        store.outbox.add(
            [
                make.message("m1"),
                make.message("m2", lane=Lane.ORDER, campaign=None, context={"first_name": "Annabel"}),
                make.message("m3"),
                make.message("m4", customer_id="bob", address="bob@example.com"),
            ]
        )
        store.outbox.settle([make.sent("m1"), make.sent("m3", state=MessageState.REFUSED, reason="no ann@example.com")])
        store.engagements.add(
            [
                make.engagement("1", raw={"to": "ann@example.com"}),
                make.engagement(
                    "2",
                    EngagementKind.BOUNCED,
                    message_id=None,
                    customer_id=None,
                    raw={"to": ["ann@example.com"]},
                ),
                make.engagement("3", message_id="m4", customer_id="bob", raw={"to": "bob@example.com"}),
            ]
        )
        store.addresses.add_consents([make.consent(), make.consent("bob@example.com")])
        store.addresses.suppress([make.suppression(), make.suppression("digest", reason="erased")])
        return store

    def test_the_person_is_gone(self, full, look):
        full.customers.delete("ann")
        gone = look()
        assert gone.customers.get(["ann", "bob"]).keys() == {"bob"}
        assert gone.customers.find(email="ann@example.com", phone="+12025550101") == []
        assert {event.id for event in gone.events.page()} == {"4", "5"}
        assert gone.events.orders_of(["ann", "bob"]).keys() == {"bob"}
        assert gone.outbox.page(customer_id="ann") == []
        status = gone.addresses.status([("email", "ann@example.com"), ("email", "bob@example.com")])
        assert status["email", "ann@example.com"].consents == ()
        assert len(status["email", "bob@example.com"].consents) == 1

    def test_what_counts_stays(self, full, look):
        before = full.engagements.summary()
        full.customers.delete("ann")
        after = look()
        assert len(list(after.campaigns.members("spring"))) == 2
        assert after.addresses.status([("email", "digest")])["email", "digest"].suppression is not None
        messages = after.outbox.get(["m1", "m2", "m3", "m4"])
        alias = messages["m1"].customer_id
        assert alias not in ("ann", "bob")
        assert list(after.campaigns.members("spring")) == [alias, "bob"]
        assert [messages[id].state for id in sorted(messages)] == ["sent", "skipped", "refused", "planned"]
        assert [messages[id].reason for id in sorted(messages)] == [None, "erased", "erased", None]
        assert messages["m2"].context is None
        assert messages["m1"].address is None
        assert [(count.clicks, count.unique_clicks) for count in before] == [
            (count.clicks, count.unique_clicks) for count in after.engagements.summary()
        ]

    def test_an_address_that_another_has_too_stays_theirs(self, full, look, make):
        full.customers.put([make.customer("eve", email="ann@example.com")])
        full.customers.delete("ann")
        assert look().addresses.status([("email", "ann@example.com")])["email", "ann@example.com"].suppression

    def test_what_they_were_known_by_before_goes_too(self, full, look, make):
        old, phone = ("email", "old@example.com"), ("sms", "+436641234567")
        full.addresses.add_consents([make.consent(old[1]), make.consent(phone[1], channel="sms")])
        failed = {"state": EventState.FAILED, "error": "?"}
        full.events.add(
            [
                make.event("6", customer={"id": "c9", "email": "Old@Example.com"}, **failed),
                make.event("7", customer={"phone": "0664 1234567"}, **failed),
                make.event("8", customer={"id": "S-17"}, **failed),
                make.event("9", customer={"id": "S-18", "phone": "0664 1234568"}, **failed),
            ]
        )
        full.customers.delete("ann", ids=["S-17"], addresses=[old, phone])
        assert {event.id for event in look().events.page()} == {"4", "5", "9"}
        assert [status.consents for status in look().addresses.status([old, phone]).values()] == [(), ()]

    @pytest.mark.parametrize("field", ["email", "phone", "push"])
    def test_an_old_address_that_another_has_by_now_stays_theirs(self, full, look, make, field):
        place = ("sms" if field == "phone" else field, "+436641234567" if field == "phone" else "old@example.com")
        full.customers.put(
            [make.customer("eve", **({"addresses": dict([place])} if field == "push" else {field: place[1]}))]
        )
        full.addresses.add_consents([make.consent(place[1], channel=place[0])])
        full.customers.delete("ann", addresses=[place])
        assert look().addresses.status([place])[place].consents

    def test_twice_and_unknown_is_fine(self, full):
        full.customers.delete("ann")
        full.customers.delete("ann")
        full.customers.delete("nobody")

    def test_what_a_worker_has_locked_is_not_sent(self, full, look, make):
        worker = full.enlist()
        assert "m2" in [m.id for m in full.outbox.claim(worker, now=make.now, limit=9)]
        full.customers.delete("ann")
        assert full.outbox.begin(worker, ["m2"], now=make.now) == []

    def test_a_failed_transaction_forgets_nothing(self, full, look, abandon):
        abandon(full, lambda: full.customers.delete("ann"))
        assert look().customers.get(["ann"])
        assert len(look().events.page()) == 5
