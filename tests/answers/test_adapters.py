"""What adapters answer: plain values of ours come out, or a word to their author; never anything else."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import Capabilities, Engagement, EngagementKind, Receipt
from messaging.answers import LONGEST, Wrong
from messaging.answers.adapters import capabilities, engagement, receipt
from messaging.nouns.adapter import Verdict

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)

ANYTHING = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**70,
        float("nan"),
        "",
        "text",
        "\0",
        "\ud800",
        "x" * 5000,
        b"\xff",
        NOW,
        NOW.replace(tzinfo=None),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=9))),
        timedelta.max,
        object(),
        [],
        ["\0", 7, None],
        ("a", "b"),
        {"at": NOW, "body": b"\xff", "people": {"ann"}, 7: object()},
        *Verdict,
        *EngagementKind,
    ]
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Receipt)]), ANYTHING))
def test_a_receipt_is_ours_or_none(told: dict[str, Any]) -> None:
    said = replace(Receipt.accepted("m1"), **told)
    try:
        found = receipt("deliver gave", said, {"m1"})
    except Wrong as error:
        assert str(error).startswith("deliver gave a receipt")
        return
    assert found.message_id == "m1"
    assert type(found.verdict) is Verdict
    assert type(found.delivered) is bool
    for text in (found.provider_id, found.reason, found.suppress):
        assert text is None or (len(text) <= LONGEST + 1 and "\0" not in text and text.encode() is not None)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Engagement)]), ANYTHING))
def test_an_engagement_is_ours_or_none(told: dict[str, Any]) -> None:
    said = replace(Engagement(id="e1", kind=EngagementKind.CLICKED, at=NOW), **told)
    try:
        found = engagement(said)
    except Wrong as error:
        assert str(error).startswith("it made an Engagement")
        return
    assert found.at.tzinfo is UTC
    assert Engagement.from_document(found.to_document()).id == found.id
    assert all(isinstance(reason, str) for reason in found.reasons)
    assert all(type(flag) is bool for flag in (found.permanent, found.soft, found.machine))
    assert str(found).encode()


@pytest.mark.parametrize("told", [None, 7, "Receipt", {"message_id": "m1"}, Receipt, [Receipt.accepted("m1")]])
def test_what_is_no_receipt(told: Any) -> None:
    with pytest.raises(Wrong, match=r"deliver gave \w+, not a Receipt"):
        receipt("deliver gave", told, {"m1"})


def test_a_whole_number_is_no_yes() -> None:
    with pytest.raises(Wrong, match="lookup is 1"):
        capabilities("Owl", replace(Capabilities(), lookup=1))  # type: ignore[arg-type] # which is what it is about
    with pytest.raises(Wrong, match="batch_size is True"):
        capabilities("Owl", replace(Capabilities(), batch_size=True))


@pytest.mark.parametrize("size", [0, -1, 10**9])
def test_a_batch_has_a_size(size: int) -> None:
    with pytest.raises(Wrong, match="Owl has capabilities whose batch_size is"):
        capabilities("Owl", Capabilities(batch_size=size))


def test_a_time_is_told_in_utc() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    assert engagement(Engagement(id="e1", kind=EngagementKind.OPENED, at=noon)).at == NOW


@pytest.mark.parametrize("at", [datetime(2026, 3, 2), datetime.max.replace(tzinfo=timezone(-timedelta(hours=9)))])  # noqa: DTZ001 - no zone
def test_a_time_that_is_none(at: datetime) -> None:
    with pytest.raises(Wrong, match=r"whose time (has no zone|is out of all bounds): 'e1'"):
        engagement(Engagement(id="e1", kind=EngagementKind.OPENED, at=at))


def test_the_same_answer_for_another_message_has_all_that_it_says() -> None:
    said = Receipt(
        message_id="a",
        verdict=Verdict.REFUSED,
        provider_id="p-1",
        reason="no",
        after=timedelta(1),
        suppress="bounced",
        delivered=True,
    )
    assert {each.name for each in fields(said) if getattr(said, each.name) == each.default} == set()
    assert said.about("b") == replace(said, message_id="b")
