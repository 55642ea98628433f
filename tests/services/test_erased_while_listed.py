"""Somebody is erased while a campaign's messages are made: nothing of them comes back, and the states add up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from messaging.services import campaign_plans, campaign_rows


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One on each store, with a campaign of seven that is made in four pages."""
    if request.param == "postgres":
        monkeypatch.setenv("MESSAGING__STORE__URL", request.getfixturevalue("postgres_url"))
    for module in (campaign_plans, campaign_rows):
        monkeypatch.setattr(module, "PAGE", 2)
    shop = request.getfixturevalue("live_shop")
    shop.add_customers(7)
    shop.app.campaigning.create("spring", template="letter", segment="all")
    shop.app.campaigning.start("spring")
    return shop


def test_who_is_erased_after_they_were_read_is_not_written_down(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = campaign_rows.decide
    erased: list[str] = []

    def decide(*arguments: Any, **options: Any) -> Iterator[Any]:
        for messages, people in real(*arguments, **options):
            if not erased:
                erased.append(people[0].id)
                shop.app.eraser.erase(people[0].id)
            yield messages, people

    monkeypatch.setattr(campaign_rows, "decide", decide)
    shop.app.campaigning.fill("spring")
    rows = shop.app.store.outbox.page(campaign="spring")
    assert {f"{erased[0]}@example.com", erased[0]}.isdisjoint(
        {*(r.address for r in rows), *(r.customer_id for r in rows)}
    )
    assert shop.counts() == {"planned": 6, "skipped": 1}
    assert shop.reasons() == {"the customer is gone": 1}


def test_who_is_erased_before_they_were_read_is_nobody_known(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store, erased = shop.app.store, []
    get = store.customers.get

    def late(ids: Any) -> Any:
        if not erased:
            erased.append(ids[0])
            shop.app.eraser.erase(ids[0])
        return get(ids)

    monkeypatch.setattr(store.customers, "get", late)
    assert shop.app.campaigning.fill("spring").audience == 7
    assert erased[0] not in {row.customer_id for row in store.outbox.page(campaign="spring")}
    assert shop.counts() == {"planned": 6, "skipped": 1}
    assert shop.reasons() == {"the customer is gone": 1}


def test_who_had_a_message_is_counted_once_after_a_resume(shop: Any) -> None:
    def cut(number: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        shop.app.campaigning.fill("spring", progress=cut)
    shop.app.eraser.erase(shop.app.store.outbox.page(campaign="spring")[0].customer_id)
    assert shop.app.campaigning.fill("spring").audience == 7
    assert shop.counts() == {"planned": 6, "skipped": 1}
    assert shop.reasons() == {"erased": 1}
