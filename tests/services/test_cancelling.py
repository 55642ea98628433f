"""A large campaign is cancelled beside orders, not before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from messaging.nouns.campaign import CampaignState
from messaging.stores.postgres import outbox

pytestmark = pytest.mark.postgres


@pytest.fixture
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """One on PostgreSQL, with a campaign of seven that is stopped in four parts."""
    monkeypatch.setenv("MESSAGING__STORE__URL", request.getfixturevalue("postgres_url"))
    monkeypatch.setattr(outbox, "STOPPED", 2)
    shop = request.getfixturevalue("live_shop")
    shop.add_customers(7)
    shop.app.campaigning.create("spring", template="letter", segment="all")
    shop.app.campaigning.start("spring")
    shop.app.campaigning.fill("spring")
    return shop


def test_what_it_had_planned_is_skipped_in_no_transaction_that_others_wait_for(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, within = shop.app.store, []
    transaction, stop = store.transaction, store.outbox.stop

    @contextmanager
    def noted(**options: Any) -> Iterator[None]:
        within.append(options)
        with transaction(**options):
            yield
        within.pop()

    def stopped(*arguments: Any) -> int:
        assert within == []
        return stop(*arguments)

    monkeypatch.setattr(store, "transaction", noted)
    monkeypatch.setattr(store.outbox, "stop", stopped)
    shop.app.campaigning.cancel("spring")
    assert shop.counts() == {"skipped": 7}
    assert shop.reasons() == {"cancelled": 7}


def test_who_dies_over_it_leaves_nothing_that_is_sent(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    store = shop.app.store
    with monkeypatch.context() as patch:
        patch.setattr(store.outbox, "stop", lambda *arguments: (_ for _ in ()).throw(InterruptedError))
        with pytest.raises(InterruptedError):
            shop.app.campaigning.cancel("spring")
    assert shop.app.campaigning.get("spring").state is CampaignState.CANCELLED
    assert shop.counts() == {"planned": 7}
    shop.app.dispatcher.run_due()
    assert shop.pigeon.handed == []
    assert shop.counts() == {"skipped": 7}


def test_each_is_counted(shop: Any) -> None:
    assert shop.app.store.outbox.stop("spring", "cancelled") == 7
