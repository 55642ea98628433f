"""Quiet hours by the clock: over midnight, on weekdays, and when clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging_rules.week import DAY, Span, next_open, open_only, week_of

VIENNA = ZoneInfo("Europe/Vienna")
NIGHT = Span(21 * 60, 8 * 60)
MINUTE = timedelta(minutes=1)


def at(text: str, zone: ZoneInfo = VIENNA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("span", "asked", "told"),
    [
        (NIGHT, "2026-11-22T20:59:59", "2026-11-22T20:59:59"),
        (NIGHT, "2026-11-22T21:00", "2026-11-23T08:00"),
        (NIGHT, "2026-11-23T07:59:59", "2026-11-23T08:00"),
        (NIGHT, "2026-11-23T08:00", "2026-11-23T08:00"),
        # a night that begins on Saturday is over on Sunday morning; Sunday's own night is none
        (Span(21 * 60, 8 * 60, frozenset({5})), "2026-11-22T03:00", "2026-11-22T08:00"),
        (Span(21 * 60, 8 * 60, frozenset({5})), "2026-11-22T22:00", "2026-11-22T22:00"),
        # the same time twice: a whole day
        (Span(0, 0, frozenset({6})), "2026-11-22T10:00", "2026-11-23T00:00"),
        (Span(0, DAY, frozenset({5, 6})), "2026-11-21T10:00", "2026-11-23T00:00"),
        # clocks: in the night of 2026-03-29 the hour from 2 to 3 is left out, on 2026-10-25 there are two
        (NIGHT, "2026-03-28T22:00", "2026-03-29T08:00"),
        (NIGHT, "2026-10-24T22:00", "2026-10-25T08:00"),
        (Span(21 * 60, 2 * 60 + 30), "2026-03-29T01:59", "2026-03-29T03:00"),
    ],
)
def test_when_it_is_over(span: Span, asked: str, told: str) -> None:
    assert next_open(at(asked), [week_of([span])], [VIENNA]) == at(told)


def test_an_hour_that_comes_twice_is_quiet_twice() -> None:
    week = week_of([Span(2 * 60, 2 * 60 + 30)])
    first = at("2026-10-25T02:10")
    assert next_open(first, [week], [VIENNA]) == first + 20 * MINUTE
    second = first + timedelta(hours=1)
    assert second.astimezone(VIENNA).fold == 1
    assert next_open(second, [week], [VIENNA]) == second + 20 * MINUTE


def test_all_zones_and_all_weeks_must_be_open() -> None:
    zones = [ZoneInfo("America/New_York"), ZoneInfo("Pacific/Honolulu")]
    asked = datetime(2026, 11, 23, 13, tzinfo=UTC)  # 8:00 in New York
    assert next_open(asked, [open_only(8 * 60, 20 * 60)], zones) == datetime(2026, 11, 23, 18, tzinfo=UTC)


def test_no_hour_that_suits_all() -> None:
    zones = [ZoneInfo("Europe/Kaliningrad"), ZoneInfo("Asia/Kamchatka")]
    assert next_open(at("2026-11-22T12:00"), [open_only(9 * 60, 18 * 60)], zones) is None


ZONES = (
    *("Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"),
    *("America/St_Johns", "Pacific/Chatham", "Pacific/Apia", "Asia/Tehran", "America/Havana", "Africa/Cairo"),
)
SPANS = st.builds(
    Span,
    st.integers(0, DAY - 1),
    st.integers(0, DAY),
    st.frozensets(st.integers(0, 6), min_size=1),
)


@given(
    st.lists(SPANS, min_size=1, max_size=3),
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=2),
    st.integers(int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2028, 1, 1, tzinfo=UTC).timestamp())),
)
@example([Span(21 * 60, 150)], ["Europe/Vienna"], int(datetime(2026, 3, 29, 0, 59, tzinfo=UTC).timestamp()))
@example([Span(90, 130)], ["Europe/Vienna"], int(datetime(2026, 10, 25, 0, 20, tzinfo=UTC).timestamp()))
def test_never_in_the_quiet_hours_and_never_later_than_need_be(
    spans: list[Span], names: list[str], second: int
) -> None:
    zones = [ZoneInfo(name) for name in names]
    asked = datetime.fromtimestamp(second, UTC)

    def is_quiet(instant: datetime) -> bool:
        for zone in zones:
            wall = instant.astimezone(zone)
            minute = wall.hour * 60 + wall.minute
            for span in spans:
                today, yesterday = wall.weekday() in span.days, (wall.weekday() - 1) % 7 in span.days
                if span.start < span.end:
                    if today and span.start <= minute < span.end:
                        return True
                elif (today and minute >= span.start) or (yesterday and minute < span.end):
                    return True
        return False

    told = next_open(asked, [week_of(spans)], zones)
    if told is None:
        assert all(is_quiet(asked + hours * timedelta(minutes=30)) for hours in range(7 * 48))
        return
    assert told >= asked
    assert not is_quiet(told)
    # Quiet times begin and end on whole minutes: looking once in each is looking everywhere.
    step = asked.replace(second=0) + MINUTE
    assert told == asked or is_quiet(asked)
    for number in range(min(int((told - step) / MINUTE), 3000)):
        assert is_quiet(step + number * MINUTE)
