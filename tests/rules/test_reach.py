"""Whether an address is still reached: laws of the count of soft bounces in a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.rules.reach import soft_bounces

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
KINDS: Mapping[str, Mapping[str, Any]] = {
    "s": {"kind": EngagementKind.BOUNCED, "soft": True},
    "b": {"kind": EngagementKind.BOUNCED},  # blocked: for the sender, the content
    "d": {"kind": EngagementKind.DELIVERED},
    "f": {"kind": EngagementKind.DEFERRED},
    "c": {"kind": EngagementKind.CLICKED},
    "m": {"kind": EngagementKind.CLICKED, "machine": True},
    "r": {"kind": EngagementKind.REPLIED},
    "u": {"kind": EngagementKind.UNSUBSCRIBED},
}


def told(letter: str, minute: int, message: str | None = None) -> Engagement:
    at = START + timedelta(minutes=minute)
    return Engagement(id=f"{letter}{minute}{message}", at=at, message_id=message, **KINDS[letter])


def row(text: str) -> int:
    """How many in a row, if each letter comes a minute after the one before, about a message of its own."""
    return len(soft_bounces(told(letter, minute, f"m{minute}") for minute, letter in enumerate(text)))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("s", 1),
        ("sss", 3),
        ("ssd", 0),
        ("ssdss", 2),
        ("sscs", 1),
        ("ssrs", 1),
        ("ssms", 3),  # a machine clicks also where nobody is
        ("sbsfsu", 3),
        ("bbb", 0),
    ],
)
def test_in_a_row(text: str, number: int) -> None:
    assert row(text) == number


def test_of_one_message_the_last_word_counts() -> None:
    assert len(soft_bounces([told("d", 1, "a"), told("s", 2, "a"), told("d", 3, "b"), told("s", 4, "b")])) == 2
    assert soft_bounces([told("s", 1, "a"), told("s", 2, "b"), told("d", 3, "a")]) == []


@given(
    st.lists(st.tuples(st.sampled_from("sbdfcmru"), st.integers(0, 50), st.sampled_from("abcdef")), max_size=20),
    st.data(),
)
def test_neither_order_nor_repetition_counts(facts: list[tuple[str, int, str]], data: st.DataObject) -> None:
    once = [told(*fact) for fact in dict.fromkeys(facts)]
    again = data.draw(st.permutations(once + once[:3]))
    found = soft_bounces(once)
    assert soft_bounces(again) == found
    assert len({one.message_id for one in found}) == len(found) <= len({one.message_id for one in once if one.soft})
    assert soft_bounces([*once, told("d", 99, "z")]) == []
    assert len(soft_bounces([*once, told("s", 99, "z")])) == len(found) + 1
