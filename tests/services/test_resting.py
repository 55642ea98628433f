"""An adapter whose provider takes nothing is left alone by all, and what is due waits for it and loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from messaging import AdapterUnusable, Capabilities, Receipt, RenderedMessage
from messaging.errors import AdapterRests
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane, MessageState
from messaging.services.sending import GROUP, TRIAL, unwatched
from messaging.services.turns import Turn
from messaging.services.why import Why

ANSWERS = {
    "turned away": lambda message: Receipt.try_again(message.id, "connection refused"),
    "no answer": lambda message: Receipt.unknown(message.id, "no answer"),
}


def rounds(app: Any, lane: Lane = Lane.ORDER) -> Any:
    """What one worker of a server does for a lane, again and again."""
    return app.dispatcher.lane_round(lane, "email", threading.Event(), unwatched)


def campaign_rounds(app: Any) -> Any:
    return app.dispatcher.campaign_round(threading.Event(), unwatched)


@pytest.mark.parametrize("how", list(ANSWERS))
def test_after_so_many_in_a_row_nothing_is_locked_marked_or_used_up(live_shop: Any, how: str) -> None:
    live_shop.add_customers(10 * GROUP)
    live_shop.campaign()
    live_shop.answer(ANSWERS[how])
    campaign_rounds(live_shop.app)()
    failures = live_shop.app.settings.sending.failures
    assert len(live_shop.pigeon.handed) == failures * GROUP
    untouched = [row for row in live_shop.app.store.outbox.page(campaign="spring", limit=1000) if row.attempts == 0]
    assert len(untouched) == (10 - failures) * GROUP
    assert {(row.state, row.worker, row.due_at) for row in untouched} == {
        (MessageState.PLANNED, None, live_shop.clock.now())
    }
    for _ in range(3):
        campaign_rounds(live_shop.app)()
        campaign_rounds(live_shop.open())()
    assert len(live_shop.pigeon.handed) == failures * GROUP
    assert live_shop.app.campaigning.get("spring").state is CampaignState.SENDING


def test_a_refusal_of_recipients_is_none_of_the_adapter(live_shop: Any) -> None:
    live_shop.add_customers(10 * GROUP)
    live_shop.campaign()
    live_shop.answer(lambda message: Receipt.refused(message.id, "no such user"))
    assert live_shop.app.send_campaign("spring") is None
    assert live_shop.counts() == {"refused": 10 * GROUP}
    assert live_shop.app.rests.all() == {}


def test_one_that_is_taken_in_between_begins_the_count_anew(live_shop: Any) -> None:
    send, said = rounds(live_shop.app), iter("xxoxxoxx")
    live_shop.answer(lambda m: Receipt.accepted(m.id) if next(said) == "o" else Receipt.try_again(m.id, "busy"))
    for number in range(8):
        live_shop.due(Lane.ORDER, f"c{number}")
        send()
    assert live_shop.app.rests.all()["pigeon"].failures == 2
    assert live_shop.app.rests.resting() == {}


def test_it_is_tried_with_a_few_and_a_success_ends_it(live_shop: Any) -> None:
    live_shop.add_customers(10 * GROUP)
    live_shop.campaign()
    live_shop.answer(ANSWERS["turned away"])
    campaign_rounds(live_shop.app)()
    before = len(live_shop.pigeon.handed)
    waits = []
    for number in range(1, 4):
        rest = live_shop.app.rests.all()["pigeon"]
        assert rest.rests == number
        waits.append(rest.until - live_shop.clock.now())
        live_shop.clock.advance(waits[-1])
        campaign_rounds(live_shop.app)()
        assert len(live_shop.pigeon.handed) == before + number * TRIAL
    assert waits == sorted(waits)
    live_shop.clock.advance(live_shop.app.settings.sending.rest_max)
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    campaign_rounds(live_shop.app)()
    assert live_shop.app.rests.all() == {}
    assert len(live_shop.pigeon.handed) > before + 4 * TRIAL


def test_exactly_one_worker_tries_it(live_shop: Any) -> None:
    apps = [live_shop.app, *(live_shop.open() for _ in range(3))]
    live_shop.due(Lane.ORDER, *(f"c{number}" for number in range(40)))
    rests = live_shop.app.rests
    rests.record("pigeon", live_shop_took(at_once=True))
    live_shop.clock.advance(live_shop.app.settings.sending.rest_max)
    inside, leave = threading.Semaphore(0), threading.Event()
    handed: list[int] = []

    def slowly(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        handed.append(len(messages))
        inside.release()
        assert leave.wait(30)
        for message in messages:
            yield Receipt.accepted(message.id)

    for app in apps:
        live_shop.pigeon_of(app).answer = slowly
    first = threading.Thread(target=rounds(apps[0]))
    first.start()
    assert inside.acquire(timeout=30)
    for app in apps[1:]:
        report = app.make_sender(threading.Event()).send_lanes((Lane.ORDER,), ("email",))
        assert isinstance(report.fault, AdapterRests)
        assert report.handled == 0
    assert handed == [TRIAL]
    assert "about to be tried" in next(iter(live_shop.app.shown(live_shop.app.store.outbox.page(limit=1)))).reason
    leave.set()
    first.join(30)
    assert sum(handed) == 40  # it was well, and the same worker went on


def live_shop_took(**fields: Any) -> Any:
    from messaging.rules.resting import Took

    return Took(well=False, reason="connection refused", **fields)


def test_a_trial_whose_worker_died_is_taken_over(live_shop: Any) -> None:
    live_shop.due(Lane.ORDER, "ann")
    live_shop.app.rests.record("pigeon", live_shop_took(at_once=True))
    live_shop.clock.advance(live_shop.app.settings.sending.rest_max)
    other = live_shop.open()
    assert other.rests.begin("pigeon", other.store.enlist())
    rounds(live_shop.app)()
    assert live_shop.handed() == []
    other.close()
    rounds(live_shop.app)()
    assert live_shop.handed() == ["ann"]


def test_a_trial_that_hands_nothing_over_is_another_ones(live_shop: Any) -> None:
    """All that were locked for it were skipped."""
    live_shop.add_customers(TRIAL)
    live_shop.campaign()
    live_shop.app.rests.record("pigeon", live_shop_took(at_once=True))
    live_shop.clock.advance(live_shop.app.settings.sending.rest_max)
    for number in range(TRIAL):
        live_shop.unsubscribe(f"c{number:04d}")
    campaign_rounds(live_shop.app)()
    assert live_shop.counts() == {"skipped": TRIAL}
    assert live_shop.app.rests.all()["pigeon"].trial is None
    live_shop.due(Lane.ORDER, "ann")
    rounds(live_shop.open())()
    assert live_shop.app.rests.all() == {}


def test_lanes_and_campaigns_share_it_and_other_channels_do_not(live_shop: Any) -> None:
    live_shop.add_parrot()
    live_shop.add_customers(GROUP)
    live_shop.campaign()
    live_shop.app.rests.record("pigeon", live_shop_took(at_once=True))
    for channel in ("email", "sms"):
        live_shop.due(Lane.ORDER, "ann", channel=channel)
    handed = []

    def answer(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            handed.append((message.channel, live_shop.clock.now()))
            yield Receipt.accepted(message.id)

    live_shop.pigeon.answer = answer
    until = live_shop.app.rests.all()["pigeon"].until
    _, fault = live_shop.app.dispatcher.run_due()
    assert isinstance(fault, AdapterRests)  # of the order messages by email; the campaign waited for its end
    assert [channel for channel, at in handed if at < until] == ["sms"]
    assert live_shop.counts() == {"sent": GROUP}


@pytest.mark.parametrize("well", [True, False])
def test_a_provider_that_says_when_is_left_alone_until_then(live_shop: Any, well: bool) -> None:
    live_shop.add_customers(4 * GROUP)
    live_shop.campaign()
    asked = timedelta(minutes=5)

    def busy(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for number, message in enumerate(messages):
            taken = well and number < 3
            yield Receipt.accepted(message.id) if taken else Receipt.try_again(message.id, "429", asked)

    live_shop.pigeon.answer = busy
    campaign_rounds(live_shop.app)()
    assert len(live_shop.pigeon.handed) == GROUP
    assert live_shop.app.rests.all()["pigeon"].until >= live_shop.clock.now() + asked
    live_shop.clock.advance(asked - timedelta(seconds=1))
    campaign_rounds(live_shop.app)()
    assert len(live_shop.pigeon.handed) == GROUP


@pytest.mark.parametrize("together", [False, True])
def test_a_rest_that_a_person_ends_is_over_at_once_for_all_who_send(live_shop: Any, together: bool) -> None:
    live_shop.add_customers(GROUP)
    live_shop.campaign()
    app, turn = live_shop.app, Turn()
    make = app.dispatcher.shard_round if together else app.dispatcher.campaign_round
    send = make(threading.Event(), unwatched, turn) if together else make(threading.Event(), unwatched)
    app.rests.record("pigeon", live_shop_took(at_once=True))
    send()
    assert live_shop.counts() == {"planned": GROUP}
    live_shop.open().rests.forget("pigeon")
    send()
    assert live_shop.counts() == {"sent": GROUP}


def test_who_has_many_receivers_rests_only_when_it_fails_itself(live_shop: Any) -> None:
    made = live_shop.app.adapters.unsent("pigeon")
    made.capabilities = replace(made.capabilities, many_receivers=True)
    live_shop.due(Lane.ORDER, *(f"c{number}" for number in range(10)))
    live_shop.answer(lambda message: Receipt.try_again(message.id, "503", timedelta(hours=1)))
    rounds(live_shop.app)()
    assert live_shop.app.rests.all() == {}

    def refused(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        raise AdapterUnusable("the key was refused")
        yield

    live_shop.pigeon.answer = refused
    live_shop.due(Lane.EVENT, "ann")
    rounds(live_shop.app, Lane.EVENT)()
    assert list(live_shop.app.rests.resting()) == ["pigeon"]


def test_what_waits_says_why_and_expires_no_sooner(live_shop: Any) -> None:
    app = live_shop.app
    live_shop.due(Lane.ORDER, "ann")
    app.rests.record("pigeon", live_shop_took(at_once=True))
    rounds(app)()
    (row,) = app.store.outbox.page()
    (shown,) = app.shown([row])
    assert (row.reason, row.state, row.attempts) == (None, MessageState.PLANNED, 0)
    assert shown == replace(row, reason=shown.reason)
    assert shown.reason.startswith("pigeon rests until 2026-03-02 10:00:")
    assert shown.reason.endswith("connection refused")
    why = Why(app.store, app.planner, app.triggers, app.triggering.due_checks, app.shown)
    assert [reason.text for reason in why.message(row, now=live_shop.clock.now()) if reason.about == "adapter"] == [
        shown.reason
    ]
    later = replace(row, due_at=live_shop.clock.now() + timedelta(hours=1))
    assert app.shown([later]) == [later]  # it waits for its own time


def test_a_campaign_is_not_late_for_having_waited_for_an_adapter(live_shop: Any) -> None:
    live_shop.add_customers(2)
    live_shop.campaign()
    send = campaign_rounds(live_shop.app)
    live_shop.answer(ANSWERS["turned away"])
    late = live_shop.app.settings.sending.campaign_late
    for _ in range(40):
        live_shop.app.rests.record("pigeon", live_shop_took(at_once=True))
        campaign_rounds(live_shop.app)()
        live_shop.clock.advance(late / 8)
    assert live_shop.app.campaigning.get("spring").state is CampaignState.SENDING
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    live_shop.app.rests.forget("pigeon")
    live_shop.clock.advance(late / 2)
    send()
    assert live_shop.counts() == {"sent": 2}


def test_what_was_marked_for_the_next_group_is_taken_back(live_shop: Any) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()

    def refused(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        raise AdapterUnusable("the key was refused")
        yield

    live_shop.pigeon.answer = refused
    live_shop.app.send_campaign("spring")
    rows = live_shop.app.store.outbox.page(campaign="spring", limit=100)
    assert {(row.state, row.attempts, row.due_at, row.worker) for row in rows} == {
        (MessageState.PLANNED, 0, live_shop.clock.now(), None)
    }


def test_reasons_have_no_address_in_them(live_shop: Any) -> None:
    live_shop.due(Lane.ORDER, "ann", "bob", "cyd")
    live_shop.answer(lambda message: Receipt.try_again(message.id, f"451 <{message.to}> from +4366012345678: later"))
    for _ in range(3):
        rounds(live_shop.app)()
        live_shop.clock.advance(timedelta(hours=1))
    assert live_shop.app.rests.all()["pigeon"].reason == "451 <(address)> from (number): later"


def test_one_that_is_well_is_not_written_about(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    swap = live_shop.app.store.swap_note
    monkeypatch.setattr(live_shop.app.store, "swap_note", lambda key, *rest: (written.append(key), swap(key, *rest))[1])
    live_shop.add_customers(10 * GROUP)
    live_shop.campaign()
    live_shop.app.send_campaign("spring")
    assert written == []


def test_a_batch_is_one_hand_over(live_shop: Any) -> None:
    made = live_shop.app.adapters.unsent("pigeon")
    made.capabilities = Capabilities(batch_size=10)
    live_shop.add_customers(60)
    live_shop.campaign()
    live_shop.answer(ANSWERS["no answer"])
    campaign_rounds(live_shop.app)()
    assert live_shop.counts() == {"unknown": 30, "planned": 30}


def test_workers_that_send_a_campaign_together_leave_it_alone_too(live_shop: Any) -> None:
    live_shop.add_customers(10 * GROUP)
    live_shop.campaign()
    live_shop.answer(ANSWERS["turned away"])
    send = live_shop.app.dispatcher.shard_round(threading.Event(), unwatched, Turn())
    send()
    handed = len(live_shop.pigeon.handed)
    assert handed == live_shop.app.settings.sending.failures * GROUP
    send()
    live_shop.open().dispatcher.shard_round(threading.Event(), unwatched, Turn())()
    assert len(live_shop.pigeon.handed) == handed
    assert live_shop.app.campaigning.get("spring").state is CampaignState.SENDING
    assert "connection refused" in str(live_shop.app.resting("spring"))
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    live_shop.clock.advance(live_shop.app.settings.sending.rest_max)
    send()
    assert live_shop.app.rests.all() == {}
    assert live_shop.app.resting("spring") is None


def test_who_looks_on_is_told_that_it_waits_for_an_adapter(live_shop: Any) -> None:
    live_shop.add_customers(2)
    live_shop.campaign()
    live_shop.app.rests.record("pigeon", live_shop_took(at_once=True))
    stop, told = threading.Event(), []

    def waits(wait: Any) -> None:
        told.append(wait)
        stop.set()

    live_shop.app.following.follow(
        "spring",
        stop=stop,
        listed=lambda number: None,
        sent=lambda number: None,
        waits=waits,
        idle=lambda: pytest.fail("it waits for its adapter"),
    )
    assert [(wait.messages, wait.reason) for wait in told] == [(2, "connection refused")]
    assert told[0].until == live_shop.app.rests.all()["pigeon"].until
