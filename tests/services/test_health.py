"""How all parts are: what everybody may know of it, and what staff see."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from messaging.errors import MessagingError, QueueError, StoreError
from messaging.nouns.event import Event
from messaging.nouns.message import Lane
from messaging.rules.resting import Took
from messaging.services.health import ROOM, Grade, Health, Part, overall

Look = Callable[..., dict[str, Part]]


@pytest.fixture
def look(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> Look:
    free = SimpleNamespace(free=ROOM)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)

    def look(room: int = ROOM, **options: Any) -> dict[str, Part]:
        free.free = room
        app = live_shop.app
        health = Health(
            app.store,
            app.clock,
            rests=app.rests,
            folder=app.workspace.data,
            overdue=timedelta(minutes=2),
            **options,
        )
        return {part.name: part for part in health.look()}

    return look


def raising(error: Exception) -> Callable[..., None]:
    def check(*asked: object) -> None:
        raise error

    return check


def test_all_is_well(look: Look) -> None:
    parts = look(check_broker=lambda: None)
    assert list(parts) == ["store", "jobs", "broker", "adapters", "orders", "events", "disk"]
    assert {part.grade for part in parts.values()} == {Grade.OK}
    assert overall(list(parts.values())) is Grade.OK
    assert "broker" not in look()


def test_a_store_that_cannot_be_used_is_failing_and_says_where_to_staff_only(
    live_shop: Any, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_shop.app.store, "health", raising(StoreError("db.internal: refused")))
    parts = look()
    assert parts["store"] == Part("store", Grade.FAILING, "cannot be used", "db.internal: refused")
    assert list(parts) == ["store", "jobs", "disk"]
    assert overall(list(parts.values())) is Grade.FAILING


def test_a_store_that_goes_away_while_it_is_asked(live_shop: Any, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_shop.app.store, "notes", raising(StoreError("gone")))
    assert look()["store"].grade is Grade.FAILING


def test_a_job_that_is_not_well(look: Look) -> None:
    part = look(check_jobs=raising(MessagingError("the job hits hangs", hint="start it again")))["jobs"]
    assert part == Part("jobs", Grade.FAILING, "the job hits hangs", "the job hits hangs (start it again)")


def test_a_broker_that_is_away_keeps_nobody_from_being_answered(look: Look) -> None:
    part = look(check_broker=raising(QueueError("redis.internal cannot be reached")))["broker"]
    assert part.grade is Grade.DEGRADED
    assert "internal" not in part.says
    assert "redis.internal" in part.details


def test_adapters_that_rest(live_shop: Any, look: Look) -> None:
    rests = live_shop.app.rests
    rests.record("pigeon", Took(well=False, reason="refused"))
    assert look()["adapters"].grade is Grade.OK  # once is no rest
    rests.record("pigeon", Took(well=False, at_once=True, reason="smtp.internal: refused"))
    part = look()["adapters"]
    assert part.grade is Grade.DEGRADED
    assert (part.says, "internal" in part.details) == ("one rests, and messages wait for it", True)


@pytest.mark.parametrize(("lane", "late", "grade"), [
    (Lane.ORDER, 120, Grade.OK),
    (Lane.ORDER, 121, Grade.DEGRADED),
    (Lane.EVENT, 9999, Grade.OK),
])  # fmt: skip
def test_order_messages_that_are_late(live_shop: Any, look: Look, lane: Lane, late: int, grade: Grade) -> None:
    live_shop.due(lane, "ann")
    live_shop.clock.advance(timedelta(seconds=late))
    part = look()["orders"]
    assert part.grade is grade
    assert "ann" not in part.details
    assert grade is Grade.OK or "late by 2 minutes 1 second" in part.details


def test_events_that_wait(live_shop: Any, look: Look) -> None:
    now = live_shop.clock.now()
    event = Event(
        id="1", type="order.placed", time=now, customer={"id": "ann"}, data={}, received_at=now, fingerprint="f"
    )
    live_shop.app.store.events.add([event])
    assert look()["events"].grade is Grade.OK
    live_shop.clock.advance(timedelta(minutes=5))
    assert look()["events"] == Part(
        "events",
        Grade.DEGRADED,
        "effects of events are late",
        "the first of the effects of events is late by 5 minutes, since 2026-03-02 10:00:00 UTC",
    )


def test_a_disk_that_is_nearly_full(look: Look, live_shop: Any) -> None:
    part = look(room=ROOM - 1)["disk"]
    assert (part.grade, part.says) == (Grade.DEGRADED, "is nearly full")
    assert str(live_shop.app.workspace.root) in part.details


def test_however_many_ask_it_is_looked_at_once(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, leave, looked = threading.Event(), threading.Event(), []
    app = live_shop.app

    def slow() -> dict[str, Any]:
        looked.append(1)
        inside.set()
        assert leave.wait(30)
        return {"store": "here", "bytes": 1}

    health = Health(app.store, app.clock, rests=app.rests, folder=Path("/"), overdue=timedelta(minutes=2), age=3600)
    before = health.look()
    health._last = -1e9, before  # old by now
    monkeypatch.setattr(app.store, "health", slow)
    first = threading.Thread(target=health.look)
    first.start()
    assert inside.wait(30)
    assert all(health.look() is before for _ in range(100))  # nobody waits
    leave.set()
    first.join(30)
    assert health.look() is not before
    assert len(looked) == 1


def test_the_worst_counts() -> None:
    def of(*grades: Grade) -> Iterator[Part]:
        return (Part("x", grade, "", "") for grade in grades)

    assert overall([]) is Grade.OK
    assert overall(list(of(Grade.OK, Grade.DEGRADED, Grade.OK))) is Grade.DEGRADED
    assert overall(list(of(Grade.FAILING, Grade.DEGRADED))) is Grade.FAILING
