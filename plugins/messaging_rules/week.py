"""Hours of the week in which nothing is sent, and when they are over.

An instant is quiet if the recipient's clock shows a quiet time then. So an hour that the clock shows twice in autumn
is quiet twice, and one that it leaves out in spring ends with the leap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

#: Minutes.
DAY = 24 * 60
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
EVERY_DAY = frozenset(range(7))
#: Whatever is not open within so long never is: hours repeat by the week, and a day more for clocks that change.
_SEARCHED = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Span:
    """From one minute of the day to another, on the next day if that is not later; on the days it begins."""

    start: int
    end: int
    days: frozenset[int] = EVERY_DAY


@dataclass(frozen=True, slots=True)
class Week:
    """Quiet minutes of each weekday (Monday first): from, until before."""

    days: tuple[tuple[tuple[int, int], ...], ...] = ((),) * 7

    def __bool__(self) -> bool:
        return any(self.days)

    @property
    def is_full(self) -> bool:
        """Whether nothing is left."""
        return all(_end_of_quiet(day, 0) == DAY for day in self.days)

    def after(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """`instant`, if the clock in `zone` shows no quiet time then; else the first instant that may be over it."""
        wall = instant.astimezone(zone)
        end = _end_of_quiet(self.days[wall.weekday()], wall.hour * 60 + wall.minute)
        if end is None:
            return instant
        shown = wall.replace(tzinfo=None)
        left = datetime.combine(shown, time()) + timedelta(minutes=end) - shown
        over = instant + left
        if over.astimezone(zone).utcoffset() == wall.utcoffset():
            return over
        # The clock is changed before: it may then be over already, or show a quiet time again.
        return min(over, _change(instant, over, zone))


def _end_of_quiet(day: Sequence[tuple[int, int]], minute: int) -> int | None:
    """The end of the quiet span that `minute` is in, with those that follow on; None if it is in none."""
    end = minute
    while (further := max((stop for start, stop in day if start <= end < stop), default=None)) is not None:
        end = further
    return end if end != minute else None


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second between the two at which the clock in `zone` is changed."""
    offset = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def week_of(spans: Iterable[Span]) -> Week:
    """The week with these quiet hours."""
    days: list[list[tuple[int, int]]] = [[] for _ in range(7)]
    for span in spans:
        for day in span.days:
            if span.start < span.end:
                days[day].append((span.start, span.end))
            else:
                days[day].append((span.start, DAY))
                days[(day + 1) % 7].append((0, span.end))
    return Week(tuple(tuple(sorted((start, end) for start, end in day if start < end)) for day in days))


def open_only(
    start: int, end: int, *, saturday: tuple[int, int] | None = None, sunday: tuple[int, int] | None = None
) -> Week:
    """The week that is quiet but for these hours of each day; `(0, 0)`: the whole day is quiet."""
    hours = [(start, end)] * 5 + [saturday or (start, end), sunday or (start, end)]
    return Week(tuple(tuple((a, b) for a, b in ((0, opens), (closes, DAY)) if a < b) for opens, closes in hours))


def next_open(instant: datetime, weeks: Sequence[Week], zones: Sequence[ZoneInfo]) -> datetime | None:
    """The first instant, from this one on, at which none of `weeks` is quiet in any of `zones`; None: there is none."""
    latest = instant + _SEARCHED
    while instant <= latest:
        later = max((week.after(instant, zone) for week in weeks for zone in zones), default=instant)
        if later == instant:
            return instant
        instant = later
    return None
