"""Frequency caps: who was first stays, whoever looks; order messages are not held; reasons name what was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import Customer, Deny, Lane, Message, MessageClass, MessageFact, MessageFacts, MessageState
from messaging_rules import check_messages
from messaging_rules.settings import Rules

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ONE = {"caps": [{"max": 1, "days": 7}]}
WAIT = {"caps": [{"max": 1, "days": 7, "on_exceed": "wait"}]}
Make = Callable[..., Message]
Say = Callable[..., list[Any]]


def sent(days: float, template: str = "spring", **fields: Any) -> dict[str, tuple[MessageFact, ...]]:
    values = {"channel": "sms", "topic": "news", **fields}
    return {"ann": (MessageFact(template, None, NOW - days * DAY, **values),)}


def test_off_unless_set(message: Make, say: Say) -> None:
    assert say({}, message(), recent=sent(1)) == []


def test_one_too_many_is_skipped_and_says_what_was_before(message: Make, say: Say) -> None:
    reason = "at most 1 message in 7 days: spring was before, on 2026-11-20"
    assert say(ONE, message(), recent=sent(2)) == [("m1", None, reason)]


def test_or_it_waits_for_room(message: Make, say: Say) -> None:
    ((_, time, reason),) = say(WAIT, message(), recent=sent(2))
    assert time == NOW + 5 * DAY
    assert "spring was before" in reason
    assert say(WAIT, message(), now=time, recent=sent(2)) == [], "there is room at the very moment that was told"


def test_what_waits_until_it_is_late_is_skipped(message: Make, say: Say) -> None:
    ((_, time, reason),) = say(WAIT, message(expires_at=NOW + DAY), recent=sent(2))
    assert time is None
    assert reason.endswith("by then it is too late")


def test_what_is_long_ago_does_not_count(message: Make, say: Say) -> None:
    assert say(ONE, message(), recent=sent(7)) == []


@pytest.mark.parametrize(
    ("cap", "held"),
    [
        ({"channel": "sms"}, True),
        ({"channel": "email"}, False),
        ({"topic": "news"}, True),
        ({"topic": "offers"}, False),
        ({"channel": "sms", "topic": "news"}, True),
    ],
)
def test_a_cap_is_about_its_channel_and_topic(message: Make, say: Say, cap: dict[str, str], held: bool) -> None:
    rules = {"caps": [{"max": 1, "days": 7, **cap}]}
    assert bool(say(rules, message(), recent=sent(1))) is held
    assert not say(rules, message(), recent=sent(1, channel="push", topic="other")), "another kind of message"


def test_an_order_message_is_never_held_and_counts_only_if_told(message: Make, say: Say) -> None:
    order = MessageClass.TRANSACTIONAL
    assert say(ONE, message(message_class=order, lane=Lane.ORDER), recent=sent(1)) == []
    assert say(ONE, message(), recent=sent(1, message_class=order)) == []
    told = {"caps": [{"max": 1, "days": 7, "count_transactional": True}]}
    assert say(told, message(message_class=order, lane=Lane.ORDER), recent=sent(1)) == []
    assert len(say(told, message(), recent=sent(1, message_class=order))) == 1


def test_of_two_promotions_the_one_planned_first_goes(message: Make, say: Say) -> None:
    first = message("zz", template="autumn", created_at=NOW - DAY)
    reason = "at most 1 message in 7 days: autumn comes before, on 2026-11-22"
    for batch in ([first, message()], [message(), first]):
        assert say(ONE, *batch) == [("m1", None, reason)]
    assert say(ONE, message(), pending={"ann": (first, message())}) == [("m1", None, reason)]
    assert say(ONE, first, pending={"ann": (first, message())}) == []


def test_the_night_makes_nobody_first(message: Make, say: Say) -> None:
    """One that would be due at night goes in the morning: it comes after what waits for that morning already."""
    rules = {**ONE, "quiet": [{"channel": "sms", "from": "21:00", "until": "08:00"}]}
    night, morning = NOW + timedelta(hours=14), NOW + timedelta(hours=23)
    waits = message("zz", template="autumn", due_at=morning, created_at=NOW - DAY)
    reason = "at most 1 message in 7 days: autumn comes before, on 2026-11-23"
    assert say(rules, message(due_at=night), now=night, pending={"ann": (waits,)}) == [("m1", None, reason)]
    # What may go by another channel in the night is before both.
    mail = message("m2", template="mail", channel="email", due_at=night + timedelta(hours=1))
    told = say(rules, message(due_at=night), mail, now=night)
    assert told == [("m1", None, "at most 1 message in 7 days: mail comes before, on 2026-11-23")]


def test_what_is_skipped_takes_no_place(message: Make, say: Say) -> None:
    rules = {"caps": [{"max": 1, "days": 7, "channel": "sms"}, {"max": 2, "days": 7}]}
    batch = [message("m1"), message("m2"), message("m3", channel="email")]
    assert [id for id, *_ in say(rules, *batch)] == ["m2"]


@pytest.mark.parametrize("state", [MessageState.SENDING, MessageState.UNKNOWN])
def test_what_may_have_arrived_counts(message: Make, say: Say, state: MessageState) -> None:
    other = message("zz", state=state, created_at=NOW + DAY)
    assert len(say(ONE, message(), pending={"ann": (other,)})) == 1


def test_somebody_elses_messages_do_not_count(message: Make, say: Say) -> None:
    assert say(ONE, message("m1"), message("m2", customer_id="bob"), recent={"bob": ()}) == []


def test_a_test_goes_out(message: Make, say: Say) -> None:
    assert say(ONE, message(lane=Lane.TEST), recent=sent(1)) == []


def test_all_caps_are_told(message: Make, say: Say) -> None:
    rules = {"caps": [{"max": 1, "days": 7}, {"max": 1, "days": 2, "channel": "sms"}]}
    ((_, _, reason),) = say(rules, message(), recent=sent(1))
    assert reason.startswith("at most 1 message in 7 days: spring")
    assert "; at most 1 sms in 2 days: spring" in reason


def test_room_that_comes_in_the_night_is_used_in_the_morning(message: Make, say: Say) -> None:
    rules = {**WAIT, "quiet": [{"from": "08:00", "until": "10:00"}]}
    ((_, time, _),) = say(rules, message(), recent=sent(2))
    assert time == NOW + 5 * DAY + timedelta(hours=1)


CAPS = st.lists(
    st.fixed_dictionaries(
        {
            "max": st.integers(1, 3),
            "days": st.integers(1, 9),
            "channel": st.sampled_from(["*", "email", "sms"]),
            "topic": st.sampled_from(["*", "news", "offers"]),
            "on_exceed": st.sampled_from(["skip", "wait"]),
        }
    ),
    min_size=1,
    max_size=3,
)
PLANNED = st.tuples(
    st.integers(0, 12 * 24),
    st.sampled_from(["email", "sms"]),
    st.sampled_from(["news", "offers"]),
    st.booleans(),
)


@given(CAPS, st.lists(PLANNED, max_size=12), st.randoms(use_true_random=False))
def test_caps_hold_over_any_sequence(caps: list[dict[str, Any]], planned: list[Any], random: Any) -> None:
    """Messages are planned at any hours, sent in batches of any size and order, and never are there too many."""
    rules = Rules.model_validate({"caps": caps})
    open_: dict[str, Message] = {}
    out: list[Message] = []
    for number, (hours, channel, topic, is_order) in enumerate(planned):
        due = NOW + timedelta(hours=hours)
        open_[f"m{number}"] = Message(
            id=f"m{number}",
            origin=f"o{number}",
            customer_id="ann",
            channel=channel,
            address="x",
            template=f"t{number}",
            version="v",
            message_class=MessageClass.TRANSACTIONAL if is_order else MessageClass.MARKETING,
            topic=topic,
            lane=Lane.EVENT,
            due_at=due,
            created_at=NOW,
        )
    for _ in range(200):
        if not open_:
            break
        now = max(NOW, min(message.due_at for message in open_.values()))
        due_now = [message for message in open_.values() if message.due_at <= now]
        batch = random.sample(due_now, random.randint(1, len(due_now)))
        facts = MessageFacts(
            now=now,
            customers={"ann": Customer(id="ann")},
            settings=rules,
            recent={
                "ann": tuple(
                    MessageFact(m.template, None, m.sent_at, None, None, m.channel, m.topic, m.message_class)
                    for m in out
                )
            },
            pending={"ann": tuple(open_.values())},
        )
        answers = {answer.message_id: answer for answer in check_messages(messages=batch, facts=facts)}
        for message in batch:
            answer = answers.get(message.id)
            assert answer is None or message.message_class is MessageClass.MARKETING
            if answer is None:
                out.append(replace(open_.pop(message.id), sent_at=now))
            elif isinstance(answer, Deny):
                del open_[message.id]
            else:
                assert answer.time > now
                open_[message.id] = replace(message, due_at=answer.time)
    assert not open_, "everything ends"
    marketing = [message for message in out if message.message_class is MessageClass.MARKETING]
    for cap in rules.caps:
        times = sorted(m.sent_at for m in marketing if cap.covers(m.channel, m.topic) and m.sent_at)
        for first, beyond in zip(times, times[cap.max :], strict=False):
            assert beyond - first >= timedelta(days=cap.days)
