"""What a process counts as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from messaging import meters


@pytest.fixture(autouse=True)
def told() -> Iterator[list[Any]]:
    found: list[Any] = []
    before = list(meters._sink)
    meters.listen(lambda name, value, labels: found.append((name, value, dict(labels))))
    yield found
    meters._sink[:] = before


def test_it_is_told(told: list[Any]) -> None:
    meters.note("hits", kind="clicked")
    meters.note("receipts", 3, adapter="smtp", verdict="none")
    meters.listen(None)
    meters.note("hits", kind="clicked")
    assert told == [("hits", 1.0, {"kind": "clicked"}), ("receipts", 3, {"adapter": "smtp", "verdict": "none"})]


def test_each_item_is_timed_and_none_is_made_before_it_is_wanted(told: list[Any]) -> None:
    made: list[int] = []
    items = meters.timed("render_seconds", (made.append(number) or number for number in range(3)))
    assert (next(items), made) == (0, [0])
    assert list(items) == [1, 2]
    assert [name for name, _, _ in told] == ["render_seconds"] * 3
    meters.listen(None)
    assert list(meters.timed("render_seconds", range(3))) == [0, 1, 2]
    assert len(told) == 3


def test_labels_are_few_and_known() -> None:
    assert len({meter.name for meter in meters.METERS}) == len(meters.METERS)
    known = {"adapter", "verdict", "door", "route", "status", "kind", "by", "reason"}
    assert {label for meter in meters.METERS for label in meter.labels} <= known
