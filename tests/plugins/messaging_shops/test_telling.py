"""What a shop tells: which event it is, when, and that it says nothing it does not know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from messaging import Request
from messaging_shops.telling import happened_at, happening, of_order

NOW = "2026-03-02T10:00:00+00:00"
POSTED = Request(url="https://shop.example/", received_at=datetime(2026, 3, 2, 10, 0, tzinfo=UTC))


def test_of_what_is_not_known_nothing_is_said() -> None:
    bare = {"id": "a", "type": "cart.updated", "time": NOW}
    assert happening("a", "cart.updated", NOW, {}, incomplete={}, cart=None) == bare
    cart, asked = {"id": "7", "items": []}, {"cart": "7"}
    whole = happening("a", "cart.updated", NOW, {"id": "1"}, incomplete=asked, cart=cart)
    assert whole == {**bare, "customer": {"id": "1"}, "incomplete": asked, "data": {"cart": cart}}


def test_what_happens_to_an_order_once_is_one_event() -> None:
    placed = of_order("order.placed", NOW, {"id": "1"}, {"id": "7"})
    assert (placed["id"], placed["data"]) == ("order:7:placed", {"order": {"id": "7"}})
    parts = [of_order("order.partially_shipped", NOW, {}, {"id": "7"}, which=which) for which in ("1", "2")]
    assert [part["id"] for part in parts] == ["order:7:partially_shipped:1", "order:7:partially_shipped:2"]


@pytest.mark.parametrize(
    ("times", "time"),
    [
        ((None, "", "soon", "2026-03-01T10:00:00+02:00", "2026-01-01T00:00:00Z"), "2026-03-01T08:00:00+00:00"),
        (("2026-03-01 10:00:00",), NOW),
        ((), NOW),
    ],
)
def test_when_it_happened(times: tuple[object, ...], time: str) -> None:
    assert happened_at(POSTED, *times) == time
    assert happened_at(POSTED, "2026-03-01 10:00:00", utc=True) == "2026-03-01T10:00:00+00:00"
