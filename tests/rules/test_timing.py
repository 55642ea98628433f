"""Durations and due times."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.template import Trigger
from messaging.rules.timing import due_time, duration_text, parse_at, parse_duration

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "hours"),
    [("4 hours", 4), ("1 day 12 h", 36), ("30 min", 0.5), ("2d", 48), ("1.5 hours", 1.5), ("1 week", 168)],
)
def test_duration(text, hours):
    assert parse_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(seconds=0.5), "0.5 seconds"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(days=1, hours=12, seconds=1), "1 day 12 hours 1 second"),
    ],
)
def test_durations_read_as_they_are_written(duration, text):
    assert duration_text(duration) == text


@pytest.mark.parametrize("text", ["", "soon", "4", "hours", "4 parsecs", "1 day and 2 hours", "9" * 40 + " days"])
def test_no_duration(text):
    with pytest.raises(ValueError, match=r"duration|too long"):
        parse_duration(text)


def due(trigger, values=None, zone=VIENNA):
    return due_time(trigger, NOON, (values or {}).get, zone)


def test_at_once_or_after():
    assert due(Trigger(event="x")) == NOON
    assert due(Trigger(event="x", after=timedelta(hours=4))) == NOON + timedelta(hours=4)
    with pytest.raises(ValueError, match="too far"):
        due(Trigger(event="x", after=timedelta.max))


def test_a_day_means_the_customers_morning():
    trigger = Trigger(event="x", at="shipment.eta + 1 day")
    assert due(trigger, {"shipment.eta": "2026-03-05"}) == datetime(2026, 3, 6, 8, tzinfo=UTC)
    assert due(trigger, {"shipment.eta": "2026-03-05"}, ZoneInfo("America/Sao_Paulo")) == datetime(
        2026, 3, 6, 12, tzinfo=UTC
    )


def test_it_stays_morning_when_clocks_change():
    trigger = Trigger(event="x", at="shipment.eta + 1 day")
    assert due(trigger, {"shipment.eta": "2026-03-28"}).astimezone(VIENNA).hour == 9
    assert (
        due(Trigger(event="x", at="shipment.eta - 2 hours"), {"shipment.eta": "2026-03-28"}).astimezone(VIENNA).hour
        == 7
    )


def test_a_time_is_taken_as_it_is():
    assert due(
        Trigger(event="x", at="order.pickup_at - 1 hour"), {"order.pickup_at": "2026-03-05T10:00:00+05:00"}
    ) == datetime(2026, 3, 5, 4, tzinfo=UTC)
    assert due(Trigger(event="x", at="order.pickup_at"), {"order.pickup_at": "2026-03-05T10:00"}) == datetime(
        2026, 3, 5, 9, tzinfo=UTC
    )


def test_what_it_waits_for_was_told():
    trigger = Trigger(
        event="x", after=timedelta(hours=1), waits_for=("shipment.tracking_number", "shipment.tracking_url")
    )
    assert due(trigger) == NOON + timedelta(hours=1)
    assert due(trigger, {"shipment.carrier": "ups"}) == NOON + timedelta(hours=1)
    assert due(trigger, {"shipment.tracking_url": "https://carrier.example/1"}) == NOON


def test_a_time_that_is_not_told():
    assert due(Trigger(event="x", at="shipment.eta + 1 day")) is None


@pytest.mark.parametrize("value", ["soon", 5, "9999-12-31", ["2026-03-05"]])
def test_a_value_that_is_no_time(value):
    with pytest.raises(ValueError, match=r"shipment\.eta"):
        due(Trigger(event="x", at="shipment.eta + 40 days"), {"shipment.eta": value})


@pytest.mark.parametrize("text", ["eta", "shipment.eta +", "shipment.eta + soon", "1 day", "shipment.eta * 2", ""])
def test_what_is_no_at(text):
    with pytest.raises(ValueError, match=r"write it like|too long"):
        parse_at(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    for read in (parse_duration, parse_at):
        with suppress(ValueError):  # refused
            read(text)


def test_at_a_time_that_is_told_but_not_before_some_time_has_passed():
    trigger = Trigger(event="x", at="shipment.eta + 1 day", after=timedelta(days=2))
    assert due(trigger, {"shipment.eta": "2026-03-09"}) == datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert due(trigger, {"shipment.eta": "2026-02-20"}) == NOON + timedelta(days=2)
    assert due(trigger) is None
