"""What every store does with messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count, product

import pytest

from messaging.errors import InputError
from messaging.nouns.message import Lane, MessageClass, MessageState
from messaging.rules.retry import TWICE
from messaging.stores.outbox import Outcome

HOUR = timedelta(hours=1)


@pytest.fixture
def worker(store):
    return store.enlist()


def ids(messages):
    return [message.id for message in messages]


def in_hand(store):
    """How many messages are in whose hands, by state; whoever has some is told by the store, too."""
    found = Counter((m.worker, m.state) for m in store.outbox.page(limit=1000) if m.worker)
    assert store.outbox.workers() == sorted({worker for worker, _ in found})
    return found


class TestTotals:
    def test_messages_by_lane_channel_and_state(self, store, look, make, worker):
        versions = {MessageClass.TRANSACTIONAL: "order", MessageClass.MARKETING: "news"}
        for kind, name in versions.items():
            store.put_version(replace(make.version(name), message_class=kind))
        assert store.outbox.totals() == {}

        def event(id, kind, **fields):
            return make.message(id, lane=Lane.EVENT, message_class=kind, version=versions[kind], **fields)

        store.outbox.add(
            [
                event("m1", MessageClass.TRANSACTIONAL),
                event("m2", MessageClass.TRANSACTIONAL, channel="sms"),
                event("m3", MessageClass.MARKETING),
                event("m4", MessageClass.MARKETING, state=MessageState.SENT, sent_at=make.now),
                make.message("m5"),
                make.message("m6"),
                make.message("m7", lane=Lane.TEST, version="order"),
            ]
        )
        store.outbox.settle([make.sent("m5"), make.sent("m1")])
        assert look().outbox.totals() == {
            (Lane.ORDER, "email", MessageState.SENT): 1,
            (Lane.ORDER, "sms", MessageState.PLANNED): 1,
            (Lane.EVENT, "email", MessageState.PLANNED): 1,
            (Lane.EVENT, "email", MessageState.SENT): 1,
            (Lane.CAMPAIGN, "email", MessageState.SENT): 1,
            (Lane.CAMPAIGN, "email", MessageState.PLANNED): 1,
            (Lane.TEST, "email", MessageState.PLANNED): 1,
        }


class TestAdding:
    def test_every_field_comes_back(self, store, look, make):
        message = make.message(
            "m1",
            lane=Lane.ORDER,
            message_class=MessageClass.TRANSACTIONAL,
            event_key="e",
            trigger_key="k",
            trigger=0,
            context={"order": {"items": [{"sku": "mug", "price": "9.90"}]}},
            reason="quiet hours",
            expires_at=make.now + HOUR,
            attempts=2,
            adapter="smtp",
            provider_id="p",
            sent_at=make.now,
            state=MessageState.SENT,
        )
        store.outbox.add([message])
        assert look().outbox.get(["m1", "none"]) == {"m1": message}

    def test_all_of_many_come_back_whatever_is_in_them(self, store, look, make):
        """Some stores write many by another way than few, and what has a context by another than what has none."""
        odd = [
            None,
            {"order": {"id": "1", "total": 1e16, "b": [], "a": None}},
            {"note": '\\ "a", {b}\n\u2028\U0001f600'},
        ]
        many = [
            make.message(f"m{n:02}", reason=f'\\N, "{n}"\t{{}} NULL', context=odd[n % 3], sent_at=make.now)
            for n in range(60)
        ]
        store.outbox.add(many)
        assert list(look().outbox.get(ids(many)).values()) == many
        assert list(look().outbox.get(ids(many))["m01"].context["order"]) == ["id", "total", "b", "a"]

    @pytest.mark.parametrize("number", [1, 60])
    def test_an_empty_address_is_none(self, store, look, make, number):
        few = [make.message(f"m{n}", address="", reason="") for n in range(number)]
        store.outbox.add(few)
        found = look().outbox.get(["m0"])["m0"]
        assert (found.address, found.reason) == (None, None)

    @pytest.mark.parametrize("number", [1, 60])
    @pytest.mark.parametrize(
        ("fields", "where"),
        [({"reason": "a\0b"}, "reason"), ({"address": "\ud800"}, "address"), ({"context": {"a": "\0"}}, "context")],
    )
    def test_what_cannot_be_kept_is_refused_by_its_name(self, store, look, make, number, fields, where):
        some = [make.message(f"m{n}") for n in range(number - 1)]
        with pytest.raises(InputError, match=where):
            store.outbox.add([*some, make.message("odd", **fields)])
        assert look().outbox.page() == []

    def test_what_is_there_stays_as_it_is(self, store, look, make):
        assert store.outbox.add([make.message("m1"), make.message("m1", topic="other")]) == 1
        assert look().outbox.add([make.message("m1", topic="other"), make.message("m2")]) == 1
        assert look().outbox.get(["m1"])["m1"].topic == "news"

    def test_what_was_skipped_may_be_planned_anew(self, store, look, make, worker):
        skipped = make.message("m1", state=MessageState.SKIPPED, reason="no address (email)", address=None)
        store.outbox.add([skipped, make.message("m2"), make.message("m3", state=MessageState.SENT)])
        anew = [make.message(name, topic="other") for name in ("m1", "m2", "m3", "m4")]
        assert store.outbox.replan(anew) == 1
        outbox = look().outbox
        assert outbox.get(["m1"])["m1"] == anew[0]
        assert {outbox.get([name])[name].topic for name in ("m2", "m3")} == {"news"}
        assert outbox.get(["m4"]) == {}
        assert "m1" in ids(store.outbox.claim(worker, now=make.now, limit=9))

    def test_what_may_have_arrived_is_not_planned_anew(self, store, look, make):
        store.outbox.add([make.message("m1", state=MessageState.SKIPPED, reason=f"unsubscribed; {TWICE}")])
        assert store.outbox.replan([make.message("m1")]) == 0
        assert look().outbox.get(["m1"])["m1"].state is MessageState.SKIPPED

    def test_of_several_that_are_planned_anew_under_one_id_the_last_counts(self, store, look, make):
        store.outbox.add([make.message("m1", state=MessageState.SKIPPED)])
        assert store.outbox.replan([make.message("m1", topic="first"), make.message("m1", topic="last")]) == 1
        assert look().outbox.get(["m1"])["m1"].topic == "last"

    def test_pages_in_order_of_id(self, store, look, make):
        store.outbox.add(
            [
                make.message("m3"),
                make.message("m1", campaign="other", customer_id="bob"),
                make.message("m2", lane=Lane.ORDER),
                make.message("m4", state=MessageState.SKIPPED),
            ]
        )
        outbox = look().outbox
        assert ids(outbox.page()) == ["m1", "m2", "m3", "m4"]
        assert ids(outbox.page(after="m2", limit=1)) == ["m3"]
        assert ids(outbox.page(campaign="spring")) == ["m3", "m4"]
        assert ids(outbox.page(campaign="spring", after="m3")) == ["m4"]
        assert ids(outbox.page(campaign="spring", customer_id="bob")) == []
        assert ids(outbox.page(customer_id="ann", after="m2")) == ["m3", "m4"]
        assert ids(outbox.page(template="welcome")) == ["m2"]
        assert ids(outbox.page(state=MessageState.SKIPPED)) == ["m4"]


class TestClaiming:
    def test_by_lane_then_due_time_and_nobody_else_gets_them(self, store, open_store, worker, make):
        store.outbox.add(
            [
                make.message("m1"),
                make.message("m2", lane=Lane.EVENT),
                make.message("m3", lane=Lane.ORDER),
                make.message("m4", lane=Lane.ORDER, due_at=make.now - HOUR),
                make.message("m5", lane=Lane.ORDER, due_at=make.now + HOUR),
            ]
        )
        assert ids(store.outbox.claim(worker, now=make.now, limit=3)) == ["m4", "m3", "m2"]
        other = open_store()
        claimed = other.outbox.claim("other", now=make.now, limit=9)
        assert ids(claimed) == ["m1"]
        assert (claimed[0].worker, claimed[0].state) == ("other", MessageState.PLANNED)
        assert store.outbox.claim(worker, now=make.now, limit=9) == []

    def test_only_of_lanes_campaign_and_channel(self, store, worker, make):
        store.outbox.add(
            [
                make.message("m1"),
                make.message("m2", campaign="other"),
                make.message("m3", lane=Lane.ORDER),
                make.message("m4", channel="sms"),
            ]
        )
        claim = store.outbox.claim
        assert ids(claim(worker, now=make.now, limit=9, lanes={Lane.ORDER, Lane.EVENT})) == ["m3"]
        assert ids(claim(worker, now=make.now, limit=9, campaign="spring", channel="email")) == ["m1"]
        assert ids(claim(worker, now=make.now, limit=9, campaign="spring")) == ["m4"]
        assert ids(claim(worker, now=make.now, limit=9, lanes={Lane.CAMPAIGN})) == ["m2"]

    def test_campaigns_take_turns_by_due_time(self, store, worker, make):
        store.outbox.add(
            [make.message(f"a{n}", campaign="a", due_at=make.now - n * HOUR) for n in (1, 3)]
            + [make.message(f"b{n}", campaign="b", due_at=make.now - n * HOUR) for n in (2, 4)]
        )
        assert ids(store.outbox.claim(worker, now=make.now, limit=3)) == ["b4", "a3", "b2"]

    def test_release(self, store, look, worker, make):
        store.outbox.add([make.message("m1"), make.message("m2")])
        store.outbox.claim(worker, now=make.now, limit=9)
        store.outbox.release("other", ["m1"])
        assert in_hand(look()) == {(worker, MessageState.PLANNED): 2}
        store.outbox.release(worker, ["m1"])
        assert in_hand(look()) == {(worker, MessageState.PLANNED): 1}
        store.outbox.release(worker)
        assert sorted(ids(look().outbox.claim("other", now=make.now, limit=9))) == ["m1", "m2"]

    def test_next_due_of_several_channels_and_campaigns(self, store, look, make):
        later = {"spring": 3, "summer": 2, "autumn": 4}
        for campaign, hours in later.items():
            store.outbox.add([make.message(campaign, campaign=campaign, due_at=make.now + hours * HOUR)])
        assert look().outbox.next_due() == make.now + 2 * HOUR
        assert look().outbox.next_due(lanes=[Lane.CAMPAIGN]) == make.now + 2 * HOUR
        assert look().outbox.next_due(lanes=[Lane.ORDER]) is None
        for channel, hours in {"sms": 6, "email": 7, "webhook": 5}.items():
            more = {"lane": Lane.ORDER, "campaign": None, "channel": channel, "due_at": make.now + hours * HOUR}
            store.outbox.add([make.message(channel, **more)])
        assert look().outbox.next_due(lanes=[Lane.ORDER]) == make.now + 5 * HOUR
        assert look().outbox.next_due(lanes=[Lane.ORDER, Lane.CAMPAIGN]) == make.now + 2 * HOUR
        assert look().outbox.next_due(lanes=[Lane.EVENT]) is None

    def test_next_due(self, store, look, worker, make):
        assert look().outbox.next_due() is None
        store.outbox.add([make.message("m1"), make.message("m2", lane=Lane.ORDER, due_at=make.now + HOUR)])
        assert look().outbox.next_due() == make.now
        assert look().outbox.next_due(lanes={Lane.ORDER}) == make.now + HOUR
        assert look().outbox.next_due(campaign="spring", channel="sms") is None
        store.outbox.claim(worker, now=make.now, limit=1)
        assert look().outbox.next_due() == make.now + HOUR
        assert look().outbox.next_due(campaign="spring") is None

    def test_a_failed_transaction_claims_nothing(self, store, look, worker, make, abandon):
        store.outbox.add([make.message("m1"), make.message("m2")])
        abandon(store, lambda: store.outbox.claim(worker, now=make.now, limit=1))
        assert sorted(ids(look().outbox.claim("other", now=make.now, limit=9))) == ["m1", "m2"]


class TestSending:
    def test_begin_marks_what_is_still_planned_and_mine(self, store, look, worker, make):
        store.outbox.add([make.message(f"m{n}") for n in range(4)])
        store.outbox.claim(worker, now=make.now, limit=3)
        store.outbox.settle([Outcome(message_id="m1", state=MessageState.SKIPPED, reason="erased")])
        begun = store.outbox.begin(worker, ["m2", "m0", "m1", "m3", "none", "m0"], now=make.now)
        assert begun == ["m2", "m0"]
        messages = look().outbox.get(["m0", "m3"])
        assert (messages["m0"].state, messages["m0"].attempts) == (MessageState.SENDING, 1)
        assert (messages["m3"].state, messages["m3"].attempts) == (MessageState.PLANNED, 0)
        assert in_hand(look()) == {(worker, MessageState.SENDING): 2}
        assert store.outbox.begin(worker, ["m0"], now=make.now) == []

    def test_settle_records_and_ends_the_lock(self, store, look, worker, make):
        store.outbox.add([make.message("m1")])
        store.outbox.claim(worker, now=make.now, limit=1)
        store.outbox.begin(worker, ["m1"], now=make.now)
        store.outbox.settle([make.sent("m1", provider_id="p"), make.sent("none")])
        message = look().outbox.get(["m1"])["m1"]
        assert (message.state, message.adapter, message.provider_id) == (MessageState.SENT, "smtp", "p")
        assert (message.worker, message.sent_at) == (None, make.now)
        assert look().outbox.workers() == []

    def test_sent_stays_sent(self, store, look, make):
        store.outbox.add([make.message("m1")])
        store.outbox.settle([make.sent("m1"), Outcome(message_id="m1", state=MessageState.UNKNOWN)])
        assert look().outbox.get(["m1"])["m1"].state is MessageState.SENT

    def test_try_again(self, store, look, worker, make):
        store.outbox.add([make.message("m1")])
        for attempt in (1, 2):
            store.outbox.claim(worker, now=make.now + HOUR, limit=1)
            store.outbox.begin(worker, ["m1"], now=make.now)
            outcome = Outcome(message_id="m1", state=MessageState.PLANNED, reason="busy", due_at=make.now + HOUR)
            store.outbox.settle([outcome])
            message = look().outbox.get(["m1"])["m1"]
            assert (message.attempts, message.reason, message.worker) == (attempt, "busy", None)
        assert look().outbox.claim("other", now=make.now, limit=1) == []
        assert ids(look().outbox.claim("other", now=make.now + HOUR, limit=1)) == ["m1"]

    def test_a_hand_over_that_was_none_is_not_counted(self, store, look, worker, make):
        store.outbox.add([make.message("m1")])
        store.outbox.claim(worker, now=make.now, limit=1)
        store.outbox.begin(worker, ["m1"], now=make.now)
        store.outbox.settle([Outcome(message_id="m1", state=MessageState.PLANNED, due_at=make.now, attempts=0)])
        assert look().outbox.get(["m1"])["m1"].attempts == 0
        assert ids(look().outbox.claim("other", now=make.now, limit=1)) == ["m1"]

    def test_what_was_sent_is_kept_as_it_was(self, store, look, make):
        context = {"z": 1e16, "a": [1, {"b": '\\ "x" \u2028'}], "n": None}
        store.outbox.add([make.message("m1")])
        store.outbox.settle([replace(make.sent("m1"), context=context, provider_id='a"b\\c,{}\n', reason="NULL")])
        found = look().outbox.get(["m1"])["m1"]
        assert (found.context, list(found.context)) == (context, ["z", "a", "n"])
        assert (found.provider_id, found.reason) == ('a"b\\c,{}\n', "NULL")

    def test_whatever_a_provider_says_a_receipt_is_recorded(self, store, look, make):
        store.outbox.add([make.message("m1")])
        store.outbox.settle([make.sent("m1", reason="a\0b\ud800", provider_id="\0")])
        assert look().outbox.get(["m1"])["m1"].state is MessageState.SENT

    @pytest.mark.parametrize("state", MessageState)
    def test_a_receipt_after_its_customer_was_erased_brings_nobody_back(self, store, look, worker, make, state):
        store.customers.put([make.customer("ann")])
        store.outbox.add([make.message("m1")])
        store.outbox.claim(worker, now=make.now, limit=1)
        store.outbox.begin(worker, ["m1"], now=make.now)
        store.customers.delete("ann")
        receipt = make.sent("m1", state=state, reason="550 no ann@example.com", context={"email": "ann@example.com"})
        store.outbox.settle([replace(receipt, provider_id="to-ann@example.com", due_at=make.now + HOUR)])
        message = look().outbox.get(["m1"])["m1"]
        # What would be sent, or tried, later never is.
        assert message.state is (MessageState.SKIPPED if state is MessageState.PLANNED else state)
        assert (message.address, message.context, message.provider_id) == (None, None, None)
        assert (message.reason, message.worker) == ("erased", None)
        assert "ann@" not in str(message.to_document())

    def test_bury(self, store, look, worker, make):
        store.outbox.add([make.message("m1"), make.message("m2")])
        store.outbox.claim(worker, now=make.now, limit=2)
        store.outbox.begin(worker, ["m1"], now=make.now)
        (lost,) = store.outbox.bury(worker, by="second")
        assert (lost.id, lost.state, lost.worker) == ("m1", MessageState.UNKNOWN, "second")
        assert look().outbox.get(["m1"]) == {"m1": lost}
        assert ids(look().outbox.claim("other", now=make.now, limit=2)) == ["m2"]
        assert store.outbox.bury(worker, by="third") == []
        # They died as well, before they had settled it.
        assert "second" in look().outbox.workers()
        assert store.outbox.bury("second", by="third") == [replace(lost, worker="third")]
        store.outbox.release("third")
        store.outbox.settle([Outcome(message_id="m1", state=MessageState.UNKNOWN, reason=lost.reason, of_attempt=1)])
        assert look().outbox.get(["m1"]) == {"m1": replace(lost, worker=None)}
        assert in_hand(look()) == {("other", MessageState.PLANNED): 1}

    @pytest.fixture
    def now_is(self, store, make):
        """`now_is(state)`: another message that was handed over twice, the first time by one who was taken for dead,
        and that is in this state since.
        """
        numbers = count()

        def now_is(state):
            id = f"m{next(numbers)}"
            store.outbox.add([make.message(id, campaign=id)])
            for attempt in (1, 2):
                worker = store.enlist()
                assert ids(store.outbox.claim(worker, now=make.now, limit=1, campaign=id)) == [id]
                assert store.outbox.begin(worker, [id], now=make.now) == [id]
                if attempt == 1:
                    store.outbox.bury(worker, by=worker)
                    again = Outcome(message_id=id, state=MessageState.PLANNED, reason="twice", due_at=make.now)
                    store.outbox.settle([again])
            if state is not MessageState.SENDING:
                store.outbox.settle([Outcome(message_id=id, state=state, reason="twice", due_at=make.now)])
            return store.outbox.get([id])[id]

        return now_is

    def test_what_is_said_of_an_earlier_hand_over_is_over(self, store, look, now_is, make):
        for state, said in product(MessageState, set(MessageState) - {MessageState.SENT}):
            before = now_is(state)
            late = Outcome(message_id=before.id, state=said, reason="late", due_at=make.now + HOUR, adapter="smtp")
            store.outbox.settle([replace(late, of_attempt=1)])
            assert look().outbox.get([before.id])[before.id] == before, said

    def test_that_it_was_taken_counts_whenever_it_was(self, store, look, now_is, make):
        for state in MessageState:
            before = now_is(state)
            store.outbox.settle([make.sent(before.id, provider_id="first", reason=None, of_attempt=1)])
            after = look().outbox.get([before.id])[before.id]
            assert after.state is MessageState.SENT
            assert after.provider_id == (None if state is MessageState.SENT else "first")
            # What is said of the later hand-over (that it may arrive twice) stays said.
            assert (after.reason, after.attempts, after.worker) == ("twice", 2, None)
            # Whoever has it in hand cannot say any more that it was not taken.
            store.outbox.settle([Outcome(message_id=before.id, state=MessageState.REFUSED, of_attempt=2)])
            assert look().outbox.get([before.id])[before.id] == after

    def test_that_it_was_taken_keeps_it_from_whoever_locked_it(self, store, now_is, worker, make):
        message = now_is(MessageState.PLANNED)
        assert ids(store.outbox.claim(worker, now=make.now, limit=1)) == [message.id]
        store.outbox.settle([make.sent(message.id, of_attempt=1)])
        assert store.outbox.begin(worker, [message.id], now=make.now) == []

    def test_a_late_answer_about_the_last_hand_over_settles_what_is_open(self, store, look, now_is, make):
        said = (MessageState.REFUSED, MessageState.PLANNED, MessageState.UNKNOWN)
        for before, new in product((MessageState.SENDING, MessageState.PLANNED, MessageState.UNKNOWN), said):
            message = now_is(before)
            store.outbox.settle(
                [Outcome(message_id=message.id, state=new, reason="late", due_at=make.now + HOUR, of_attempt=2)]
            )
            after = look().outbox.get([message.id])[message.id]
            if (before, new) == (MessageState.PLANNED, MessageState.UNKNOWN):
                assert after == message  # somebody decided to send it again, knowing that
            else:
                assert (after.state, after.reason, after.worker) == (new, "late", None)

    def test_what_is_decided_only_an_acceptance_changes(self, store, look, now_is, make):
        decided = (MessageState.SENT, MessageState.REFUSED, MessageState.SKIPPED)
        for state, said in product(decided, set(MessageState) - {MessageState.SENT}):
            before = now_is(state)
            store.outbox.settle(
                [Outcome(message_id=before.id, state=said, reason="late", due_at=make.now, of_attempt=2)]
            )
            assert look().outbox.get([before.id])[before.id] == before, said


class TestCounting:
    def test_states_add_up_to_the_audience(self, store, look, worker, make):
        assert look().outbox.counts("spring") == dict.fromkeys(MessageState, 0)
        store.outbox.add([make.message(f"m{n}") for n in range(5)] + [make.message("x", campaign="other")])
        store.outbox.claim(worker, now=make.now, limit=2)
        store.outbox.begin(worker, ["m0"], now=make.now)
        refused = MessageState.REFUSED
        store.outbox.settle([Outcome(message_id=f"m{n}", state=refused, reason="no such user") for n in (3, 4)])
        counts = look().outbox.counts("spring")
        assert counts == {**dict.fromkeys(MessageState, 0), "planned": 2, "sending": 1, "refused": 2}
        assert look().outbox.reasons("spring") == {(refused, "no such user"): 2}

    def test_that_it_may_arrive_twice_is_said_by_who_dies_over_it_or_cancels_it(self, store, look, worker, make):
        store.outbox.add([make.message(f"m{n}", reason=reason) for n, reason in enumerate([TWICE, None, TWICE, None])])
        store.outbox.claim(worker, now=make.now, limit=2)
        store.outbox.begin(worker, ["m0", "m1"], now=make.now)
        assert [TWICE in str(lost.reason) for lost in store.outbox.bury(worker, by="other")] == [True, False]
        assert store.outbox.stop("spring", "cancelled") == 2
        said = {name: row.reason for name, row in look().outbox.get([f"m{n}" for n in range(4)]).items()}
        assert said == {
            "m0": f"the sender died; {TWICE}",
            "m1": "the sender died",
            "m2": f"cancelled; {TWICE}",
            "m3": "cancelled",
        }

    def test_stop(self, store, look, worker, make):
        store.outbox.add([make.message(f"m{n}") for n in range(4)] + [make.message("x", campaign="other")])
        begun, locked = ids(store.outbox.claim(worker, now=make.now, limit=2, campaign="spring"))
        others = ids(store.outbox.claim(worker, now=make.now, limit=2, campaign="other"))
        store.outbox.begin(worker, [begun], now=make.now)
        assert store.outbox.stop("spring", "cancelled") == 3
        assert look().outbox.reasons("spring") == {(MessageState.SKIPPED, "cancelled"): 3}
        assert look().outbox.counts("other")[MessageState.PLANNED] == 1
        assert store.outbox.stop("spring", "cancelled") == 0
        # Whoever had one locked can neither send it nor plan it again.
        assert store.outbox.begin(worker, [locked, *others], now=make.now) == others
        held = Outcome(message_id=locked, state=MessageState.PLANNED, due_at=make.now + HOUR, of_attempt=0)
        store.outbox.settle([held])
        store.outbox.release(worker, [locked])
        assert look().outbox.counts("spring")[MessageState.SKIPPED] == 3
        assert in_hand(look()) == {(worker, MessageState.SENDING): 2}


class TestWaiting:
    def test_postpone_what_is_planned_and_unlocked(self, store, look, worker, make):
        store.outbox.add(
            [make.message("m1", lane=Lane.EVENT, due_at=make.now - HOUR), make.message("m2", lane=Lane.EVENT)]
        )
        store.outbox.claim(worker, now=make.now, limit=1)
        later = make.now + HOUR
        moved = store.outbox.postpone(
            ["m1", "m2", "none"], later, expires_at=later + HOUR, context={"cart": {"id": "2"}}
        )
        assert moved == 1
        message = look().outbox.get(["m2"])["m2"]
        assert (message.due_at, message.expires_at) == (later, later + HOUR)
        assert message.context == {"cart": {"id": "2"}}
        assert look().outbox.claim("other", now=make.now, limit=9) == []
        assert ids(look().outbox.claim("other", now=later, limit=9)) == ["m2"]

    def test_waiting(self, store, look, worker, make):
        store.outbox.add(
            [
                make.message("m1", lane=Lane.EVENT, trigger_key="cart 1"),
                make.message("m2", lane=Lane.ORDER, trigger_key="order 1"),
                make.message("m3"),
                make.message("m4", lane=Lane.EVENT, state=MessageState.SKIPPED),
                make.message("m5", lane=Lane.EVENT, customer_id="bob"),
            ]
        )
        assert ids(look().outbox.waiting(customer_id="ann")) == ["m1", "m2"]
        store.outbox.claim(worker, now=make.now, limit=1, lanes={Lane.ORDER})
        assert ids(look().outbox.waiting(customer_id="ann")) == ["m1"]


class TestLookingBack:
    def test_recent(self, store, look, make):
        store.outbox.add([make.message("m1"), make.message("m2"), make.message("m3", customer_id="bob")])
        store.outbox.settle([make.sent("m1"), make.sent("m2", sent_at=make.now - 2 * HOUR)])
        recent = look().outbox.recent(["ann", "bob"], make.now - HOUR)
        assert [(fact.template, fact.sent_at) for fact in recent["ann"]] == [("promotion", make.now)]
        assert "bob" not in recent
        (fact,) = recent["ann"]
        assert (fact.channel, fact.topic, fact.message_class) == ("email", "news", MessageClass.MARKETING)
        assert len(look().outbox.recent(["ann"], make.now)["ann"]) == 1  # "since" takes the moment itself in

    def test_pending(self, store, look, make):
        """Also what is in hand, and what nobody knows of: it may have arrived."""
        states = [MessageState.PLANNED, MessageState.SENDING, MessageState.UNKNOWN, MessageState.SKIPPED]
        store.outbox.add([make.message(f"m{number}", state=state) for number, state in enumerate(states)])
        store.outbox.add([make.message("m9", customer_id="bob", state=MessageState.REFUSED)])
        pending = look().outbox.pending(["ann", "bob", "nobody"])
        assert {customer: ids(messages) for customer, messages in pending.items()} == {"ann": ["m0", "m1", "m2"]}

    def test_skipped(self, store, look, make):
        """What events set off and could still go, not what a campaign left out."""
        skipped = {"state": MessageState.SKIPPED, "lane": Lane.EVENT}
        store.outbox.add(
            [
                make.message("m1", expires_at=make.now + HOUR, **skipped),
                make.message("m2", expires_at=make.now, **skipped),
                make.message("m3", customer_id="bob", **skipped),
                make.message("m4", state=MessageState.SKIPPED),
                make.message("m5", lane=Lane.EVENT),
                make.message("m6", customer_id="cid", **skipped),
            ]
        )
        assert ids(look().outbox.skipped(["ann", "bob", "nobody"], now=make.now)) == ["m1", "m3"]

    def test_forget_contexts(self, store, look, make):
        context = {"order": {"number": "1"}}
        store.outbox.add([make.message(f"m{n}", context=context) for n in (1, 2, 3)])
        store.outbox.settle([make.sent("m1"), make.sent("m2", sent_at=make.now + HOUR)])
        assert store.outbox.forget_contexts(make.now) == 0  # "before" does not
        assert store.outbox.forget_contexts(make.now + timedelta(minutes=1)) == 1
        kept = look().outbox.get(["m1", "m2", "m3"])
        assert [kept[id].context for id in ("m1", "m2", "m3")] == [None, context, context]

    def test_contexts_are_kept_from_the_last_word_on(self, store, look, make, abandon):
        store.outbox.add([make.message("m1", context={"order": {"number": "1"}})])
        for outcome in (make.sent("m1", state=MessageState.UNKNOWN, sent_at=None), make.planned("m1")):
            store.outbox.settle([outcome])
        assert store.outbox.forget_contexts(make.now + HOUR) == 0  # it is to be sent once more
        store.outbox.settle([make.sent("m1", sent_at=make.now + 2 * HOUR)])
        assert store.outbox.forget_contexts(make.now + HOUR) == 0
        abandon(store, lambda: store.outbox.forget_contexts(make.now + 3 * HOUR))
        assert look().outbox.forget_contexts(make.now + 3 * HOUR) == 1
        assert store.outbox.forget_contexts(make.now + 3 * HOUR) == 0
