"""Amounts, however shops write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.envelope import read_event
from messaging_shops.money import amount, currency, from_minor, total_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("29.35", "29.35"),
        (" 29.350 ", "29.350"),
        ("-4.00", "-4.00"),
        (3, "3"),
        (3.0, "3"),
        (16.989999999999998, "16.99"),
        (3.3333333333333335, "3.3333"),
        (0.1 + 0.2, "0.3"),
        (1e-9, "0"),
        ("1.23456789", "1.2346"),
        ("1e3", "1000"),
    ],
)
def test_amount(value: object, expected: str) -> None:
    assert amount(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "free",
        "1,50",
        "1.2.3",
        "NaN",
        "Infinity",
        "1e400",
        "9" * 5000,
        10**15,
        1e15,
        float("inf"),
        None,
        True,
        [],
        {},
    ],
)
def test_no_amount(value: object) -> None:
    assert amount(value) is None


@given(st.text() | st.integers() | st.floats() | st.decimals().map(str))
def test_any_amount_is_one_of_the_envelopes(value: object) -> None:
    told = amount(value)
    if told is not None:
        order = {"number": "1", "total": told}
        read_event(
            {
                "id": "1",
                "type": "order.paid",
                "time": "2026-03-02T10:00:00Z",
                "customer": {"id": "a"},
                "data": {"order": order},
            }
        )


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=4))
def test_text_is_not_changed(value: Decimal) -> None:
    assert amount(format(value, "f")) == format(value, "f")


@pytest.mark.parametrize(
    ("value", "expected"), [("eur", "EUR"), (" USD ", "USD"), ("EURO", None), ("€", None), (7, None), (None, None)]
)
def test_currency(value: object, expected: str | None) -> None:
    assert currency(value) == expected


@pytest.mark.parametrize(
    ("value", "code", "expected"),
    [
        (2935, "USD", "29.35"),
        (5, "EUR", "0.05"),
        (-5, "EUR", "-0.05"),
        (500, "JPY", "500"),
        (1500, "KWD", "1.500"),
        (2935, None, "29.35"),
        (0, "EUR", "0.00"),
    ],
)
def test_smallest_units(value: int, code: str | None, expected: str) -> None:
    assert from_minor(value, code) == expected


@pytest.mark.parametrize("value", ["2935", 29.35, True, None, 10**15, 10**400])
def test_no_smallest_units(value: object) -> None:
    assert from_minor(value, "EUR") is None


def test_sums() -> None:
    assert total_of("1.10", 2, None, "x", 0.5) == "3.60"
    assert total_of(None, "x") is None
