"""A campaign's life: what plan shows is what send does, and the states add up at every moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from messaging import Conflict, InputError, MessagingError, NotFound, SettingsError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.customer import Customer
from messaging.nouns.message import MessageState
from messaging.services import campaign_rows
from messaging.services.campaign_plans import PAGE

TRANSACTIONAL = 'class = "transactional"\ntopic = "orders"\nsubject = "Recall"\nchannels = ["email"]\n'


def create(shop: Any, name: str = "spring", **options: Any) -> None:
    shop.app.campaigning.create(name, template="letter", segment="all", **options)


def test_a_plan_says_who_and_why_and_stores_no_message(live_shop: Any) -> None:
    live_shop.add_customers(5)
    live_shop.add_customers(2, consent=False, first=5)
    live_shop.unsubscribe("c0001")
    now = live_shop.clock.now()
    live_shop.app.store.customers.put(
        [
            Customer(id="no-mail", created_at=now),
            Customer(id="zz-twin", email="C0000@example.com", created_at=now),
        ]
    )
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring")
    assert plan.summary() == {
        "campaign": "spring",
        "hash": plan.hash,
        "audience": 9,
        "planned": 4,
        "skipped": {"no consent": 3, "unsubscribed": 1, "no address (email)": 1},
        "warnings": [],
        "measure": None,
    }
    assert live_shop.app.store.outbox.page(limit=10) == []
    assert live_shop.pigeon.handed == []


def test_two_customers_with_one_address_get_one_message(live_shop: Any) -> None:
    live_shop.add_customers(2)
    twin = replace(live_shop.app.store.customers.get(["c0000"])["c0000"], id="zz-twin")
    live_shop.app.store.customers.put([twin])
    create(live_shop)
    assert live_shop.app.campaigning.plan("spring").skipped == {"same address as another customer": 1}
    live_shop.app.campaigning.start("spring")
    live_shop.app.campaigning.fill("spring")
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 2, "skipped": 1}
    assert sorted(live_shop.handed()) == ["c0000", "c0001"]


def test_the_hash_is_of_the_whole_decision(live_shop: Any) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    first = live_shop.app.campaigning.plan("spring").hash
    assert live_shop.app.campaigning.plan("spring").hash == first
    live_shop.unsubscribe("c0001")
    assert live_shop.app.campaigning.plan("spring").hash != first


def test_sending_a_plan_sends_what_it_showed(live_shop: Any) -> None:
    live_shop.add_customers(4)
    live_shop.add_customers(1, consent=False, first=4)
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    live_shop.app.campaigning.fill("spring")
    assert live_shop.counts() == {"planned": plan.planned, "skipped": 1}
    assert live_shop.reasons() == {"no consent": 1}


def test_a_plan_is_refused_when_people_were_added_or_content_changed(live_shop: Any) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.add_customers(1, first=3)
    with pytest.raises(Conflict, match="1 person joined the segment since the plan"):
        live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.write_template(
        "letter", 'class = "marketing"\ntopic = "news"\nsubject = "Changed"\nchannels = ["email"]\n'
    )
    with pytest.raises(Conflict, match="changed since the plan"):
        live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.write_segment("all", "email is defined")
    with pytest.raises(Conflict, match="changed since the plan"):
        live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    assert live_shop.app.campaigning.get("spring").state is CampaignState.DRAFT
    assert live_shop.app.store.campaigns.members("spring") is None


def test_who_left_since_the_plan_is_skipped_and_shown(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.write_segment("all", "country is not defined")
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring")
    person = live_shop.app.store.customers.get(["c0001"])["c0001"]
    live_shop.app.store.customers.put([replace(person, country="DE")])
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    live_shop.app.campaigning.fill("spring")
    assert live_shop.counts() == {"planned": 2, "skipped": 1}
    assert live_shop.reasons() == {"left the segment since the plan": 1}


def test_who_was_left_out_of_the_plan_stays_left_out(live_shop: Any) -> None:
    live_shop.add_customers(2)
    live_shop.add_customers(1, consent=False, first=2)
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.add_customers(1, first=2)  # now they agreed
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    live_shop.app.campaigning.fill("spring")
    assert live_shop.counts() == {"planned": 2, "skipped": 1}


@pytest.mark.parametrize("hash", ["", "nonsense", "../../etc/passwd", "0" * 32])
def test_a_hash_that_is_none(live_shop: Any, hash: str) -> None:
    live_shop.add_customers(1)
    create(live_shop)
    with pytest.raises(MessagingError, match="plan"):
        live_shop.app.campaigning.start("spring", plan_hash=hash)


def test_another_campaigns_plan(live_shop: Any) -> None:
    live_shop.add_customers(1)
    create(live_shop)
    create(live_shop, "summer")
    plan = live_shop.app.campaigning.plan("summer")
    with pytest.raises(InputError, match="is for campaign summer"):
        live_shop.app.campaigning.start("spring", plan_hash=plan.hash)


def cut_at_the_second_page(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the rows of the campaign's first page; the second dies, now and until `monkeypatch` is undone."""
    add = live_shop.app.store.outbox.add

    def dies_at_the_second_page(messages: Any) -> int:
        if len(messages) < PAGE:
            raise OSError("power cut")
        return int(add(messages))

    monkeypatch.setattr(live_shop.app.store.outbox, "add", dies_at_the_second_page)
    with pytest.raises(OSError, match="power cut"):
        live_shop.app.campaigning.fill("spring")


def test_nothing_leaves_before_the_list_is_complete_and_a_cut_list_is_completed(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(PAGE + 7)
    create(live_shop)
    live_shop.app.campaigning.start("spring")
    cut_at_the_second_page(live_shop, monkeypatch)
    assert live_shop.app.campaigning.get("spring").state is CampaignState.PLANNING
    with pytest.raises(OSError, match="power cut"):
        live_shop.app.send_campaign("spring")
    assert live_shop.pigeon.handed == []
    live_shop.write_segment("all", "country == 'NOWHERE'")  # the stored list counts, not the segment of now
    monkeypatch.undo()
    live_shop.app.campaigning.fill("spring")
    assert live_shop.counts() == {"planned": PAGE + 7}


def test_a_member_who_is_gone_is_still_counted(live_shop: Any) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    live_shop.app.campaigning.start("spring")
    live_shop.app.store.customers.delete("c0001")
    live_shop.app.campaigning.fill("spring")
    assert sum(live_shop.counts().values()) == 3
    assert live_shop.counts()["planned"] == 2


def test_scheduled_for_later(live_shop: Any) -> None:
    live_shop.add_customers(2)
    at = live_shop.clock.now() + timedelta(hours=5)
    create(live_shop, at=at)
    assert live_shop.app.campaigning.start("spring").state is CampaignState.SCHEDULED
    live_shop.app.dispatcher.run_due()
    assert live_shop.pigeon.handed == []
    live_shop.clock.advance(timedelta(hours=5))
    live_shop.app.dispatcher.run_due()
    assert live_shop.counts() == {"sent": 2}


def test_one_that_is_hours_late_is_held_until_a_person_decides(live_shop: Any) -> None:
    live_shop.add_customers(2)
    create(live_shop, at=live_shop.clock.now() + timedelta(hours=5))
    live_shop.app.campaigning.start("spring")
    live_shop.clock.advance(timedelta(hours=11))
    live_shop.app.dispatcher.run_due()
    campaign = live_shop.app.campaigning.get("spring")
    assert campaign.state is CampaignState.HELD
    assert "too long ago" in str(campaign.reason)
    assert live_shop.pigeon.handed == []
    live_shop.app.campaigning.resume("spring")
    live_shop.app.campaigning.start("spring")
    live_shop.app.campaigning.fill("spring")
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 2}


def test_cancelling_before_the_rows_are_made_still_adds_up(live_shop: Any) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    live_shop.app.campaigning.start("spring")
    live_shop.app.campaigning.cancel("spring")
    assert live_shop.counts() == {"skipped": 3}
    with pytest.raises(Conflict, match="is cancelled"):
        live_shop.app.campaigning.start("spring")
    with pytest.raises(Conflict, match="nothing to cancel"):
        live_shop.app.campaigning.cancel("spring")


def test_a_transactional_template_must_say_why(live_shop: Any) -> None:
    live_shop.write_template("recall", TRANSACTIONAL)
    with pytest.raises(MessagingError, match="is transactional"):
        live_shop.app.campaigning.create("recall", template="recall", segment="all")
    live_shop.add_customers(1, consent=False)
    live_shop.app.campaigning.create("recall", template="recall", segment="all", service_notice="kettle recall")
    assert live_shop.app.campaigning.plan("recall").planned == 1


def test_what_a_campaign_must_not_be(live_shop: Any) -> None:
    with pytest.raises(InputError, match="cannot name a campaign"):
        create(live_shop, "Spring Sale")
    with pytest.raises(NotFound, match="no template 'nope'"):
        live_shop.app.campaigning.create("x", template="nope", segment="all")
    with pytest.raises(NotFound, match="nope"):
        live_shop.app.campaigning.create("x", template="letter", segment="nope")
    with pytest.raises(InputError, match="has no sms part"):
        create(live_shop, channel="sms")
    with pytest.raises(SettingsError, match="there is no adapter 'nope'"):
        create(live_shop, adapter="nope")
    with pytest.raises(InputError, match="is in the past"):
        create(live_shop, at=live_shop.clock.now() - timedelta(seconds=1))
    create(live_shop)
    with pytest.raises(Conflict, match="there is a campaign 'spring' already"):
        create(live_shop)
    with pytest.raises(NotFound, match="no campaign 'x'"):
        live_shop.app.campaigning.plan("x")


def test_the_states_add_up_to_the_audience_whatever_happens(live_shop: Any) -> None:
    live_shop.add_customers(30)
    live_shop.add_customers(5, consent=False, first=30)
    live_shop.campaign()
    seen = []

    def watch(number: int) -> None:
        seen.append(sum(live_shop.app.store.outbox.counts("spring").values()))

    live_shop.app.dispatcher.send("spring", sent=watch)
    assert seen
    assert set(seen) == {35}
    assert live_shop.app.campaigning.status("spring").counts[MessageState.SENT] == 30


def test_a_scheduled_campaign_sends_its_plan_or_is_held(live_shop: Any) -> None:
    live_shop.add_customers(3)
    create(live_shop, at=live_shop.clock.now() + timedelta(hours=1))
    with pytest.raises(NotFound, match="no plan"):
        live_shop.app.campaigning.start("spring", plan_hash="f" * 32)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    live_shop.add_customers(1, first=3)
    live_shop.clock.advance(timedelta(hours=1))
    live_shop.app.dispatcher.run_due()
    campaign = live_shop.app.campaigning.get("spring")
    assert campaign.state is CampaignState.HELD
    assert "1 person joined" in str(campaign.reason)
    assert live_shop.pigeon.handed == []


def test_a_campaign_that_began_takes_no_other_plan(live_shop: Any) -> None:
    live_shop.add_customers(1)
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)  # the same again: after an interruption
    with pytest.raises(Conflict, match="began by another plan"):
        live_shop.app.campaigning.start("spring", plan_hash="0" * 32)


def cut_short(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the rows of the first page only."""
    create(live_shop)
    live_shop.app.campaigning.start("spring")
    cut_at_the_second_page(live_shop, monkeypatch)
    monkeypatch.undo()


def test_cancelling_one_paused_while_its_rows_were_made_adds_up(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(PAGE + 7)
    cut_short(live_shop, monkeypatch)
    live_shop.app.campaigning.pause("spring", "by hand")
    live_shop.app.campaigning.cancel("spring")
    assert live_shop.counts() == {"skipped": PAGE + 7}
    assert live_shop.app.campaigning.get("spring").reason is None


def test_no_address_gets_two_messages_also_when_addresses_move_before_a_resume(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = live_shop.add_customers(PAGE + 7)
    cut_short(live_shop, monkeypatch)
    first, last = people[0], people[-1]
    found = live_shop.app.store.customers.get([first, last])
    live_shop.app.store.customers.put(
        [replace(found[first], email="moved@example.com"), replace(found[last], email=f"{first}@example.com")]
    )
    live_shop.app.send_campaign("spring")
    assert len(live_shop.handed()) == len(set(live_shop.handed())) == PAGE + 6
    assert live_shop.reasons() == {"same address as another customer": 1}


def test_rows_left_half_made_for_hours_are_held(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live_shop.add_customers(PAGE + 7)
    cut_short(live_shop, monkeypatch)
    live_shop.clock.advance(timedelta(days=7))
    live_shop.app.dispatcher.run_due()
    assert live_shop.app.campaigning.get("spring").state is CampaignState.HELD
    assert live_shop.pigeon.handed == []


@pytest.mark.parametrize("paused", [True, False])
def test_while_its_rows_are_made_to_cancel_it_nobody_sends_it(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch, paused: bool
) -> None:
    live_shop.add_customers(PAGE + 7)
    cut_short(live_shop, monkeypatch)
    if paused:
        live_shop.app.campaigning.pause("spring", "by hand")
    server = live_shop.open()
    made = campaign_rows.decide

    def made_while_a_server_looks_on(*arguments: Any, **options: Any) -> Iterator[Any]:
        for page in made(*arguments, **options):
            server.dispatcher.run_due()
            yield page

    monkeypatch.setattr(campaign_rows, "decide", made_while_a_server_looks_on)
    live_shop.app.campaigning.cancel("spring")
    assert live_shop.pigeon_of(server).handed == []
    assert live_shop.counts() == {"skipped": PAGE + 7}
    assert live_shop.app.campaigning.get("spring").state is CampaignState.CANCELLED


def test_what_began_is_not_planned_again(live_shop: Any) -> None:
    live_shop.add_customers(1)
    live_shop.campaign()
    with pytest.raises(Conflict, match="began already"):
        live_shop.app.campaigning.plan("spring")


class Died(Exception):
    """Whoever started it is gone."""


def died_before_the_list(shop: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(shop.app.store.campaigns, "put_members", die)
        with pytest.raises(Died):
            shop.app.campaigning.start("spring", **options)
    assert shop.app.campaigning.get("spring").state is CampaignState.PLANNING


@pytest.mark.parametrize("planned", [True, False])
def test_a_list_that_was_not_stored_is_made_by_who_takes_it_up(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    live_shop.add_customers(3)
    live_shop.write_segment("all", "country is not defined")
    create(live_shop)
    plan = live_shop.app.campaigning.plan("spring").hash if planned else None
    died_before_the_list(live_shop, monkeypatch, plan_hash=plan)
    person = live_shop.app.store.customers.get(["c0001"])["c0001"]
    live_shop.app.store.customers.put([replace(person, country="DE")])
    live_shop.app.campaigning.start("spring", plan_hash=plan)
    campaign = live_shop.app.campaigning.fill("spring")
    assert campaign.state is CampaignState.SENDING
    assert live_shop.counts() == ({"planned": 2, "skipped": 1} if planned else {"planned": 2})
    assert campaign.audience == sum(live_shop.counts().values())


def test_a_list_that_is_no_longer_what_the_plan_showed_is_for_a_person(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    died_before_the_list(live_shop, monkeypatch, plan_hash=live_shop.app.campaigning.plan("spring").hash)
    live_shop.add_customers(1, first=3)
    with pytest.raises(Conflict, match="1 person joined the segment since the plan"):
        live_shop.app.campaigning.fill("spring")
    campaign = live_shop.app.campaigning.get("spring")
    assert (campaign.state, campaign.reason) == (CampaignState.HELD, "1 person joined the segment since the plan")
    assert live_shop.counts() == {}


def test_cancelled_before_the_list_was_stored_nobody_was_its_audience(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    died_before_the_list(live_shop, monkeypatch)
    assert live_shop.app.campaigning.cancel("spring").audience == 0
    assert live_shop.counts() == {}


def test_paused_before_the_list_was_stored_it_goes_on_to_all(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live_shop.add_customers(3)
    create(live_shop)
    died_before_the_list(live_shop, monkeypatch)
    live_shop.app.campaigning.pause("spring")
    assert live_shop.app.campaigning.resume("spring").state is CampaignState.PLANNING
    live_shop.app.campaigning.fill("spring")
    assert live_shop.counts() == {"planned": 3}
