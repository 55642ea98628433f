"""Typed values out of text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.values import (
    Guess,
    means_yes,
    read_boolean,
    read_date,
    read_line,
    read_number,
    read_text,
    read_value,
)


def test_text_stays_as_it_was_written():
    """Only blanks around it go; whichever system ended its lines."""
    assert read_text("  line one\n  indented  two\r\nthree\rfour\n") == "line one\n  indented  two\nthree\nfour"
    assert read_line(" Ann\n  Maria ") == "Ann Maria"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("-3", -3),
        ("12.50", 12.5),
        ("12,5", 12.5),
        (".5", 0.5),
        ("0", 0),
        ("1234567890", 1234567890),
    ],
)
def test_number(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "1,234", "1.2.3", "12 EUR", "NaN", "inf", "1e5", "0x10", "١٢٣a", "1234567890123456"]
)
def test_no_number(text):
    with pytest.raises(ValueError, match="number"):
        read_number(text)


def test_boolean():
    assert read_boolean(" Yes ") is True
    assert read_boolean("nein") is False
    with pytest.raises(ValueError, match="neither"):
        read_boolean("maybe")
    assert means_yes("Subscribed")
    assert not means_yes("maybe")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-12-31", date(2026, 12, 31)),
        ("31-12-2026", date(2026, 12, 31)),
        ("1.2.2026", date(2026, 2, 1)),
        ("31/12/2026", date(2026, 12, 31)),
        ("12/31/2026", date(2026, 12, 31)),
        ("5/5/2026", date(2026, 5, 5)),
        ("2026-12-31 10:30", datetime(2026, 12, 31, 10, 30, tzinfo=UTC)),
        ("2026-12-31T10:30:00.000Z", datetime(2026, 12, 31, 10, 30, tzinfo=UTC)),
        ("2026-12-31 10:30:00 UTC", datetime(2026, 12, 31, 10, 30, tzinfo=UTC)),
        ("2026-12-31T10:30:00+02:00", datetime(2026, 12, 31, 8, 30, tzinfo=UTC)),
        ("13-05-2024 9:30", datetime(2024, 5, 13, 9, 30, tzinfo=UTC)),
        ("13-05-2024 09:30:15", datetime(2024, 5, 13, 9, 30, 15, tzinfo=UTC)),
    ],
)
def test_date(text, value):
    assert read_date(text) == value


def test_a_date_that_could_be_two():
    for text in ("3/4/2026", "12/3/2026", "3/12/2026"):
        with pytest.raises(ValueError, match="day or month first"):
            read_date(text)
    assert read_date("3/4/2026", order="dmy") == date(2026, 4, 3)
    assert read_date("3/4/2026", order="mdy") == date(2026, 3, 4)


@pytest.mark.parametrize(
    "text", ["", "soon", "31-31-2026", "2026-02-30", "13/13/2026", "0000-00-00", "9999-99-99 99:99"]
)
def test_no_date(text):
    with pytest.raises(ValueError, match="date"):
        read_date(text)


def test_times_without_zone_are_in_the_shops():
    zone = timezone(timedelta(hours=2))
    assert read_date("2026-03-02 10:00", zone=zone) == datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["a\x00b", "x" * 10_001, "\ud800"])
def test_text_that_cannot_be_kept(text):
    with pytest.raises(ValueError, match=r"NUL|longer|surrogate"):
        read_text(text)


def guess(*values):
    found = Guess()
    for value in values:
        found.observe(value)
    return found.type


@pytest.mark.parametrize(
    ("values", "type"),
    [
        (("1", "", "2.5"), "number"),
        (("01", "2"), "text"),
        (("0", "1"), "number"),
        (("yes", "No"), "boolean"),
        (("yes", "maybe"), "text"),
        (("2026-01-01", "31.12.2025"), "date"),
        (("3/4/2026", "25/4/2026"), "date"),
        (("3/4/2026", "5/6/2026"), "text"),
        (("25/4/2026", "4/25/2026"), "text"),
        (("1", "yes"), "text"),
        (("+49 30 1",), "text"),
        (("+4930123456", "4930123456"), "text"),
        (("-1", "2"), "number"),
    ],
)
def test_guess(values, type):
    assert guess(*values) == type


@given(
    st.lists(st.text(max_size=12) | st.sampled_from(["1", "2,5", "yes", "no", "1/2/2026", "14/2/2026", "2026-01-01"]))
)
def test_what_is_guessed_can_be_read(values):
    found = Guess()
    for value in values:
        found.observe(value)
    for value in values:
        if value.strip() and "\x00" not in value:
            read_value(found.type, value, order=found.order)
