"""What the verdict sees: each way to break a promise, and nothing where none is broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from messaging.nouns.message import Lane, MessageState
from tests.proving.checking import TWICE, Verdict, ledger_against, orders_against


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
