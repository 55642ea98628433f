"""What every store does with consent and suppression."""

from __future__ import annotations

from datetime import timedelta

from messaging.nouns.consent import AddressStatus

ANN = ("email", "ann@example.com")


def test_everybody_has_a_status(store, look):
    assert look().addresses.status([ANN]) == {ANN: AddressStatus()}
    assert look().addresses.status([]) == {}


def test_decisions_are_added_and_come_in_order_of_time(store, look, make):
    given = make.consent(topic="news", source="form", message_id="m")
    withdrawn = make.consent(topic="news", granted=False, at=make.now + timedelta(days=1))
    store.addresses.add_consents([withdrawn, given])
    store.addresses.add_consents([withdrawn, given])
    assert look().addresses.status([ANN])[ANN].consents == (given, withdrawn)


def test_a_second_import_adds_nothing(store, look, make):
    first = make.consent(dated=False, source="import a.csv")
    again = make.consent(dated=False, source="import a.csv", at=make.now + timedelta(days=1))
    store.addresses.add_consents([first])
    store.addresses.add_consents([again])
    assert look().addresses.status([ANN])[ANN].consents == (first,)


def test_channels_and_addresses_are_apart(store, look, make):
    store.addresses.suppress([make.suppression(), make.suppression("ann", channel="sms")])
    status = look().addresses.status([ANN, ("sms", "ann@example.com"), ("email", "ann"), ("sms", "ann")])
    assert [address for address in status if status[address].suppression] == [ANN, ("sms", "ann")]


def test_the_first_reason_stays(store, look, make):
    bounced = make.suppression(source="sendgrid")
    store.addresses.suppress([bounced, make.suppression(reason="complained")])
    assert look().addresses.status([ANN])[ANN].suppression == bounced


def test_what_passes_gives_way_to_what_stays(store, look, make):
    unreachable, bounced = make.suppression(reason="unreachable"), make.suppression(reason="bounced")
    store.addresses.suppress([unreachable])
    store.addresses.suppress([make.suppression(reason="unreachable", source="again")])
    assert look().addresses.status([ANN])[ANN].suppression == unreachable
    store.addresses.suppress([bounced, unreachable])
    assert look().addresses.status([ANN])[ANN].suppression == bounced


def test_unsuppress(store, look, make):
    consent = make.consent()
    store.addresses.add_consents([consent])
    assert store.addresses.unsuppress(ANN) is False
    store.addresses.suppress([make.suppression()])
    assert store.addresses.unsuppress(ANN) is True
    assert look().addresses.status([ANN])[ANN] == AddressStatus(consents=(consent,))


def test_suppressions_that_stand_page_by_page(store, look, make):
    places = [("email", f"c{n}@example.com") for n in range(5)] + [("sms", f"+1500555000{n}") for n in range(3)]
    store.addresses.suppress(make.suppression(address, channel=channel) for channel, address in places)
    store.addresses.suppress([make.suppression(reason="unreachable", source="twice")])
    store.addresses.unsuppress(places[2])
    store.addresses.add_consents([make.consent("agreed@example.com")])
    addresses, seen, after = look().addresses, [], None
    while page := addresses.suppressed(after=after, limit=2):
        assert len(page) <= 2
        seen += page
        after = page[-1].channel, page[-1].address
    assert {(one.channel, one.address) for one in seen} == {*places, ANN} - {places[2]}
    assert len(seen) == 8
    assert make.suppression(reason="unreachable", source="twice") in seen
    assert {one.address for one in addresses.suppressed(channel="sms")} == {place[1] for place in places[5:]}
    assert addresses.suppressed(channel="fax") == []
