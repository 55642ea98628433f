"""The rules in a whole shop: what a plan says, and what is sent when."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from messaging import MessageState, SettingsError

if TYPE_CHECKING:
    from tests.conftest import Shop

CAP = '[[plugins.rules.caps]]\nchannel = "email"\nmax = 1\ndays = 7\n'
DAY = timedelta(days=1)


def set_up(shop: Shop, settings: str) -> None:
    file = shop.workspace.settings
    file.write_text(f"{file.read_text('utf-8')}\n{settings}", "utf-8")
    shop.app = shop.open()


def create(shop: Shop, name: str) -> None:
    shop.app.campaigning.create(name, template="letter", segment="all", channel="email")


def test_who_had_one_gets_no_second_and_the_plan_says_so(live_shop: Shop) -> None:
    set_up(live_shop, CAP)
    live_shop.add_customers(2)
    create(live_shop, "spring")
    assert live_shop.app.send_campaign("spring") is None
    sent_on = live_shop.clock.now().date()
    live_shop.clock.advance(2 * DAY)
    live_shop.add_customers(1, first=2)
    create(live_shop, "summer")
    plan = live_shop.app.campaigning.plan("summer")
    assert (plan.planned, plan.skipped) == (
        1,
        {f"at most 1 email in 7 days: letter was before, on {sent_on}": 2},
    )
    assert live_shop.app.send_campaign("summer") is None
    assert live_shop.counts("summer") == {"sent": 1, "skipped": 2}
    live_shop.clock.advance(7 * DAY)
    create(live_shop, "autumn")
    assert live_shop.app.send_campaign("autumn") is None
    assert live_shop.counts("autumn") == {"sent": 3}


def test_who_sleeps_gets_it_in_the_morning(live_shop: Shop) -> None:
    now = live_shop.clock.now()
    quiet = f'from = "{now - timedelta(hours=1):%H:%M}"\nuntil = "{now + timedelta(hours=2):%H:%M}"\n'
    set_up(live_shop, f'[[plugins.rules.quiet]]\nchannel = "email"\n{quiet}')
    live_shop.add_customers(2)
    create(live_shop, "spring")
    plan = live_shop.app.campaigning.plan("spring")
    assert "2 would go later: quiet hours in UTC" in plan.warnings
    live_shop.app.send_campaign("spring")
    assert live_shop.counts("spring") == {"planned": 2}
    rows = live_shop.app.store.outbox.page(campaign="spring")
    assert {(row.reason, row.due_at) for row in rows} == {
        ("quiet hours in UTC", (now + timedelta(hours=2)).replace(second=0, microsecond=0))
    }
    live_shop.clock.advance(timedelta(hours=2))
    live_shop.app.dispatcher.send("spring", plan_hash=None, listed=None, sent=None)
    assert {row.state for row in live_shop.app.store.outbox.page(campaign="spring")} == {MessageState.SENT}


def test_a_mistake_in_them_sends_nothing(live_shop: Shop) -> None:
    live_shop.add_customers(1)
    create(live_shop, "spring")
    set_up(live_shop, '[plugins.rules]\ncaps = "three"\n')
    with pytest.raises(SettingsError, match=r"\[plugins.rules\] caps: Input should be a valid tuple"):
        live_shop.app.send_campaign("spring")
