"""Consent and suppression decide; nothing overrides a person's withdrawal but the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.consent import AddressStatus, Consent, Suppression
from messaging.nouns.decision import Decision, Deny, NotBefore
from messaging.nouns.message import MessageClass
from messaging.rules.policy import combine, has_consent, refusal, standing

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MARKETING, TRANSACTIONAL = MessageClass.MARKETING, MessageClass.TRANSACTIONAL


def consent(granted: bool, day: int, topic: str = "*", dated: bool = True) -> Consent:
    return Consent(
        channel="email",
        address="a@example.com",
        topic=topic,
        granted=granted,
        at=T0 + timedelta(days=day),
        dated=dated,
    )


@pytest.mark.parametrize(
    ("consents", "answer"),
    [
        ([], "no consent"),
        ([consent(True, 1)], None),
        ([consent(True, 1, "news")], None),
        ([consent(True, 1, "sport")], "no consent"),
        ([consent(True, 1), consent(False, 2)], "unsubscribed"),
        ([consent(True, 1), consent(False, 2, "news")], "unsubscribed"),
        ([consent(True, 1), consent(False, 2, "sport")], None),
        ([consent(False, 1), consent(True, 2)], None),
        ([consent(False, 1), consent(True, 2, "news")], None),
        # An import that does not know when people agreed never beats a withdrawal, however late it runs.
        ([consent(False, 1), consent(True, 2, dated=False)], "unsubscribed"),
        ([consent(False, 1), consent(True, 2, "news", dated=False)], "unsubscribed"),
        ([consent(True, 1, dated=False)], None),
        ([consent(True, 0, dated=False), consent(False, 1), consent(True, 2, dated=False)], "unsubscribed"),
        # At the very same time the withdrawal counts.
        ([consent(False, 1), consent(True, 1)], "unsubscribed"),
    ],
)
def test_marketing_asks_for_consent(consents: list[Consent], answer: str | None) -> None:
    status = AddressStatus(consents=tuple(consents))
    assert refusal(status, MARKETING, "news") == answer
    assert has_consent({"email": status}, "email", "news") is (answer is None)


def test_the_latest_of_two_withdrawals_stands() -> None:
    told_again = consent(False, 2, dated=False)
    assert standing([consent(False, 1), told_again], "news") == told_again


def test_order_messages_ask_for_no_consent_but_respect_suppression() -> None:
    assert refusal(AddressStatus(consents=(consent(False, 1),)), TRANSACTIONAL, "orders") is None
    bounced = AddressStatus(suppression=Suppression(channel="email", address="a@example.com", reason="bounced", at=T0))
    assert refusal(bounced, TRANSACTIONAL, "orders") == "suppressed (bounced)"
    assert refusal(bounced, MARKETING, "news") == "suppressed (bounced)"
    assert has_consent({"email": bounced}, "email", "news") is False


def test_an_unknown_channel_has_no_consent() -> None:
    assert has_consent({}, "sms", "news") is False


consents = st.builds(
    consent,
    granted=st.booleans(),
    day=st.integers(0, 5),
    topic=st.sampled_from(["*", "news", "sport"]),
    dated=st.booleans(),
)


@given(st.lists(consents), st.randoms())
def test_the_order_they_are_told_in_does_not_matter(decisions: list[Consent], rng: object) -> None:
    shuffled = list(decisions)
    rng.shuffle(shuffled)
    first, second = standing(decisions, "news"), standing(shuffled, "news")
    assert (first and first.granted) == (second and second.granted)


@given(st.lists(consents))
def test_a_withdrawal_of_everything_after_all_else_stops_every_topic(decisions: list[Consent]) -> None:
    last = consent(False, 6)
    for topic in ("news", "sport", "anything"):
        assert standing([*decisions, last], topic) == last


def test_all_denials_are_kept_and_the_latest_time_wins() -> None:
    decisions: list[Decision] = [
        Deny(message_id="1", reason="first"),
        NotBefore(message_id="2", time=T0 + timedelta(hours=2), reason="late"),
        NotBefore(message_id="2", time=T0 + timedelta(hours=1), reason="early"),
        Deny(message_id="1", reason="second"),
    ]
    denied, delayed = combine(decisions)
    assert denied == {"1": "first; second"}
    assert delayed == {"2": (T0 + timedelta(hours=2), "late")}
