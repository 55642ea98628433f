"""Rate tokens by a clock that stands where it is put."""

from __future__ import annotations

import time

import pytest


class Hands:
    """The machine's clock."""

    at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def take(open_tiny, hands):
    store = open_tiny(seconds=hands)
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


@pytest.mark.parametrize("spent", [1, 4])
def test_a_clock_that_was_set_back_takes_nothing_away(take, hands, spent):
    assert take(spent)[0] == spent
    hands.at = 5.0
    assert take(9)[0] == 4 - spent
    hands.at += 1.0
    assert take(9)[0] == 2


def test_a_clock_that_was_set_forward_gives_no_more_than_the_burst(take, hands):
    take(4)
    hands.at = 1e9
    assert take(99)[0] == 4


def test_the_clock_does_not_begin_anew_with_the_machine(open_tiny):
    """One that counts from the start of the machine stands behind what was kept until it is up as long again."""
    open_tiny().take_tokens("smtp", 1, rate=1.0, burst=1)
    (bucket,) = open_tiny()._buckets.documents.values()
    assert abs(bucket["at"] - time.time()) < 60


def test_a_file_that_was_damaged_while_it_was_open_is_found(open_tiny):
    store = open_tiny()
    store.put_note("a", 1)
    assert list(store.contents.faults()) == []
    data = bytearray(store.path.read_bytes())
    data[-10] ^= 1
    store.path.write_bytes(data)
    (fault,) = store.contents.faults()
    assert "is damaged" in fault.problem
    assert "bring back" in fault.hint
