"""What every store does with what comes back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from messaging.nouns.engagement import EngagementKind
from messaging.nouns.message import Lane, MessageState
from messaging.stores.counts import LinkCount


class TestKeeping:
    def test_every_field_comes_back(self, store, look, make):
        engagement = make.engagement(
            "1", source="sendgrid", slot="3.2", machine=True, reasons=("agent",), raw={"ip": "192.0.2.1"}
        )
        assert store.engagements.add([engagement]) == [engagement]
        assert look().engagements.of_messages(["m1", "m2"]) == {"m1": [engagement]}

    def test_once_however_often_told(self, store, look, make):
        first = make.engagement("1")
        others = [make.engagement("1", source="b"), make.engagement("1", message_id=None, source="c")]
        assert store.engagements.add([first, first, *others]) == [first, *others]
        assert look().engagements.add([first, *others]) == []

    def test_in_order_of_time(self, store, look, make):
        late = make.engagement("1", at=make.now + timedelta(hours=1))
        early = make.engagement("2")
        store.engagements.add([late, early])
        assert look().engagements.of_messages(["m1"]) == {"m1": [early, late]}

    def test_judging_anew(self, store, look, make):
        store.engagements.add([make.engagement("1"), make.engagement("2", machine=True, reasons=("agent",))])
        store.engagements.judge({"1": (True, ("burst", "HEAD")), "2": (False, ()), "none": (True, ())})
        one, two = look().engagements.of_messages(["m1"])["m1"]
        assert (one.machine, one.reasons) == (True, ("burst", "HEAD"))
        assert (two.machine, two.reasons) == (False, ())


class TestSummary:
    def test_a_test_send_counts_for_nothing(self, store, make):
        store.outbox.add([make.message("t1", lane=Lane.TEST, campaign=None)])
        store.outbox.settle([make.sent("t1")])
        store.engagements.add([make.engagement("c1", message_id="t1", slot="2")])
        assert store.engagements.summary() == []

    @pytest.fixture
    def full(self, store, make):
        store.outbox.add(
            [
                make.message("m1"),
                make.message("m2", campaign="autumn"),
                make.message("m3", version="v2"),
                make.message("m4", channel="sms"),
                make.message("m5", lane=Lane.ORDER, campaign=None),
            ]
        )
        store.outbox.settle([make.sent(f"m{n}") for n in range(1, 5)])
        kinds = EngagementKind
        store.engagements.add(
            [
                make.engagement("c1", slot="10"),
                make.engagement("c2", slot="2"),
                make.engagement("c3", slot="2"),
                make.engagement("c4", slot="2", machine=True),
                make.engagement("c5", slot="2", message_id="m2"),
                make.engagement("o1", kinds.OPENED),
                make.engagement("o2", kinds.OPENED, machine=True),
                make.engagement("d1", kinds.DELIVERED),
                make.engagement("d2", kinds.DELIVERED, source="again"),
                make.engagement("b1", kinds.BOUNCED, message_id="m3"),
                make.engagement("x1", kinds.COMPLAINED),
                make.engagement("u1", kinds.UNSUBSCRIBED),
                make.engagement("n1", message_id=None),
                make.engagement("n2", message_id="unknown"),
            ]
        )
        return store

    def test_counts(self, full, look):
        counts = look().engagements.summary()
        keys = [(count.template, count.version, count.channel) for count in counts]
        assert keys == [
            ("promotion", "v1", "email"),
            ("promotion", "v1", "sms"),
            ("promotion", "v2", "email"),
            ("welcome", "v1", "email"),
        ]
        first = counts[0]
        assert first.campaigns == ("autumn", "spring")
        assert first.states == {**dict.fromkeys(MessageState, 0), "sent": 2}
        assert (first.clicks, first.unique_clicks, first.machine_clicks) == (4, 2, 1)
        assert (first.opens, first.unique_opens, first.machine_opens) == (1, 1, 1)
        assert (first.delivered, first.bounced, first.complained, first.unsubscribed) == (1, 0, 1, 1)
        assert first.links == (
            LinkCount(slot="2", clicks=3, unique_clicks=2, machine_clicks=1),
            LinkCount(slot="10", clicks=1, unique_clicks=1, machine_clicks=0),
        )
        assert counts[2].bounced == 1
        assert counts[3].states[MessageState.PLANNED] == 1

    def test_how_many_were_sent_in_each_variant(self, store, look, make):
        store.outbox.add([make.message(f"m{n}") for n in range(5)])
        store.outbox.settle([make.sent("m0", variant="de"), make.sent("m1", variant="de"), make.sent("m2")])
        store.outbox.settle([make.sent("m3", variant="default", state=MessageState.UNKNOWN)])
        (count,) = look().engagements.summary()
        assert (count.states[MessageState.SENT], count.sent_by_variant) == (3, {"de": 2})
        store.outbox.settle([make.sent("m3")])  # a proof came, which knows nothing of variants
        (count,) = look().engagements.summary()
        assert count.sent_by_variant == {"de": 2, "default": 1}
        assert look().outbox.get(["m3"])["m3"].variant == "default"

    def test_of_one_campaign_or_template(self, full, look):
        (count,) = look().engagements.summary(campaign="autumn")
        assert (count.states[MessageState.SENT], count.clicks, count.opens) == (1, 1, 0)
        assert [count.template for count in look().engagements.summary(template="welcome")] == ["welcome"]
        assert look().engagements.summary(campaign="autumn", template="welcome") == []

    def test_clicks_in_order_of_time(self, full, look, make):
        full.engagements.add([make.engagement("early", at=make.now - timedelta(hours=1), machine=True)])
        assert look().engagements.clicks(campaign="autumn") == [(make.now, False)]
        clicks = look().engagements.clicks(template="promotion")
        assert clicks[0] == (make.now - timedelta(hours=1), True)
        assert len(clicks) == 6
        assert look().engagements.clicks(template="welcome") == []

    def test_with_machines(self, full, look):
        count = look().engagements.summary(campaign="spring", include_machines=True)[0]
        assert (count.clicks, count.unique_clicks, count.machine_clicks) == (4, 1, 1)
        assert (count.opens, count.machine_opens) == (2, 1)


def test_what_names_an_address_and_no_message(store, look, make):
    place = ("sms", "+15005550006")
    later, earlier, mail = (
        make.engagement(
            id, EngagementKind.BOUNCED, message_id=None, channel=channel, address=place[1], at=at, soft=True
        )
        for id, channel, at in (
            ("b", "sms", make.now),
            ("a", "sms", make.now - timedelta(days=1)),
            ("c", "email", make.now),
        )
    )
    messages = make.engagement("d", EngagementKind.BOUNCED, channel="sms", address=place[1])
    store.engagements.add([later, earlier, mail, messages])
    assert look().engagements.of_address(place) == [earlier, later]
    assert look().engagements.of_address(("sms", "+15005550007")) == []
