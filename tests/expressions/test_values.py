"""The meaning of values and operations."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.expressions import values
from messaging.expressions.values import calculate, compare, moment, number, show

NUMBERS = st.decimals(min_value=-(10**9), max_value=10**9, places=4)


@given(NUMBERS, NUMBERS)
def test_sums_and_products_are_exact(a: Decimal, b: Decimal) -> None:
    assert Fraction(calculate("+", a, b) or 0) == Fraction(a) + Fraction(b)
    assert Fraction(calculate("-", a, b) or 0) == Fraction(a) - Fraction(b)
    assert Fraction(calculate("*", a, b) or 0) == Fraction(a) * Fraction(b)


@given(NUMBERS, NUMBERS.filter(bool))
def test_quotients_are_those_of_python(a: Decimal, b: Decimal) -> None:
    exact = Fraction(a) / Fraction(b)
    quotient = calculate("/", a, b)
    assert quotient is not None
    assert abs(Fraction(quotient) - exact) <= Fraction(1, 2 * 10**12)
    assert calculate("//", a, b) == exact // 1
    assert calculate("%", a, b) == Fraction(a) % Fraction(b)


@pytest.mark.parametrize("operator", ["/", "//", "%"])
def test_by_zero_is_missing(operator: str) -> None:
    assert calculate(operator, 1, 0) is None
    assert calculate(operator, 0, Decimal("0.0")) is None


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%"])
def test_missing_and_too_large_make_missing(operator: str) -> None:
    assert calculate(operator, None, 1) is None
    assert calculate(operator, 1, None) is None
    huge = Decimal("9e59")
    assert calculate("*", huge, huge) is None


@pytest.mark.parametrize("relation", ["==", "!=", "<", "<=", ">", ">="])
def test_missing_makes_a_comparison_false(relation: str) -> None:
    assert not compare(relation, None, 1)
    assert not compare(relation, "a", None)
    assert not compare(relation, None, None)


def test_text_goes_by_code_point() -> None:
    assert compare("<", "Z", "a")
    assert compare("<", "z", "ä")
    assert compare("<", "\uffff", "\U00010000")  # UTF-16 would say otherwise
    assert not compare("==", "a\u0308", "ä")


def test_membership() -> None:
    assert values.among(1, (None, Decimal("1.0")), wanted=True)
    assert values.among(1, (None, 2), wanted=False)
    assert not values.among(None, (None, 1), wanted=True)
    assert not values.among(None, (1,), wanted=False)
    assert not values.within(None, "abc", wanted=False)
    assert values.within("b", "abc", wanted=True)


@pytest.mark.parametrize(
    "value", ["", "x", "nan", "inf", "-Infinity", "sNaN", "1e100", "9" * 61, True, None, [], float("nan"), 10**70]
)
def test_what_is_no_number_is_missing(value: object) -> None:
    assert number(value) is None


def test_numbers_from_outside() -> None:
    assert number(0.1) == Decimal("0.1")
    assert number("12.50") == Decimal("12.5")
    assert number(3) == 3


def test_days_and_times() -> None:
    assert moment(date(2026, 1, 2)) == moment("2026-01-02") == datetime(2026, 1, 2, tzinfo=UTC)
    assert moment("2026-01-02T01:00:00+02:00") == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert moment("2026-01-02T01:00:00+02:00").day == 1
    for text in ("2026-01-02T01:00:00", "20260102", "2026-W01-1", "2026-13-01", "soon", "", "0001-01-01T00:00+14:00"):
        assert moment(text) is None
    assert moment(datetime(2026, 1, 2)) is None  # noqa: DTZ001 - that is the point


def test_days_have_24_hours() -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert values.days_between(datetime(2026, 3, 28, 0, tzinfo=UTC), noon) == Decimal("1.5")
    assert values.days_between(noon, datetime(2026, 3, 28, 12, tzinfo=UTC)) == -1
    assert values.days_between(None, noon) is None


def test_shown_values_are_short_and_safe() -> None:
    assert show(Decimal("10.50")) == "10.50"
    assert show(Decimal("3.000")) == "3"
    assert show(Decimal("0.001")) == "0.001"
    assert show(Decimal("33.3333333333")) == "33.33"
    assert show(None) == "missing"
    assert show(True) == "true"
    assert show(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02"
    assert "\x1b" not in show("\x1b[31m")
    assert len(show("x" * 1000)) < 100
