"""What is kept of a campaign's plan, and what becomes of it when somebody of it is erased."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from messaging.nouns.campaign import CampaignState


def test_who_was_erased_since_the_plan_stops_nobody_elses(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.add_customers(1, consent=False, first=3)
    live_shop.app.campaigning.create(
        "spring", template="letter", segment="all", at=live_shop.clock.now() + timedelta(hours=1)
    )
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    assert live_shop.app.eraser.erase("c0001").plans == 1
    assert live_shop.app.eraser.erase("c0003").plans == 1
    live_shop.clock.advance(timedelta(hours=1))
    live_shop.app.dispatcher.run_due()
    assert live_shop.app.campaigning.get("spring").state is CampaignState.DONE
    assert live_shop.counts() == {"sent": 2, "skipped": 2}
    assert live_shop.reasons() == {"the customer is gone": 2}


def test_erasing_forgets_why_somebody_was_left_out(live_shop: Any) -> None:
    live_shop.add_customers(2)
    live_shop.add_customers(2, consent=False, first=2)
    live_shop.app.campaigning.create("spring", template="letter", segment="all")
    plan = live_shop.app.campaigning.plan("spring")
    live_shop.app.campaigning.start("spring", plan_hash=plan.hash)
    live_shop.app.eraser.erase("c0003")
    assert b"c0003" not in live_shop.app.store.path.read_bytes()
    live_shop.app.campaigning.fill("spring")
    assert live_shop.reasons() == {"no consent": 1, "the customer is gone": 1}
