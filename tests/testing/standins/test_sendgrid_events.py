"""Events beside real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from messaging.errors import InputError
from messaging.testing.standins.sendgrid_events import bodies, event, fate

MESSAGE = {"id": "abc.standin-0.0", "to": "ann@example.com", "categories": ["cat facts"], "custom_args": {"m": "1"}}


def test_they_hold_what_real_ones_hold(shared: Callable[[str], Path]) -> None:
    """Every field of SendGrid's own examples, with a value of the same type (a category may be a list)."""
    real = json.loads(shared("data/sendgrid_payloads/event_webhook_all_events.json").read_text("utf-8"))
    assert len(real) == 11
    for one in real:
        ours = event(one["event"], MESSAGE)
        assert ours["event"] == one["event"]
        assert set(one) <= set(ours), one["event"]
        different = {name for name in one if type(one[name]) is not type(ours[name])}
        assert different <= {"category"}, one["event"]


def test_what_is_told_replaces_what_it_would_hold() -> None:
    told = event("click", MESSAGE, url="https://shop.example/tea", useragent=None)
    assert told["url"] == "https://shop.example/tea"
    assert "useragent" not in told


def test_no_category_no_field() -> None:
    assert "category" not in event("open", MESSAGE | {"categories": []})


def test_there_is_no_such_event() -> None:
    with pytest.raises(InputError, match="no event 'dance' \\(there are processed, deferred, "):
        event("dance", MESSAGE)


def test_a_fate_is_the_local_parts_alone() -> None:
    assert fate("Bounce+1@example.com") == ("processed", "bounce")
    assert fate("ann@bounce.example") == ("processed", "delivered")


def test_a_thousand_go_in_one_post() -> None:
    found = bodies(event("open", MESSAGE) for _ in range(1001))
    assert [len(json.loads(body)) for body in found] == [1000, 1]
    assert all(body.endswith(b"]\r\n") for body in found)
    assert bodies([]) == []
