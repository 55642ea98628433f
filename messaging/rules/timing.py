"""Durations as people write them, and when a triggered message is due."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from messaging.nouns.template import Trigger

_UNITS = {
    "s": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
    "w": 604800,
    "week": 604800,
}
_PIECE = re.compile(r"[\s,]*(\d+(?:\.\d+)?)\s*([a-z]+)")
_AT = re.compile(r"\s*([a-z_]\w*(?:\.[a-z_]\w*)+)\s*(?:([+-])\s*(.+?)\s*)?", re.IGNORECASE)
_DAY = timedelta(days=1)

#: The customer's local time at which something that has a day but no time of day is due.
MORNING = time(9)


def parse_duration(text: str) -> timedelta:
    """`4 hours`, `1 day 12 h`, `30 min` as a duration; a day is 24 hours.

    Raises:
        ValueError: it is no duration.
    """
    seconds, position = 0.0, 0
    text = text.strip().lower()
    while match := _PIECE.match(text, position):
        unit = match[2] if match[2] in _UNITS else match[2].removesuffix("s")
        if unit not in _UNITS:
            break
        seconds += float(match[1]) * _UNITS[unit]
        position = match.end()
    if not text or position != len(text):
        raise ValueError(f"{text!r} is not a duration: write it like '4 hours' or '1 day 12 hours'")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text!r} is too long a time") from None


def duration_text(duration: timedelta) -> str:
    """`1 day 12 hours`, as settings and templates are written."""
    seconds = duration.total_seconds()
    parts = []
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        number, seconds = divmod(seconds, size) if size > 1 else (seconds, 0)
        if number:
            parts.append(f"{number:g} {name}{'s' if number != 1 else ''}")
    return " ".join(parts) or "0 seconds"


@lru_cache(1024)
def parse_at(text: str) -> tuple[str, timedelta]:
    """`shipment.eta + 1 day` as the path of a time in the event and what is added to it.

    Raises:
        ValueError: it is neither a path nor a path with a duration.
    """
    match = _AT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time: write it like 'shipment.eta + 1 day'")
    path, sign, duration = match.groups()
    delta = parse_duration(duration) if duration else timedelta()
    return path, -delta if sign == "-" else delta


def path_of(trigger: Trigger) -> str | None:
    """Where the event tells the time that a trigger asks for; None if it goes by the event's own time."""
    return None if trigger.at is None else parse_at(trigger.at)[0]


def awaited(trigger: Trigger, lookup: Callable[[str], Any]) -> bool:
    """Whether a trigger waits for what has not been told (`waits_for`). `lookup`: see `due_time`."""
    return bool(trigger.waits_for) and all(lookup(path) is None for path in trigger.waits_for)


def due_time(trigger: Trigger, happened_at: datetime, lookup: Callable[[str], Any], zone: ZoneInfo) -> datetime | None:
    """When the message of `trigger` is due, in UTC: after the event, or at the time the event tells; the later of both.

    What it waits for (`waits_for`), and was told, it waits for no longer: then it is due with the event.

    `lookup` gives the value at a dotted path in the event. A day without a time of day means `MORNING` in
    `zone`, the customer's; whole days are then counted on the calendar, so that it stays morning when
    clocks change. None: the event does not tell the time that `at` asks for.

    Raises:
        ValueError: what it tells there is no time, or too far away.
    """
    late = timedelta() if trigger.waits_for and not awaited(trigger, lookup) else trigger.after or timedelta()
    try:
        after = happened_at + late
    except OverflowError:
        raise ValueError("the time after the event is too far away") from None
    if trigger.at is None:
        return after
    path, delta = parse_at(trigger.at)
    told = lookup(path)
    if told is None:
        return None
    if not isinstance(told, str):
        raise ValueError(f"{path} is not a time")
    try:
        at = _moment(told.strip(), delta, zone)
        return at if trigger.after is None else max(at, after)
    except OverflowError:
        raise ValueError(f"{path} is too far away") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _moment(text: str, delta: timedelta, zone: ZoneInfo) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC) + delta
    whole, rest = divmod(delta, _DAY)
    return datetime.combine(day + whole * _DAY, MORNING, zone).astimezone(UTC) + rest
