"""Campaigns that are handed to workers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from messaging.errors import Conflict
from messaging.nouns.campaign import CampaignState
from messaging.nouns.work import Kind, Work
from messaging.services.following import Following
from messaging.services.sending import unwatched
from messaging.services.turns import Turn


def following(app: Any, wake: Any) -> Following:
    return Following(app.store, app.clock, campaigning=app.campaigning, runs=app.runs, resting=app.resting, wake=wake)


def look(app: Any) -> None:
    """A worker is woken for campaigns, and what it makes ready is made ready."""
    app.dispatcher.shard_round(threading.Event(), unwatched, Turn())()
    for thread in threading.enumerate():
        if thread.name.startswith("messaging-plan-"):
            thread.join()


def test_a_worker_that_looks_while_the_list_is_stored_leaves_it_alone(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(3)
    app, other = live_shop.app, live_shop.open()
    app.campaigning.create("spring", template="letter", segment="all")
    lists: list[Any] = []
    put = app.store.campaigns.put_members

    def slowly(name: str, members: Any) -> None:
        assert app.campaigning.get(name).state is CampaignState.PLANNING
        look(other)
        put(name, members)
        lists.append(app)

    monkeypatch.setattr(app.store.campaigns, "put_members", slowly)
    monkeypatch.setattr(other.store.campaigns, "put_members", lambda *_: lists.append(other))
    woken: list[Work] = []

    def wake(work: Work) -> None:
        woken.append(work)
        look(other)  # nobody has it any more by now

    following(app, wake).hand_over("spring")
    assert lists == [app]
    assert woken == [Work(Kind.CAMPAIGNS)]
    assert live_shop.counts() == {"planned": 3}


def test_one_that_somebody_is_just_starting_is_left_to_them(live_shop: Any) -> None:
    live_shop.add_customers(3)
    app, other = live_shop.app, live_shop.open()
    app.campaigning.create("spring", template="letter", segment="all")
    starter = other.store.enlist()
    assert other.runs.begin("spring", starter)
    with pytest.raises(Conflict, match="spring is just being started by somebody else"):
        following(app, lambda work: None).hand_over("spring")
    assert app.campaigning.get("spring").state is CampaignState.DRAFT
    other.store.dismiss(starter)
    following(app, lambda work: None).hand_over("spring")
    assert app.campaigning.get("spring").state is CampaignState.PLANNING


def test_one_that_cannot_be_started_is_nobodys(live_shop: Any) -> None:
    live_shop.add_customers(3)
    app = live_shop.app
    live_shop.campaign()
    app.campaigning.pause("spring")
    with pytest.raises(Conflict, match="paused"):
        following(app, lambda work: None).hand_over("spring")
    assert not app.runs.is_going("spring")
