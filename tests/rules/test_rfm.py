"""Grades: quantiles, ties in one grade, better never below worse."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.rfm import CutPoints, cut_points, grade

VALUES = st.lists(st.integers(-20, 20).map(Decimal) | st.decimals(-100, 100, places=2), min_size=1, max_size=60)


def test_distinct_values_fall_in_five_equal_grades() -> None:
    values = [Decimal(value) for value in range(1, 51)]
    cuts = cut_points(values)
    assert Counter(grade(value, cuts) for value in values) == dict.fromkeys(range(1, 6), 10)
    assert grade(Decimal(1), cuts) == 1
    assert grade(Decimal(50), cuts) == 5


def test_where_most_are_alike_they_are_the_least() -> None:
    """97 of 100 bought once: they are no champions."""
    values = [Decimal(1)] * 97 + [Decimal(2)] * 2 + [Decimal(9)]
    cuts = cut_points(values)
    assert [grade(Decimal(value), cuts) for value in (1, 2, 9)] == [1, 5, 5]


@given(VALUES)
def test_each_grade_takes_at_most_its_share_and_its_ties(values: list[Decimal]) -> None:
    cuts = cut_points(values)
    for k in range(1, 5):
        below = [value for value in values if (grade(value, cuts) or 0) <= k]
        assert len(below) * 5 >= k * len(values)
        greatest = max(below)
        assert sum(value < greatest for value in values) * 5 < k * len(values) or (
            sum(value < greatest for value in values) * 5 <= k * len(values)
        )


@given(VALUES, st.decimals(-200, 200, places=2), st.decimals(-200, 200, places=2))
def test_better_is_never_graded_below(values: list[Decimal], a: Decimal, b: Decimal) -> None:
    cuts = cut_points(values)
    low, high = sorted((a, b))
    assert 1 <= (grade(low, cuts) or 0) <= (grade(high, cuts) or 0) <= 5


@given(VALUES)
def test_order_of_values_does_not_matter(values: list[Decimal]) -> None:
    assert cut_points(values) == cut_points(values[::-1])


def test_nobody_is_graded_by_nobody() -> None:
    assert cut_points([]) == ()
    assert grade(Decimal(3), ()) is None


def test_cut_points_survive_the_store() -> None:
    cuts = CutPoints(
        r=(Decimal("-3.5"),) * 4,
        f=(Decimal(1),) * 4,
        m=(),
        graded_at=datetime(2026, 3, 2, tzinfo=UTC),
        customers=7,
        currency="EUR",
    )
    assert CutPoints.from_document(cuts.to_document()) == cuts
