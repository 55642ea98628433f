"""Turns: how long a sender goes on, and what becomes of what it has in hand."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from messaging import Receipt
from messaging.nouns.message import Lane
from messaging.services.sending import GROUP, PAGE, unwatched
from messaging.services.turns import Turn


def test_one_without_a_length_never_ends() -> None:
    asked: list[str] = []
    with Turn(more=lambda: asked.append("more")) as turn:
        assert not turn.over()
    assert asked == []


def test_whoever_had_no_time_left_says_that_there_is_more() -> None:
    asked: list[str] = []
    with Turn(0.0, more=lambda: asked.append("more")) as turn:
        assert turn.over()
        assert turn.left() == 0.0
    assert asked == ["more"]


def test_a_fault_is_no_reason_to_come_again_at_once() -> None:
    asked: list[str] = []
    with pytest.raises(ZeroDivisionError), Turn(0.0, more=lambda: asked.append("more")):
        raise ZeroDivisionError
    assert asked == []


def test_a_turn_that_is_over_ends_between_groups(live_shop: Any) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()
    turn = Turn(0.0)
    sender = live_shop.app.make_sender(threading.Event(), turn=turn)
    for sent in (1, 2, 3):  # each turn sees a group through, however short it is
        with turn:
            sender.send_campaign("spring")
        left = 3 * GROUP - sent * GROUP
        assert live_shop.counts() == {"sent": sent * GROUP, **({"planned": left} if left else {})}
    assert live_shop.app.store.outbox.workers() == []  # what was locked and left is for others
    sender.close()


def test_rate_tokens_of_what_was_left_are_given_back(live_shop: Any) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()
    sender = live_shop.app.make_sender(threading.Event(), turn=Turn(0.0))
    sender._rates._rates = {"pigeon": 1000.0}
    given: list[int] = []
    sender._rates.give_back = lambda grant, number: given.append(number)
    with sender._turn:
        sender.send_campaign("spring")
    assert given == [PAGE - 3 * GROUP, 2 * GROUP]
    sender.close()


def test_who_waits_for_a_rate_waits_no_longer_than_its_turn(live_shop: Any) -> None:
    live_shop.add_customers(10)
    live_shop.campaign()
    stop = threading.Event()
    sender = live_shop.app.make_sender(stop, turn=Turn(0.0))
    sender._rates._rates = {"pigeon": 0.001}
    with sender._turn:
        sender.send_campaign("spring")  # the one token that there is
        sender.send_campaign("spring")  # none: a quarter of an hour, if it were waited for
    assert live_shop.counts() == {"sent": 1, "planned": 9}
    sender.close()


def test_others_are_woken_as_soon_as_there_is_more_than_one_can_take(live_shop: Any) -> None:
    live_shop.add_customers(PAGE + 1)
    live_shop.campaign()
    handed_when_told: list[int] = []
    turn = Turn(more=lambda: handed_when_told.append(len(live_shop.pigeon.handed)))
    sender = live_shop.app.make_sender(threading.Event(), turn=turn)
    with turn:
        sender.send_campaign("spring")
    assert handed_when_told == [0]  # before the first was handed over; of the last page nobody need know
    sender.close()


def test_who_asks_about_what_died_does_so_in_turns(live_shop: Any) -> None:
    """A provider that is asked about each of many messages must not keep orders waiting until it told of all."""
    live_shop.add_customers(3)
    live_shop.campaign()
    app, dead = live_shop.app, live_shop.open()
    worker, now = dead.store.enlist(), live_shop.clock.now()
    lost = [message.id for message in dead.store.outbox.claim(worker, now=now, limit=3)]
    dead.store.outbox.begin(worker, lost, now=now)
    dead.close()
    live_shop.pigeon.found.update((id, Receipt.accepted(id)) for id in lost)
    woken: list[str] = []
    turn = Turn(0.0, more=lambda: woken.append("recovery"))
    recover = app.dispatcher.recovery_round(threading.Event(), unwatched, turn)
    for sent in (1, 2, 3):
        with turn:
            recover()
        assert live_shop.counts() == {"sent": sent, **({"unknown": 3 - sent} if sent < 3 else {})}
    assert woken == ["recovery"] * 3
    assert app.store.outbox.workers() == []


def test_the_last_group_of_a_turn_has_its_receipts(live_shop: Any) -> None:
    live_shop.due(Lane.ORDER, *(f"c{n}" for n in range(2 * GROUP)))
    live_shop.answer(lambda message: Receipt.refused(message.id, "no such pigeonhole"))
    turn = Turn(0.0)
    sender = live_shop.app.make_sender(threading.Event(), turn=turn)
    with turn:
        report = sender.send_lanes((Lane.ORDER,), ("email",))
    assert {state.value: number for state, number in report.states.items()} == {"refused": GROUP}
    sender.close()
