"""What the verdict sees: each way to break a promise, and nothing where none is broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from messaging.nouns.message import Lane, MessageState
from tests.proving.checking import (
    IN_HANDS,
    TWICE,
    Verdict,
    doubt_against,
    ledger_against,
    orders_against,
    refused_against,
)


@pytest.mark.parametrize(
    ("state", "reason", "times", "said"),
    [
        (MessageState.SENT, None, 1, None),
        (MessageState.SENT, None, 0, "lost"),
        (MessageState.SENT, None, 2, "doubled, and nobody says so"),
        (MessageState.SENT, TWICE, 2, None),
        (MessageState.UNKNOWN, "no answer", 0, None),
        (MessageState.UNKNOWN, "no answer", 1, None),
        (MessageState.UNKNOWN, "no answer", 2, "doubled"),
        (MessageState.REFUSED, "no such address", 0, None),
        (MessageState.REFUSED, "gave up: busy", 1, "the provider accepted it"),
        (MessageState.SKIPPED, "unsubscribed", 1, "the provider accepted it"),
        (MessageState.PLANNED, "busy", 0, "never came to an end"),
        (MessageState.SENDING, None, 1, "never came to an end"),
    ],
)
def test_the_ledger_against_a_row(letter, state, reason, times, said):
    row = letter(state=state, reason=reason)
    verdict = Verdict()
    ledger_against(verdict, {row.id: row}, Counter({row.id: times} if times else {}))
    assert bool(verdict.breaches) == (said is not None), verdict.breaches
    assert said is None or said in verdict.breaches[0]
    assert verdict.doubled + verdict.unsaid == (times > 1)


def test_what_is_in_no_row(letter):
    verdict = Verdict()
    ledger_against(verdict, {}, Counter(["stranger"]))
    assert "in no row" in verdict.breaches[0]


def test_an_order_has_its_message_and_one(letter):
    row = letter(campaign=None, lane=Lane.ORDER, context={"order": {"number": "A-1"}})
    again = replace(row, id="other")
    for rows, accepted, said in (
        ([row], ["A-1"], None),
        ([], ["A-1"], "have no message"),
        ([row, again], ["A-1"], "more than one"),
        ([row], [], None),  # it died before it could answer
    ):
        verdict = Verdict()
        orders_against(verdict, {row.id: row for row in rows}, accepted)
        assert bool(verdict.breaches) == (said is not None)
        assert said is None or said in verdict.breaches[0]


@pytest.mark.parametrize(
    ("reason", "doubtful", "struck", "said"),
    [
        ("sendgrid: 500 internal server error", True, {}, None),
        ("sendgrid: 500 internal server error", False, {}, "had answered"),
        ("sendgrid: the connection was closed without an answer", False, {"connections refused": 1}, None),
        ("sendgrid: no answer in time", False, {}, None),  # a machine may be as busy as that
        ("its sender died", False, {"sender killed": 1}, None),
        ("its sender died", False, {"PostgreSQL cut off": 1}, None),
        ("its sender died", False, {"sender killed": 0, "429 with Retry-After": 3}, "their sender died, and 0 did"),
        (None, False, {}, "had answered"),
    ],
)
def test_doubt_has_a_cause(letter, reason, doubtful, struck, said):
    row = letter(state=MessageState.UNKNOWN, reason=reason, attempts=1)
    verdict = Verdict()
    doubt_against(verdict, {row.id: row}, {row.id} if doubtful else (), struck, at_least_once=False)
    assert bool(verdict.breaches) == (said is not None), verdict.breaches
    assert said is None or said in verdict.breaches[0]


def test_one_who_dies_leaves_no_more_in_doubt_than_they_can_have_in_hand(letter):
    row = letter(state=MessageState.UNKNOWN, reason="its sender died", attempts=1)
    for number, held in ((IN_HANDS, True), (IN_HANDS + 1, False)):
        verdict = Verdict()
        rows = {str(n): replace(row, id=str(n)) for n in range(number)}
        doubt_against(verdict, rows, (), {"server killed": 1}, at_least_once=False)
        assert (verdict.breaches == []) == held


@pytest.mark.parametrize(("attempts", "held"), [(0, False), (1, True)])
def test_what_was_only_locked_is_in_no_doubt(letter, attempts, held):
    row = letter(state=MessageState.UNKNOWN, reason="its sender died", attempts=attempts)
    verdict = Verdict()
    doubt_against(verdict, {row.id: row}, (), {"sender killed": 1}, at_least_once=False)
    assert (verdict.breaches == []) == held


@pytest.mark.parametrize(
    ("campaign", "at_least_once", "held"),
    [(None, True, True), (None, False, False), ("spring", True, False), ("spring", False, False)],
)
def test_only_what_was_asked_for_goes_again(letter, campaign, at_least_once, held):
    row = letter(campaign=campaign, state=MessageState.SENT, reason=TWICE)
    verdict = Verdict()
    doubt_against(verdict, {row.id: row}, (), {}, at_least_once=at_least_once)
    assert (verdict.breaches == []) == held


@pytest.mark.parametrize("state", [MessageState.REFUSED, MessageState.SKIPPED])
def test_nobody_is_refused_or_skipped_whom_the_provider_takes(letter, state):
    row = letter(state=state, reason="sendgrid: 429 too many requests")
    for nobody, held in (((), False), ((row.customer_id,), True)):
        verdict = Verdict()
        refused_against(verdict, {row.id: row}, nobody)
        assert (verdict.breaches == []) == held
