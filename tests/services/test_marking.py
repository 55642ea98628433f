"""A group is marked page by page: all of what goes, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from messaging.errors import StoreError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import MessageState
from messaging.services import marking

if TYPE_CHECKING:
    from tests.conftest import Shop


@pytest.fixture
def shop(live_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """One whose group of seven is marked in four pages."""
    monkeypatch.setattr(marking, "PAGE", 2)
    live_shop.add_customers(7)
    live_shop.app.campaigning.create("spring", template="letter", segment="all")
    return live_shop


def test_a_group_goes_together_however_many_pages_it_was_marked_in(shop: Shop) -> None:
    assert shop.app.send_campaign("spring") is None
    assert shop.counts() == {"sent": 7}
    assert all(row.attempts == 1 for row in shop.app.store.outbox.page(campaign="spring"))


def test_what_was_marked_before_the_store_failed_has_not_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    at_third_page(shop, monkeypatch, fail)
    shop.app.campaigning.start("spring")
    shop.app.campaigning.fill("spring")
    with pytest.raises(StoreError):
        shop.app.send_campaign("spring")
    assert shop.counts() == {"planned": 7}
    assert shop.pigeon.handed == []
    assert shop.app.send_campaign("spring") is None
    assert shop.counts() == {"sent": 7}
    assert all(row.attempts == 1 for row in shop.app.store.outbox.page(campaign="spring"))


def test_what_was_marked_before_it_was_paused_has_not_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    at_third_page(shop, monkeypatch, lambda: shop.app.campaigning.pause("spring", "by hand"))
    shop.app.send_campaign("spring")
    assert shop.app.campaigning.get("spring").state is CampaignState.PAUSED
    assert shop.counts() == {"planned": 7}
    assert shop.pigeon.handed == []


def test_who_withdrew_between_two_pages_is_not_written_to(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[str] = []

    def withdraw() -> None:
        first.extend(
            row.customer_id for row in shop.app.store.outbox.page(state=MessageState.SENDING, campaign="spring")
        )
        shop.unsubscribe(first[0])

    at_third_page(shop, monkeypatch, withdraw)
    assert shop.app.send_campaign("spring") is None
    assert shop.counts() == {"sent": 6, "skipped": 1}
    assert first[0] not in shop.handed()


def fail() -> None:
    raise StoreError("the disk is full")


def at_third_page(shop: Shop, monkeypatch: pytest.MonkeyPatch, do: Any) -> None:
    """Before the third page is marked, `do`, once."""
    pages, mark = [], marking.Marking._page

    def page(self: marking.Marking, *arguments: Any) -> Any:
        pages.append(arguments)
        if len(pages) == 3:
            do()
        return mark(self, *arguments)

    monkeypatch.setattr(marking.Marking, "_page", page)
