"""Who takes a campaign up, when, and which one is left to a person."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from messaging import Conflict, Receipt, RenderedMessage, SettingsError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane, MessageState
from messaging.services.dispatching import EVENT_LANES, Wait
from messaging.services.sending import GROUP, PAGE, unwatched


class PowerCut(Exception):
    """The machine goes down."""


def cut(live_shop: Any, after: int, each: Callable[[], object] = lambda: None) -> None:
    """Send `spring` until `after` messages are through, on a machine that then goes down."""
    machine = live_shop.open()

    def deliver(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        each()
        for message in messages:
            yield Receipt.accepted(message.id)

    live_shop.pigeon_of(machine).answer = deliver
    seen = 0

    def count(number: int) -> None:
        nonlocal seen
        seen += number
        if seen >= after:
            raise PowerCut

    with pytest.raises(PowerCut):
        machine.dispatcher.send("spring", sent=count)
    machine.close()
    live_shop.apps.remove(machine)


def state(live_shop: Any, name: str = "spring") -> CampaignState:
    found: CampaignState = live_shop.app.campaigning.get(name).state
    return found


@pytest.fixture
def server(live_shop: Any) -> Callable[[], object]:
    """A round of each of the threads that send."""
    dispatcher, stop = live_shop.app.dispatcher, threading.Event()
    rounds = [
        dispatcher.recovery_round(stop, unwatched),
        *(dispatcher.lane_round(lane, "email", stop, unwatched) for lane in EVENT_LANES),
        dispatcher.campaign_round(stop, unwatched),
    ]
    return lambda: [send() for send in rounds]


@pytest.fixture
def late(live_shop: Any) -> timedelta:
    found: timedelta = live_shop.app.settings.sending.campaign_late
    return found


@pytest.mark.parametrize("by", ["server", "timer"])
def test_one_that_was_interrupted_hours_ago_is_held(
    live_shop: Any, server: Any, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()
    cut(live_shop, GROUP)
    live_shop.clock.advance(timedelta(days=2))
    with caplog.at_level(logging.WARNING):
        server() if by == "server" else live_shop.app.dispatcher.run_due()
    campaign = live_shop.app.campaigning.get("spring")
    assert campaign.state is CampaignState.HELD
    assert campaign.reason == "it was interrupted at 2026-03-02T10:00+00:00, too long ago"
    assert "messaging campaigns resume spring" in caplog.text
    assert live_shop.handed() == []
    assert sum(live_shop.counts().values()) == 3 * GROUP


@pytest.mark.parametrize("again", ["server", "person"])
def test_a_person_lets_it_go_on(live_shop: Any, server: Any, again: str) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()
    cut(live_shop, GROUP)
    live_shop.clock.advance(timedelta(days=2))
    server()
    live_shop.app.campaigning.resume("spring")
    server() if again == "server" else live_shop.app.send_campaign("spring")
    assert live_shop.counts()["sent"] + live_shop.counts().get("unknown", 0) == 3 * GROUP
    assert state(live_shop) is CampaignState.DONE


def test_a_person_sends_it_however_late(live_shop: Any) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()
    cut(live_shop, GROUP)
    live_shop.clock.advance(timedelta(days=2))
    live_shop.app.send_campaign("spring")
    assert state(live_shop) is CampaignState.DONE


def test_one_that_was_paused_for_days_is_not_late_when_it_is_resumed(live_shop: Any, server: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.app.campaigning.pause("spring", "by hand")
    live_shop.clock.advance(timedelta(days=2))
    live_shop.app.campaigning.resume("spring")
    server()
    assert live_shop.counts() == {"sent": 3}


def test_it_is_late_from_its_last_progress_not_from_its_start(live_shop: Any, server: Any, late: timedelta) -> None:
    live_shop.add_customers(6 * GROUP)
    live_shop.campaign()
    cut(live_shop, 5 * GROUP, each=lambda: live_shop.clock.advance(late))  # a slow provider: hours on its way
    live_shop.clock.advance(late * 0.8)
    server()
    assert state(live_shop) is CampaignState.DONE


@pytest.mark.parametrize("wait", [timedelta(hours=1), timedelta(hours=14)])
def test_what_waits_for_its_time_goes_out_then(live_shop: Any, server: Any, wait: timedelta) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    rows = live_shop.app.store.outbox.page(campaign="spring")
    live_shop.app.store.outbox.postpone([row.id for row in rows], live_shop.clock.now() + wait)  # quiet hours
    server()
    assert live_shop.counts() == {"planned": 3}
    live_shop.clock.advance(wait)
    server()
    assert live_shop.counts() == {"sent": 3}


def test_a_server_takes_up_what_it_sent_itself_before(live_shop: Any, server: Any) -> None:
    """The runner it was has to end with the run: else it leaves the rest to itself for ever."""
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.answer(lambda message: Receipt.try_again(message.id, "busy", timedelta(hours=1)))
    server()
    assert live_shop.counts() == {"planned": 3}
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    live_shop.clock.advance(timedelta(hours=2))
    server()
    assert live_shop.counts() == {"sent": 3}
    assert live_shop.app.store.outbox.workers() == []


def test_one_that_a_living_process_sends_is_left_to_it_however_slow(live_shop: Any, server: Any) -> None:
    live_shop.add_customers(2 * GROUP)
    live_shop.campaign()
    other = live_shop.open()
    seen: list[CampaignState] = []

    def slowly(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        live_shop.clock.advance(timedelta(days=1))
        server()
        seen.append(state(live_shop))
        for message in messages:
            yield Receipt.accepted(message.id)

    live_shop.pigeon_of(other).answer = slowly
    other.send_campaign("spring")
    assert seen == [CampaignState.SENDING, CampaignState.SENDING]
    assert (live_shop.counts(), live_shop.handed()) == ({"sent": 2 * GROUP}, [])


def test_one_that_is_started_late_by_a_person_is_not_held_while_its_rows_are_made(live_shop: Any, server: Any) -> None:
    live_shop.add_customers(3)
    at = live_shop.clock.now() + timedelta(hours=1)
    live_shop.app.campaigning.create("spring", template="letter", segment="all", at=at)
    live_shop.app.campaigning.start("spring")
    live_shop.clock.advance(timedelta(days=1))
    other = live_shop.open()
    other.dispatcher.send("spring", listed=lambda number: server())
    assert live_shop.counts() == {"sent": 3}


def test_all_through_but_not_called_done(live_shop: Any, server: Any) -> None:
    live_shop.add_customers(GROUP)
    live_shop.campaign()
    cut(live_shop, GROUP)
    assert state(live_shop) is CampaignState.SENDING
    live_shop.clock.advance(timedelta(days=2))
    server()
    assert state(live_shop) is CampaignState.DONE


def test_one_that_is_sent_again_days_later_is_not_late(live_shop: Any, server: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.answer(lambda message: Receipt.refused(message.id, "full"))
    live_shop.app.send_campaign("spring")
    live_shop.clock.advance(timedelta(days=2))
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    assert live_shop.app.campaigning.retry("spring") == 3
    server()
    assert live_shop.counts() == {"sent": 3}


@pytest.mark.parametrize("by", ["server", "timer"])
def test_one_that_cannot_begin_keeps_no_other_from_its_turn(
    live_shop: Any, server: Any, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    live_shop.add_customers(3)
    live_shop.write_segment("gone", "id is defined")
    at = live_shop.clock.now() + timedelta(minutes=5)
    for name, segment in (("a", "gone"), ("spring", "all")):
        live_shop.app.campaigning.create(name, template="letter", segment=segment, at=at)
        live_shop.app.campaigning.start(name)
    (live_shop.workspace.segments / "gone.toml").unlink()
    live_shop.clock.advance(timedelta(minutes=5))
    for _ in range(3):
        server() if by == "server" else live_shop.app.dispatcher.run_due()
    assert live_shop.counts() == {"sent": 3}
    assert state(live_shop, "a") is CampaignState.SCHEDULED
    if by == "server":
        assert caplog.text.count("gone") == 1  # said once, not at every round


def test_a_server_leaves_one_that_met_a_fault_alone_for_a_while(
    live_shop: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    tries: list[str] = []

    def faulty(name: str) -> Any:
        tries.append(name)
        raise SettingsError("no such adapter")

    monkeypatch.setattr(live_shop.app.adapters, "get", faulty)
    server()
    server()
    assert len(tries) == 1
    monkeypatch.setattr("messaging.services.shards.FAULT_PAUSE", 0.0)
    other = live_shop.app.dispatcher.campaign_round(threading.Event(), unwatched)  # as after a restart
    other()
    other()
    assert len(tries) == 3
    assert state(live_shop) is CampaignState.SENDING  # a mistake in the settings leaves it as it is


def test_a_server_waits_for_no_retry_while_others_are_due(live_shop: Any, server: Any) -> None:
    live_shop.add_customers(1)
    live_shop.campaign()
    live_shop.answer(lambda message: Receipt.try_again(message.id, "busy"))
    before = live_shop.clock.now()
    server()
    assert live_shop.counts() == {"planned": 1}
    assert live_shop.clock.now() == before


def test_two_servers_that_start_one_at_once_hold_it_not(
    live_shop: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(3)
    at = live_shop.clock.now() + timedelta(minutes=5)
    live_shop.app.campaigning.create("spring", template="letter", segment="all", at=at)
    live_shop.app.campaigning.start("spring")
    live_shop.clock.advance(timedelta(minutes=5))
    other = live_shop.open()
    ids = live_shop.app.audience.ids

    def the_other_is_quicker(segment: str) -> Any:
        other.campaigning.start("spring")
        return ids(segment)

    monkeypatch.setattr(live_shop.app.audience, "ids", the_other_is_quicker)
    server()
    assert state(live_shop) is CampaignState.PLANNING
    server()
    assert live_shop.counts() == {"sent": 3}


def together(*calls: Callable[[], object]) -> list[object]:
    """Call all at one moment; what each returned, or the conflict it met."""
    gate = threading.Barrier(len(calls))
    told: list[object] = []

    def one(call: Callable[[], object]) -> None:
        gate.wait(30)
        try:
            told.append(call())
        except Conflict as error:
            told.append(error)

    threads = [threading.Thread(target=one, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == len(calls)
    return told


def test_two_retries_at_once_send_to_each_once_more(live_shop: Any) -> None:
    people = live_shop.add_customers(PAGE + 50)
    live_shop.campaign()
    live_shop.answer(lambda message: Receipt.refused(message.id, "full"))
    live_shop.app.send_campaign("spring")
    apps = [live_shop.app, live_shop.open()]
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    live_shop.pigeon.handed.clear()

    def retry(app: Any) -> int:
        number: int = app.campaigning.retry("spring")
        app.send_campaign("spring")
        return number

    numbers = together(*(lambda app=app: retry(app) for app in apps))
    assert sum(numbers) == len(people)
    handed = [message.to for app in apps for message in live_shop.pigeon_of(app).handed]
    assert len(handed) == len(set(handed)) == len(people)
    assert live_shop.counts() == {"sent": len(people)}


@pytest.mark.parametrize("was", ["paused", "held"])
def test_two_resumes_at_once_send_the_rest_once(live_shop: Any, server: Any, was: str) -> None:
    people = live_shop.add_customers(PAGE + 50)
    live_shop.campaign()
    if was == "paused":
        live_shop.app.campaigning.pause("spring", "by hand")
    else:
        live_shop.clock.advance(timedelta(days=2))
        server()
    assert state(live_shop) == was
    apps = [live_shop.app, live_shop.open()]

    def resume(app: Any) -> object:
        app.campaigning.resume("spring")
        return app.send_campaign("spring")

    told = together(*(lambda app=app: resume(app) for app in apps))
    assert None in told
    handed = [message.to for app in apps for message in live_shop.pigeon_of(app).handed]
    assert len(handed) == len(set(handed)) == len(people)
    assert live_shop.app.store.outbox.counts("spring")[MessageState.SENT] == len(people)


def test_whoever_sends_is_told_what_it_waits_for(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    answers = {"c0000": "busy", "c0001": "connection refused", "c0002": "connection refused"}

    def turned_away(message: RenderedMessage) -> Receipt:
        reason = answers.pop(message.to.partition("@")[0], None)
        return Receipt.try_again(message.id, reason) if reason else Receipt.accepted(message.id)

    live_shop.answer(turned_away)
    told: list[Wait] = []
    before = live_shop.clock.now()
    assert live_shop.app.send_campaign("spring", waits=told.append) is None
    assert [(wait.campaign, wait.messages) for wait in told] == [("spring", 3), ("spring", 2), ("spring", 1)]
    assert told[0].reason == "connection refused"  # why most of them wait
    assert told[0].until is not None
    assert before < told[0].until <= live_shop.clock.now()


def test_nobody_is_told_of_waits_that_are_none(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    told: list[Wait] = []
    live_shop.app.send_campaign("spring", waits=told.append)
    assert told == []


def test_a_server_says_once_that_a_provider_takes_nothing(
    live_shop: Any, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    said = "order messages by email: pigeon rests until "
    live_shop.due(Lane.ORDER, "ann")
    live_shop.answer(lambda message: Receipt.try_again(message.id, f"no room for {message.to}"))
    for _ in range(3):
        server()
        live_shop.clock.advance(timedelta(minutes=2))
    server()
    server()
    assert caplog.text.count(said) == 1
    assert "no room for (address)" in caplog.text
    assert "messaging adapters resume pigeon" in caplog.text
    assert "ann@example.com" not in caplog.text
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    live_shop.clock.advance(timedelta(hours=1))
    server()
    live_shop.due(Lane.ORDER, "bob")
    live_shop.answer(lambda message: Receipt.try_again(message.id, "no room"))
    for _ in range(3):
        server()
        live_shop.clock.advance(timedelta(minutes=2))
    assert caplog.text.count(said) == 2  # it was well in between


def test_one_that_is_turned_away_among_others_is_no_news(
    live_shop: Any, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    live_shop.due(Lane.ORDER, "ann", "bob")
    greylisted = iter([True, False])

    def answer(message: RenderedMessage) -> Receipt:
        return Receipt.try_again(message.id, "greylisted") if next(greylisted) else Receipt.accepted(message.id)

    live_shop.answer(answer)
    server()
    assert caplog.text == ""
    assert live_shop.app.rests.all() == {}
