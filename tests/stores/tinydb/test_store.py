"""Rate tokens by a clock that stands where it is put."""

from __future__ import annotations

import pytest


class Hands:
    """A monotonic clock."""

    at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def take(open_tiny, hands):
    store = open_tiny(monotonic=hands)
    return lambda wanted: store.take_tokens("smtp", wanted, rate=2.0, burst=4)


def test_it_fills_at_its_rate_up_to_the_burst(take, hands):
    assert take(9) == (4, 0.5)
    hands.at += 1.5
    assert take(9) == (3, 0.5)
    hands.at += 100
    assert take(9) == (4, 0.5)


def test_most_of_a_token_is_none(take, hands):
    take(4)
    hands.at += 0.45
    taken, wait = take(1)
    assert taken == 0
    assert wait == pytest.approx(0.05)


def test_a_clock_that_began_anew_takes_nothing_away(take, hands):
    assert take(1)[0] == 1
    hands.at = 5.0
    assert take(9)[0] == 3
