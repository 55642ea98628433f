"""Quiet hours for people: by channel, class, place and state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from messaging import Customer, Lane, Message, MessageClass

NIGHT = {"quiet": [{"from": "21:00", "until": "08:00"}]}
Make = Callable[..., Message]
Say = Callable[..., list[Any]]


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_by_the_recipients_clock(message: Make, say: Say) -> None:
    now = at("2026-11-22T12:00")
    ann = Customer(id="ann", timezone="Asia/Tokyo")  # it is 21:00 there
    assert say(NIGHT, message(due_at=now), customer=ann, now=now) == [
        ("m1", at("2026-11-23T08:00", "Asia/Tokyo"), "quiet hours in Asia/Tokyo")
    ]
    assert say(NIGHT, message(due_at=now), customer=Customer(id="ann", timezone="Europe/Vienna"), now=now) == []


def test_by_the_time_it_is_due(message: Make, say: Say) -> None:
    ((_, time, _),) = say(NIGHT, message(due_at=at("2026-11-24T03:00")))
    assert time == at("2026-11-24T08:00")
    assert say(NIGHT, message(due_at=at("2026-11-22T03:00"))) == [], "due in the night, but it is morning"


def test_order_messages_do_not_wait_unless_told(message: Make, say: Say) -> None:
    order = message(due_at=at("2026-11-24T03:00"), message_class=MessageClass.TRANSACTIONAL, lane=Lane.ORDER)
    assert say(NIGHT, order) == []
    assert len(say({"quiet": [{**NIGHT["quiet"][0], "transactional": True}]}, order)) == 1


def test_a_channel_has_hours_of_its_own(message: Make, say: Say) -> None:
    rules = {"quiet": [{**NIGHT["quiet"][0], "channel": "sms"}]}
    due = at("2026-11-24T03:00")
    answers = say(rules, message("m1", due_at=due), message("m2", channel="email", due_at=due))
    assert [id for id, *_ in answers] == ["m1"]


def test_who_has_no_zone_is_where_the_shop_is(message: Make, say: Say) -> None:
    due = at("2026-11-24T03:00")
    assert say(NIGHT, message(due_at=due), customer=Customer(id="ann"), timezone="Asia/Tokyo") == []
    assert len(say(NIGHT, message(due_at=due), customer=Customer(id="ann"), timezone="Europe/Vienna")) == 1
    assert len(say(NIGHT, message(customer_id="gone", due_at=due))) == 1


def test_where_somebody_is_believed_to_be(message: Make, say: Say) -> None:
    now = at("2026-11-23T07:00", "America/New_York")  # in Los Angeles it is 4 o'clock, on Hawaii 2
    phone = "+12125550101"
    by_number = Customer(id="ann", phone=phone)
    by_address = Customer(id="ann", phone=phone, country="US", region="CA")

    def opens(customer: Customer, **more: bool) -> datetime:
        ((_, time, _),) = say({**NIGHT, **more}, message(due_at=now), customer=customer, now=now)
        return time

    assert opens(by_number) == at("2026-11-23T08:00", "America/New_York")
    assert opens(by_address) == at("2026-11-23T08:00", "America/Los_Angeles")
    assert opens(by_address, area_codes=False) == at("2026-11-23T08:00", "America/Los_Angeles")
    assert opens(by_number, area_codes=False) == at("2026-11-23T08:00", "Pacific/Honolulu")


def test_where_no_hour_suits_all_zones_the_reason_says_what_is_missing(message: Make, say: Say) -> None:
    rules = {"quiet": [{"from": "18:00", "until": "09:00"}]}
    ((_, time, reason),) = say(rules, message(), customer=Customer(id="ann", country="RU"))
    assert time is None
    assert reason.startswith("quiet hours leave no time that suits ")
    assert reason.endswith("time zones: tell the customer's time zone")


def test_what_waits_until_it_is_late_is_skipped(message: Make, say: Say) -> None:
    due = at("2026-11-24T03:00")
    ((_, time, reason),) = say(NIGHT, message(due_at=due, expires_at=due + timedelta(hours=2)))
    assert (time, reason) == (None, "quiet hours in UTC; by then it is too late")


def test_a_test_goes_out(message: Make, say: Say) -> None:
    assert say(NIGHT, message(lane=Lane.TEST, due_at=at("2026-11-24T03:00"))) == []


@pytest.mark.parametrize(
    ("person", "local", "opens"),
    [
        # a Sunday, where they are
        ({"region": "TX", "timezone": "America/Chicago"}, "2026-11-22T10:00", "2026-11-22T12:00"),
        ({"region": "CA", "timezone": "America/Los_Angeles"}, "2026-11-22T10:00", "2026-11-22T10:00"),
        ({"region": "Florida", "timezone": "America/New_York"}, "2026-11-22T20:00", "2026-11-23T08:00"),
        ({"region": "RI", "timezone": "America/New_York"}, "2026-11-22T10:00", "2026-11-23T09:00"),
        # a state that is not known: Rhode Island rests
        ({"timezone": "America/New_York"}, "2026-11-22T13:00", "2026-11-23T09:00"),
    ],
)
def test_states_have_hours(message: Make, say: Say, person: dict[str, str], local: str, opens: str) -> None:
    now = at(local, person["timezone"])
    customer = Customer(id="ann", country="US", **person)
    answers = say({"us_hours": ["sms"]}, message(due_at=now), customer=customer, now=now)
    assert (answers[0][1] if answers else now) == at(opens, person["timezone"])
    assert say({"us_hours": ["email"]}, message(due_at=now), customer=customer, now=now) == []
    abroad = Customer(id="ann", country="AT", **person)
    assert say({"us_hours": ["sms"]}, message(due_at=now), customer=abroad, now=now) == []


def test_a_states_hours_may_be_told(message: Make, say: Say) -> None:
    zone = "America/Kentucky/Louisville"
    now = at("2026-11-23T08:30", zone)
    customer = Customer(id="ann", country="US", region="KY", timezone=zone)
    rules = {"us_hours": ["sms"], "us_states": {"KY": "10:00-21:00"}}
    assert say(rules, message(due_at=now), customer=customer, now=now)[0][1] == at("2026-11-23T10:00", zone)
