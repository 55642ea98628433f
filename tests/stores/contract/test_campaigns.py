"""What every store does with campaigns."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from messaging.nouns.campaign import CampaignState


def test_every_field_comes_back(store, look, make):
    campaign = make.campaign(
        "spring",
        adapter="smtp",
        at=make.now,
        service_notice="recall",
        state=CampaignState.PAUSED,
        reason="bad key",
        version="v1",
        audience=3,
        started_at=make.now,
        finished_at=make.now,
    )
    store.campaigns.put(campaign)
    assert look().campaigns.get("spring") == campaign
    assert look().campaigns.get("none") is None


def test_put_replaces(store, look, make):
    store.campaigns.put(make.campaign("spring"))
    store.campaigns.put(replace(make.campaign("spring"), state=CampaignState.DONE))
    assert [campaign.state for campaign in look().campaigns.all()] == [CampaignState.DONE]


def test_all_by_time_of_creation(store, look, make):
    store.campaigns.put(make.campaign("a", created_at=make.now + timedelta(days=1)))
    store.campaigns.put(make.campaign("b"))
    assert [campaign.name for campaign in look().campaigns.all()] == ["b", "a"]


def test_those_in_some_states(store, look, make):
    for number, state in enumerate(CampaignState):
        store.campaigns.put(replace(make.campaign(f"c{number}"), state=state))
    wanted = [CampaignState.DONE, CampaignState.DRAFT]
    assert {campaign.state for campaign in look().campaigns.all(wanted)} == set(wanted)
    assert look().campaigns.all([]) == []
    assert len(look().campaigns.all()) == len(CampaignState)


def test_members_are_stored_once_in_their_order(store, look):
    members = [f"c{n}" for n in range(2500, 0, -1)]
    assert look().campaigns.members("spring") is None
    store.campaigns.put_members("spring", members)
    store.campaigns.put_members("spring", ["other"])
    assert list(look().campaigns.members("spring")) == members
    assert look().campaigns.members("spring-2") is None


def test_who_is_on_a_list(store, look, make):
    store.customers.put([make.customer("c2")])
    store.campaigns.put_members("spring", [f"c{n}" for n in range(2500)])
    assert look().campaigns.listed("spring", ["c2", "c2499", "c2500", "a\0b"]) == {"c2", "c2499"}
    assert look().campaigns.listed("spring", []) == look().campaigns.listed("none", ["c2"]) == set()
    store.customers.delete("c2")
    assert look().campaigns.listed("spring", ["c2"]) == set()


def test_a_list_of_nobody_is_a_list(store, look):
    store.campaigns.put_members("spring", [])
    store.campaigns.put_members("spring", ["late"])
    assert list(look().campaigns.members("spring")) == []


def test_a_list_is_read_while_somebody_on_it_is_forgotten(store, look, make):
    members = [f"c{n}" for n in range(2500)]
    store.customers.put([make.customer("c2400")])
    store.campaigns.put_members("spring", members)
    reading = look().campaigns.members("spring")
    assert next(reading) == "c0"
    store.customers.delete("c2400")
    rest = list(reading)
    assert len(rest) == 2499
    assert [at for at, (before, now) in enumerate(zip(members[1:], rest, strict=True)) if before != now] in ([], [2399])
