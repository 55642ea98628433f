"""Whom events are about: an id goes first, an address may be several people's, and none of them becomes another."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.nouns.event import EventState
from messaging.nouns.order import order_key
from messaging.nouns.template import Trigger
from messaging.rules.policy import standing
from messaging.services.customers import find_customer, shop_ids
from tests.services.conftest import order

ADDRESSES = ("ann@example.com", "bob@example.com")
IDS = ("tea-1", "tea-2", "mug-7")


@st.composite
def histories(draw):
    """Orders and consents of accounts, each with an address, and of guests, who have that alone; told in two orders."""
    address_of = {id: draw(st.sampled_from(ADDRESSES)) for id in IDS}
    people = [
        *({"id": id, "email": email} for id, email in address_of.items()),
        *({"email": email} for email in ADDRESSES),
    ]
    told = [
        {
            "id": str(number),
            "hours": number - 20,
            "customer": draw(st.sampled_from(people)),
            **(
                {"type": "consent.changed", "consent": {"channel": "email", "granted": draw(st.booleans())}}
                if draw(st.integers(0, 3)) == 0
                else {"order": order(str(number))}
            ),
        }
        for number in range(draw(st.integers(2, 8)))
    ]
    return draw(st.permutations(told)), draw(st.permutations(told))


def outcome(shop, told, *, together):
    """What does not depend on the order in which they came."""
    shop.shelf.put("order-confirmation", Trigger(event="order.placed"))
    shop.switch.enable("order-confirmation")
    documents = [shop.event(**{"type": "order.placed", **event}) for event in told]
    if together:
        shop.intake.accept(documents)
        shop.backlog.work_off()
    else:
        for document in documents:
            shop.intake.receive(document)
    rows = shop.store.events.page()
    assert {event.state for event in rows} == {EventState.DONE}
    whose = {event.id: event.customer_id for event in rows}
    people = {one.id: one for one in shop.store.customers.page()}
    for event in told:
        assert people[whose[event["id"]]].email == event["customer"]["email"]
    of_id = {id: {whose[e["id"]] for e in told if e["customer"].get("id") == id} for id in IDS}
    assert all(len(customers) <= 1 for customers in of_id.values())
    assert len(set().union(*of_id.values())) == sum(map(len, of_id.values()))  # no two are one
    for address in ADDRESSES:
        at_it = {e["id"]: e["customer"].get("id") for e in told if e["customer"]["email"] == address}
        if len({id for id in at_it.values() if id}) < 2:
            assert len({whose[id] for id in at_it}) <= 1  # whoever it is, one person
    known = shop.store.addresses.status([("email", address) for address in ADDRESSES])
    sent = Counter(
        (message.trigger_key, message.address or people[message.customer_id].email) for message in shop.messages()
    )
    agreed = {place: standing(status.consents, "news") for place, status in known.items()}
    return sent, {place: decision and (decision.granted, decision.at) for place, decision in agreed.items()}


class TestSharedAddresses:
    @given(history=histories(), together=st.booleans())
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def test_the_order_of_arrival_changes_nothing(self, make_shop, history, together):
        one, other = history
        assert outcome(make_shop(), one, together=together) == outcome(make_shop(), other, together=False)

    def test_no_order_is_lost_over_it_and_it_is_said(self, shop):
        assert shop.intake.receive(shop.event(id="1")).warnings == ()
        told = shop.event(id="2", customer={"id": "mug-7", "email": "Ann@Example.com"}, order=order("2"))
        accepted = shop.intake.receive(told)
        assert (accepted.state, accepted.customer_id) == (EventState.DONE, "mug-7")
        assert accepted.warnings == ("customer.email: another customer has this address, too",)
        again = shop.event(id="3", customer={"id": "mug-7", "email": "ann@example.com"}, order=order("3"))
        assert shop.intake.receive(again).warnings == ()

    def test_an_account_of_one_shop_moves_names_or_reads_nobody_of_another(self, shop):
        shop.intake.receive(shop.event(id="1", customer={"id": "17", "email": "ann@example.com", "first_name": "Ann"}))
        before = shop.store.customers.get(["17"])
        for number, email in ((2, "ann@example.com"), (3, "a.thief@example.com")):
            thief = {"id": "mug-7", "email": email, "first_name": "Thief", "attributes": {"vip": True}}
            shop.intake.receive(
                shop.event("customer.updated", id=str(number), hours=number - 3, customer=thief, cart={"id": "c"})
            )
        assert shop.store.customers.get(["17"]) == before
        assert shop.store.customers.get(["mug-7"])["mug-7"].email == "a.thief@example.com"
        assert [event.id for event in shop.store.events.page(customer_id="mug-7")] == ["3", "2"]
        assert not shop.store.events.orders_of(["mug-7"])

    def test_an_account_that_moves_to_an_address_of_another_stays_itself(self, shop):
        shop.intake.receive(shop.event(id="1"))
        bob = {"id": "18", "email": "bob@example.com"}
        shop.intake.receive(shop.event(id="2", hours=-1, customer=bob, order=order("2")))
        moved = shop.event(id="3", customer={"id": "18", "email": "ann@example.com"}, order=order("3"))
        assert shop.intake.receive(moved).customer_id == "18"
        assert {one.id for one in shop.store.customers.find(email="ann@example.com")} == {"17", "18"}

    def test_who_has_no_id_takes_the_first_that_comes_and_no_second(self, shop):
        first = shop.intake.receive(shop.event(id="1", customer={"email": "ann@example.com"})).customer_id
        for id, expected in (("17", first), ("18", "18"), ("17", first), ("18", "18")):
            event = shop.event(id=f"{id} {expected}", customer={"id": id, "email": "ann@example.com"}, order=order(id))
            assert shop.intake.receive(event | {"shop": f"shop of {id}"}).customer_id == expected
        assert shop_ids(shop.store, first) == ["17"]
        assert [one.id for one in find_customer(shop.store, "17")] == [first]

    def test_a_guests_parcel_is_whose_order_it_is(self, shop):
        shop.intake.receive(shop.event(id="1"))
        bob = {"id": "18", "email": "ann@example.com"}
        shop.intake.receive(shop.event(id="2", customer=bob, order=order("2")))
        for number, expected in (("1001", "17"), ("2", "18")):
            guest = shop.event(
                "order.shipped", id=f"s{number}", customer={"email": "ann@example.com"}, order=order(number)
            )
            assert shop.intake.receive(guest).customer_id == expected

    def test_an_address_of_many_is_nobodys(self, shop):
        for number in range(12):
            customer = {"id": str(number), "email": "till@example.com"}
            shop.intake.receive(shop.event(id=str(number), customer=customer, order=order(str(number))))
        guests = {
            shop.intake.receive(
                shop.event(id=f"g{number}", customer={"email": "till@example.com"}, order=order(f"g{number}"))
            ).customer_id
            for number in range(2)
        }
        assert len(guests) == 1
        assert shop.store.customers.count() == 13

    def test_who_unsubscribes_is_left_alone_under_each_id(self, shop):
        for id in ("17", "18"):
            told = {"channel": "email", "granted": id == "17"}
            customer = {"id": id, "email": "ann@example.com"}
            hours = 0 if id == "17" else 1
            shop.intake.receive(shop.event("consent.changed", id=id, hours=hours, customer=customer, consent=told))
        place = ("email", "ann@example.com")
        assert not standing(shop.store.addresses.status([place])[place].consents, "news").granted


class TestErasingOne:
    def both(self, shop):
        shop.intake.receive(shop.event(id="1", hours=-1))
        other = {"id": "18", "email": "ann@example.com"}
        shop.intake.receive(shop.event(id="2", hours=-1, customer=other, order=order("2")))

    @pytest.mark.parametrize("way", ["by hand", "by the shop"])
    def test_the_other_stays_whole(self, shop, way):
        self.both(shop)
        granted = {"channel": "email", "granted": True}
        shop.intake.receive(shop.event("consent.changed", id="3", hours=-1, consent=granted))
        if way == "by hand":
            shop.eraser.erase("17")
        else:
            shop.intake.receive(shop.event("customer.redacted", id="r"))
        assert [one.id for one in shop.store.customers.page()] == ["18"]
        place = ("email", "ann@example.com")
        shop.clock.advance(timedelta(hours=1))
        # What is told of the other happened before as well, and counts; so does a third, whom nothing is held against.
        late = {"id": "18", "email": "ann@example.com"}
        shop.intake.receive(shop.event(id="4", hours=-3, customer=late, order=order("4")))
        third = {"id": "19", "email": "ann@example.com"}
        shop.intake.receive(shop.event(id="5", hours=-3, customer=third, order=order("5")))
        keys = [order_key("api", "default", number) for number in ("2", "4", "5")]
        assert set(shop.store.events.orders(keys)) == set(keys)
        assert standing(shop.store.addresses.status([place])[place].consents, "news").granted

    def test_by_the_address_alone_everybody_at_it_is_meant(self, shop):
        self.both(shop)
        shop.intake.receive(shop.event("customer.redacted", id="r", customer={"email": "ann@example.com"}))
        assert shop.store.customers.count() == shop.store.events.count() == 0
        assert b"ann@example.com" not in shop.store.path.read_bytes()

    def test_an_unknown_id_is_nobody_whatever_its_address(self, shop):
        self.both(shop)
        redacted = shop.event("customer.redacted", id="r", customer={"id": "mug-7", "email": "ann@example.com"})
        assert shop.intake.receive(redacted).state is EventState.DONE
        assert shop.store.customers.count() == 2

    def test_under_an_alias_all_goes(self, shop):
        first = shop.intake.receive(shop.event(id="1", hours=-1, customer={"email": "ann@example.com"})).customer_id
        shop.intake.receive(shop.event(id="2", hours=-1, order=order("2")))
        assert find_customer(shop.store, "17")[0].id == first
        assert [event["id"] for event in shop.eraser.export(first)["events"]] == ["2", "1"]
        shop.eraser.erase(first)
        assert shop.store.customers.count() == shop.store.events.count() == 0
        assert not shop.store.notes("customer-")
        shop.clock.advance(timedelta(hours=1))
        assert shop.intake.receive(shop.event(id="3", customer={"id": "17"}, order=order("3"))).customer_id == "17"
