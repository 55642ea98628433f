"""Backoff: doubles, with jitter that repeats, within bounds."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.retry import backoff

FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=6)


@given(st.text(), st.integers(1, 10_000), st.none() | st.integers(-5, 10**9).map(lambda s: timedelta(seconds=s)))
def test_within_bounds_and_the_same_again(message: str, attempt: int, asked: timedelta | None) -> None:
    wait = backoff(message, attempt, first=FIRST, longest=LONGEST, asked=asked)
    assert timedelta(0) <= wait <= LONGEST
    assert wait == backoff(message, attempt, first=FIRST, longest=LONGEST, asked=asked)
    if asked is not None and asked <= LONGEST:
        assert wait >= asked


def test_it_doubles_and_spreads() -> None:
    for attempt in range(1, 6):
        waits = {backoff(str(n), attempt, first=FIRST, longest=LONGEST) for n in range(100)}
        full = FIRST * 2 ** (attempt - 1)
        assert len(waits) == 100
        assert min(waits) >= full / 2
        assert max(waits) <= full
