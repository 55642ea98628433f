"""Short links at the public door: each goes where it leads, and nobody finds one by trying."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.errors import StoreError
from messaging.ids import message_id
from messaging.nouns.engagement import EngagementKind
from messaging.rules.short_links import LinkShortener, ShortMessageLinks
from messaging.rules.tokens import SigningKeys

KEYS = SigningKeys(current=1, keys={1: b"k" * 32})
VERSION = "ab" * 16
SHOP_URL = "https://shop.example/sale?from=mail&x=1#top"


@pytest.fixture
def links(site: Any) -> ShortMessageLinks:
    """The short links of a message that was sent to Ann."""
    site.message("ann")
    return LinkShortener(KEYS, "").for_message(message_id("campaign:spring", "ann", "email"), VERSION)


def kept(site: Any, links: ShortMessageLinks, *addresses: str) -> tuple[str, ...]:
    assert site.store.short_links.add(links.used(addresses)) == []
    return addresses


def test_leads_where_its_version_says_and_is_counted(site: Any, public: Any, links: ShortMessageLinks) -> None:
    (address,) = kept(site, links, links.click(1, 2, None))
    answer = public.get(address)
    assert (answer.status_code, answer.headers["location"]) == (302, SHOP_URL)
    assert answer.headers["cache-control"] == "no-store"
    [told] = site.engagements()
    assert (told.kind, told.slot, told.machine) == (EngagementKind.CLICKED, "1.3", False)


def test_leads_where_was_known_only_when_sending(site: Any, public: Any, links: ShortMessageLinks) -> None:
    (address,) = kept(site, links, links.click(2, 0, "https://carrier.example/track/ä b"))
    assert public.get(address).headers["location"] == "https://carrier.example/track/%C3%A4%20b"


def test_the_pages(site: Any, public: Any, links: ShortMessageLinks) -> None:
    leave, choose = kept(site, links, links.unsubscribe(), links.preferences())
    answer = public.get(leave)
    assert answer.status_code == 302
    page = public.get(leave, follow_redirects=True)
    assert page.status_code == 200
    assert page.url.path.startswith("/u/")
    assert site.consented() is None  # looking changes nothing
    assert public.post(str(page.url)).status_code == 200
    assert site.consented() is False
    assert public.get(choose, follow_redirects=True).url.path.startswith("/p/")
    assert public.post(leave).status_code == 404


def test_works_while_the_store_cannot_be_written(
    site: Any, public: Any, links: ShortMessageLinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    (address,) = kept(site, links, links.click(1, 0, None))

    def full(*_: Any, **__: Any) -> Any:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(site.store._journal, "changing", full)
        assert public.get(address).headers["location"] == SHOP_URL
    assert len(site.engagements()) == 1


@pytest.mark.parametrize(
    "code", ["0" * 11, "", "a", "..", "%00", "%ff%fe", "A" * 8000, "../../mailbox", "%2e%2e%2fc", "https:evil.example"]
)
def test_what_is_no_code_leads_nowhere(public: Any, links: ShortMessageLinks, code: str) -> None:
    answer = public.get(f"/s/{code}")
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert "evil" not in answer.text


def test_a_code_that_was_not_kept_is_none(public: Any, links: ShortMessageLinks) -> None:
    unknown, forged = public.get(links.click(1, 0, None)), public.get("/c/" + "a" * 60)
    assert unknown.status_code == forged.status_code == 404
    assert unknown.text == forged.text


def test_trying_is_slowed_down_as_for_every_bad_link(
    site: Any, links: ShortMessageLinks, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from messaging.server.public import Attempts

    (address,) = kept(site, links, links.click(1, 0, None))
    monkeypatch.setattr(Attempts, "fail", lambda self, client: True)
    browser = visit(site.public)
    assert browser.get("/s/00000000000").status_code == 429
    assert browser.get(address).status_code == 302


def test_who_is_erased_leaves_no_address_behind(site: Any, public: Any, links: ShortMessageLinks) -> None:
    made, fixed = kept(site, links, links.click(2, 0, "https://shop.example/ann"), links.click(1, 0, None))
    site.store.customers.delete("ann")
    assert public.get(made).status_code == 404
    assert public.get(fixed).headers["location"] == SHOP_URL
