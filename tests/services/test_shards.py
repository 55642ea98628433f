"""Campaigns that several workers send together, and what is looked at once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane
from messaging.nouns.work import Kind, Work
from messaging.services.sending import GROUP, unwatched
from messaging.services.turns import Turn


def a_worker(app: Any, seconds: float = 60.0, stop: threading.Event | None = None) -> Callable[[], object]:
    """What a worker process does for campaigns when it is woken."""
    turn = Turn(seconds)
    do = app.dispatcher.shard_round(stop or threading.Event(), unwatched, turn)

    def step() -> None:
        with turn:
            do()

    return step


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_makes_it_and_all_send_it(live_shop: Any) -> None:
    live_shop.add_customers(4 * GROUP)
    app, other = live_shop.app, live_shop.open()
    app.campaigning.create("spring", template="letter", segment="all")
    app.campaigning.start("spring")
    one, two = a_worker(app, 0.0), a_worker(other, 0.0)
    one()
    until(lambda: app.campaigning.get("spring").state is CampaignState.SENDING)
    for step in (one, two, one, two, one):
        step()
    assert live_shop.counts() == {"sent": 4 * GROUP}
    handed = [len(live_shop.pigeon_of(each).handed) for each in (app, other)]
    assert handed == [2 * GROUP, 2 * GROUP]
    until(lambda: (two(), app.campaigning.get("spring").state)[1] is CampaignState.DONE)
    assert len(set(live_shop.sent())) == 4 * GROUP


def test_nobody_else_makes_what_somebody_alive_is_making(live_shop: Any) -> None:
    live_shop.add_customers(10)
    app, other = live_shop.app, live_shop.open()
    app.campaigning.create("spring", template="letter", segment="all")
    app.campaigning.start("spring")
    worker = other.store.enlist()
    assert other.runs.begin("spring", worker)
    a_worker(app)()
    assert list(app.campaigning.due(shared=True)) == []
    assert not app.runs.begin("spring", app.store.enlist())
    other.store.dismiss(worker)  # it died: whoever comes takes over
    step = a_worker(app)
    until(lambda: (step(), app.campaigning.get("spring").state)[1] is CampaignState.DONE)
    assert live_shop.counts() == {"sent": 10}


def test_one_whose_time_has_come_is_begun(live_shop: Any) -> None:
    live_shop.add_customers(3)
    app = live_shop.app
    app.campaigning.create("spring", template="letter", segment="all", at=live_shop.clock.now() + timedelta(hours=1))
    app.campaigning.start("spring")
    step = a_worker(app)
    step()
    assert app.campaigning.get("spring").state is CampaignState.SCHEDULED
    live_shop.clock.advance(timedelta(hours=1))
    until(lambda: (step(), app.campaigning.get("spring").state)[1] is CampaignState.DONE)
    assert live_shop.counts() == {"sent": 3}


def test_one_that_is_too_late_is_held(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.clock.advance(timedelta(hours=3))
    a_worker(live_shop.app)()
    assert live_shop.app.campaigning.get("spring").state is CampaignState.HELD
    assert live_shop.counts() == {"planned": 3}


@pytest.mark.parametrize("change", ["pause", "cancel"])
def test_what_a_person_decides_is_seen_at_the_next_group(live_shop: Any, change: str) -> None:
    live_shop.add_customers(4 * GROUP)
    live_shop.campaign()
    step = a_worker(live_shop.app, 0.0)
    step()
    getattr(live_shop.open().campaigning, change)("spring")
    step()
    rest = {"pause": "planned", "cancel": "skipped"}[change]
    assert live_shop.counts() == {"sent": GROUP, rest: 3 * GROUP}


def looked(app: Any) -> set[str]:
    """What a look finds to be woken for, beside what is always done."""
    woken: list[Work] = []
    app.dispatcher._wake = lambda *works: woken.extend(works)
    app.dispatcher.look()
    return {work.name for work in woken} - {"recovery"}


class TestLooking:
    def test_nothing_is_due(self, live_shop: Any) -> None:
        assert looked(live_shop.app) == set()

    def test_messages_are_looked_for_by_lane_and_channel(self, live_shop: Any) -> None:
        live_shop.add_parrot()
        live_shop.due(Lane.ORDER, "ann")
        live_shop.due(Lane.EVENT, "bob", channel="sms")
        assert looked(live_shop.app) == {"orders.email", "events.sms"}

    def test_what_waits_for_its_time_is_left(self, live_shop: Any) -> None:
        live_shop.due(Lane.ORDER, "ann")
        row = live_shop.app.store.outbox.page()[0]
        live_shop.app.store.outbox.postpone([row.id], live_shop.clock.now() + timedelta(hours=1))
        assert looked(live_shop.app) == set()
        live_shop.clock.advance(timedelta(hours=1))
        assert looked(live_shop.app) == {"orders.email"}

    def test_campaigns_and_events(self, live_shop: Any) -> None:
        live_shop.add_customers(1)
        live_shop.campaign()
        live_shop.app.intake.accept(
            [
                {
                    "id": "1",
                    "type": "cart.updated",
                    "time": live_shop.clock.now().isoformat(),
                    "customer": {"id": "ann"},
                    "data": {"cart": {"id": "c1"}},
                    "source": "api",
                    "shop": "default",
                }
            ]
        )
        assert looked(live_shop.app) == {"campaigns", "intake"}

    def test_recovery_is_always_looked_after(self, live_shop: Any) -> None:
        woken: list[Work] = []
        live_shop.app.dispatcher._wake = lambda *works: woken.extend(works)
        live_shop.app.dispatcher.look()
        assert woken == [Work(Kind.RECOVERY)]
