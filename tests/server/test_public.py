"""Links, pixel, unsubscribe and preferences, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest

from messaging.errors import StoreError
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.server import limits
from messaging.server import public as module
from messaging.server.limits import Attempts

SHOP_URL = "https://shop.example/sale?from=mail&x=1#top"


class TestClick:
    def test_leads_where_the_version_says(self, site, public) -> None:
        answer = public.get(site.message().click(1, 0, None))
        assert (answer.status_code, answer.headers["location"]) == (302, SHOP_URL)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in answer.headers
        assert answer.content == b""
        (hit,) = site.engagements()
        assert (hit.kind, hit.slot, hit.machine, hit.customer_id) == ("clicked", "1", False, "ann")

    def test_leads_where_the_token_says(self, site, public) -> None:
        answer = public.get(site.message().click(2, 3, "https://shop.example/p/7?größe=ü b"))
        assert answer.headers["location"] == "https://shop.example/p/7?gr%C3%B6%C3%9Fe=%C3%BC%20b"
        assert site.engagements()[0].slot == "2.4"

    def test_addresses_in_other_scripts(self, site, public) -> None:
        answer = public.get(site.message().click(3, 0, None))
        assert answer.headers["location"] == "https://xn--bcher-kva.example/%C3%A4%20b"

    def test_head_leads_there_too_and_is_a_machine(self, site, public) -> None:
        assert public.head(site.message().click(1, 0, None)).headers["location"] == SHOP_URL
        assert site.engagements()[0].reasons == ("method HEAD",)

    def test_prefetch_is_a_machine(self, site, public) -> None:
        public.get(site.message().click(1, 0, None), headers={"Sec-Purpose": "prefetch;prerender"})
        assert site.engagements()[0].reasons == ("prefetch",)

    @pytest.mark.parametrize("query", ["url=https://evil.example", "to=//evil.example", "u=%0d%0aSet-Cookie:a=b"])
    def test_no_parameter_says_where(self, site, public, query: str) -> None:
        answer = public.get(site.message().click(1, 0, None) + "?" + query, headers={"Host": "evil.example"})
        assert answer.headers["location"] == SHOP_URL
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize(
        "path",
        [
            "/c/https://evil.example",
            "/c//evil.example",
            "/c/https:evil.example",
            "/c/\\\\evil.example",
            "/c/%0d%0aSet-Cookie:a=b",
            "/c/shop.example@evil.example",
            "/c/" + "a" * 8000,
            "/c/",
            "/c",
            "/c/..%2f..%2fmailbox",
            "/c/%00",
            "/c/%ff%fe",
        ],
    )
    def test_what_is_no_token_leads_nowhere(self, public, path: str) -> None:
        answer = public.get(path)
        assert answer.status_code == 404
        assert "location" not in answer.headers
        assert "evil" not in answer.text

    @pytest.mark.parametrize(
        "target",
        [
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "https:evil.example",
            "https:\\\\evil.example",
            "https://shop.example\\@evil.example/",
            "https://shop@evil.example/",
            "https://",
            "ftp://shop.example/",
            " https://shop.example/",
        ],
    )
    def test_even_signed_only_plain_http_is_followed(self, site, public, target: str) -> None:
        answer = public.get(site.message().click(2, 0, target))
        assert answer.status_code == 404
        assert "location" not in answer.headers

    def test_line_ends_in_a_signed_target_stay_in_it(self, site, public) -> None:
        answer = public.get(site.message().click(2, 0, "https://shop.example/a\r\nSet-Cookie: b=c"))
        assert answer.headers["location"] == "https://shop.example/a%0D%0ASet-Cookie:%20b=c"
        assert "set-cookie" not in answer.headers

    def test_every_flipped_bit(self, site, public, token: Callable[[str], str]) -> None:
        good = token(site.message().click(1, 0, None))
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        wrong = []
        for index, character in enumerate(good):
            for bit in range(6):
                flipped = alphabet[alphabet.index(character) ^ 1 << bit]
                wrong.append(good[:index] + flipped + good[index + 1 :])
        answers = [public.get(f"/c/{text}") for text in wrong]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
        assert site.engagements() == []

    def test_a_slot_the_version_does_not_have(self, site, public) -> None:
        assert public.get(site.message().click(9, 0, None)).status_code == 404
        assert public.get(site.message().click(2, 0, None)).status_code == 404

    def test_while_the_store_is_down(self, site, public, monkeypatch: pytest.MonkeyPatch) -> None:
        links = site.message()
        public.get(links.click(1, 0, None))

        def fail(*args: object, **kwargs: object) -> None:
            raise StoreError("the disk is gone")

        for place, name in ((site.store, "transaction"), (site.store.outbox, "get"), (site.store, "version")):
            monkeypatch.setattr(place, name, fail)
        assert public.get(links.click(1, 0, None)).headers["location"] == SHOP_URL
        assert public.get(links.click(2, 0, "https://shop.example/")).status_code == 302
        assert public.get(links.pixel()).status_code == 200
        assert public.post(links.unsubscribe()).status_code == 200
        assert public.get(links.preferences()).status_code == 503
        assert public.get("/readyz").status_code == 200
        monkeypatch.undo()
        assert sorted(hit.kind for hit in site.engagements()) == [
            "clicked",
            "clicked",
            "clicked",
            "opened",
            "unsubscribed",
        ]
        assert site.consented() is False

    @pytest.fixture
    def strict(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "BAD_LINKS", 100)
        # The minute does not turn meanwhile.
        monkeypatch.setattr(module, "Attempts", lambda limit: Attempts(limit, monotonic=lambda: 30.0))

    def test_guessing_ends_and_readers_do_not_notice(self, strict, site, public) -> None:
        link = site.message().click(1, 0, None)
        answers = [public.get(f"/c/{number:060d}") for number in range(150)]
        assert [answer.status_code for answer in answers] == [404] * 100 + [429] * 50
        assert answers[-1].headers["retry-after"] == "60"
        assert public.get(link).status_code == 302


def test_failures_are_forgotten_with_the_minute() -> None:
    now = 30.0
    attempts = Attempts(2, monotonic=lambda: now)
    assert [attempts.fail("a") for _ in range(3)] == [False, False, True]
    assert not attempts.fail("b")
    now = 61.0
    assert not attempts.fail("a")


def test_counting_failures_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_CLIENTS", 10)
    attempts = Attempts(2, monotonic=lambda: 30.0)
    for number in range(100):
        attempts.fail(f"{number}" * 1000)
    assert len(attempts._failed) <= 11
    assert max(map(len, attempts._failed)) <= 45


def test_the_open_pixel(site, public) -> None:
    answer = public.get(site.message().pixel())
    assert answer.headers["content-type"] == "image/gif"
    assert "no-store" in answer.headers["cache-control"]
    assert answer.content.startswith(b"GIF89a")
    assert len(answer.content) < 50
    assert [hit.kind for hit in site.engagements()] == ["opened"]


def test_a_huge_agent_is_bounded(site, public) -> None:
    assert public.get(site.message().pixel(), headers={"User-Agent": "x" * 30_000}).status_code in (200, 400, 431)
    assert all(len(hit.raw["agent"]) <= 512 for hit in site.engagements())


class TestUnsubscribe:
    def agree(self, site) -> None:
        consent = Consent(
            channel="email", address="ann@example.com", granted=True, at=site.clock.now() - timedelta(days=9)
        )
        site.store.addresses.add_consents([consent])

    def test_get_asks_and_changes_nothing(self, site, public) -> None:
        self.agree(site)
        answer = public.get(site.message().unsubscribe())
        assert answer.status_code == 200
        assert "New offers" in answer.text
        assert "The &lt;Shop&gt;" in answer.text
        assert "ann" not in answer.text.replace("channel", "")
        assert public.head(site.message().unsubscribe()).status_code == 200
        assert site.consented() is True
        assert site.engagements() == []

    @pytest.mark.parametrize(
        "request_",
        [
            {"data": {"List-Unsubscribe": "One-Click"}},
            {"files": {"List-Unsubscribe": (None, "One-Click")}},
            {"data": {}},
            {"content": b"\xff\xfe garbage", "headers": {"Content-Type": "application/json"}},
        ],
    )
    def test_post_withdraws(self, site, public, request_: dict[str, object]) -> None:
        """RFC 8058: urlencoded or multipart; no redirect, no cookie, and the address alone says whose it is."""
        self.agree(site)
        url = site.message().unsubscribe()
        for _ in range(2):
            answer = public.post(url, **request_)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
        assert site.consented() is False
        assert site.consented("other-topic") is True
        assert len(site.engagements()) == 1
        one_click = "data" in request_ or "files" in request_
        expected = "one-click unsubscribe" if one_click and request_.get("data") != {} else "unsubscribe page"
        assert site.engagements()[0].raw["proof"] == expected

    def test_the_forms_own_button_works(self, site, public) -> None:
        url = site.message().unsubscribe()
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', public.get(url).text)
        assert public.post(httpx.URL(f"{public.base_url}{url}").join(action)).status_code == 200
        assert site.consented() is False

    def test_a_full_disk_is_admitted(self, site, public, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*args: object, **kwargs: object) -> None:
            raise OSError(28, "No space left on device")

        def fail(*args: object, **kwargs: object) -> None:
            raise StoreError("the disk is full")

        url = site.message().unsubscribe()
        monkeypatch.setattr(site.store, "transaction", fail)
        monkeypatch.setattr(site.recorder._spool, "append", full)
        answer = public.post(url)
        assert answer.status_code == 503
        assert "One moment, please" in answer.text

    def test_another_customers_address_is_not_touched(self, site, public) -> None:
        site.message("bob")
        public.post(site.message().unsubscribe(), data={"token": "x", "email": "bob@example.com"})
        assert site.consented(name="bob") is None

    def test_a_link_of_another_kind_does_not_unsubscribe(self, site, public, token: Callable[[str], str]) -> None:
        links = site.message()
        for url in (links.click(1, 0, None), links.pixel(), links.preferences()):
            assert public.post(f"/u/{token(url)}").status_code == 404
        assert public.post(links.click(1, 0, None)).status_code in (404, 405)
        assert site.consented() is None

    def test_too_large_a_body(self, site, public) -> None:
        assert public.post(site.message().unsubscribe(), content=b"x" * 100_000).status_code == 413
        assert site.consented() is None

    def test_a_message_that_is_not_there(self, site, public, token: Callable[[str], str]) -> None:
        links = module.LinkSigner(site_keys(), "").for_message("00" * 16, "ab" * 16)
        assert public.get(links.unsubscribe()).status_code == 404
        assert public.post(links.unsubscribe()).status_code == 404

    def test_it_speaks_the_readers_language(self, site, public) -> None:
        answer = public.get(site.message().unsubscribe(), headers={"Accept-Language": "fr;q=0.9, de-AT;q=0.8, en"})
        assert '<html lang="de"' in answer.text
        assert "Abmelden" in answer.text

    @pytest.mark.parametrize(("locale", "lang"), [("pt-BR", "pt"), ("fr", "en"), (None, "en")])
    def test_it_speaks_the_customers_language(self, site, public, locale: str | None, lang: str) -> None:
        """As the message did; the browser's where that is none of ours."""
        site.store.customers.put([Customer(id="ann", email="ann@example.com", locale=locale)])
        links = site.message()
        for url in (links.unsubscribe(), links.preferences()):
            answer = public.get(url, headers={"Accept-Language": "en-GB, de;q=0.5"})
            assert f'<html lang="{lang}"' in answer.text

    def test_problems_are_told_in_the_browsers_language(self, public) -> None:
        answer = public.get("/u/x", headers={"Accept-Language": "de"})
        assert '<html lang="de"' in answer.text
        assert "Dieser Link funktioniert nicht" in answer.text

    def test_nothing_in_a_page_can_run(self, site, public) -> None:
        for url in (site.message().unsubscribe(), site.message().preferences(), "/u/x"):
            answer = public.get(url)
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "<script" not in answer.text
            assert "style=" not in answer.text


def site_keys() -> module.SigningKeys:
    return module.SigningKeys(current=1, keys={1: b"k" * 32})


class TestPreferences:
    def page(self, public, url: str) -> tuple[httpx.Response, list[str], set[str]]:
        answer = public.get(url)
        shown = re.findall(r'name="shown" value="([^"]+)"', answer.text)
        ticked = {
            name for name, on in re.findall(r'type="checkbox" name="([^"]+)" value="on"( checked)?', answer.text) if on
        }
        return answer, shown, ticked

    def test_showing_and_choosing(self, site, public) -> None:
        url = site.message().preferences()
        answer, shown, ticked = self.page(public, url)
        assert answer.status_code == 200
        assert "ann" not in answer.text.replace("channel", "")
        assert (shown, ticked) == (["new-offers:email", "news:email"], set())
        answer = public.post(url, data={"shown": shown, "news:email": "on"})
        assert answer.status_code == 200
        assert "Saved" in answer.text
        assert self.page(public, url)[2] == {"news:email"}
        assert (site.consented("news"), site.consented("new-offers")) == (True, None)

    @pytest.mark.parametrize(
        ("reads", "topic", "label"),
        [
            ("de", "news", "Neuigkeiten"),
            ("en", "news", "What is new"),
            ("pt", "news", "Neuigkeiten"),
            ("pt", "club", "Our &lt;Club&gt;"),
            ("pt", "new-offers", "New offers"),
        ],
    )
    def test_a_topic_is_called_what_the_shop_calls_it(self, site, public, reads: str, topic: str, label: str) -> None:
        """In the reader's language, else in the first that the shop wrote."""
        links = site.message(f"reader-{topic}", topic=topic)
        for url in (links.preferences(), links.unsubscribe()):
            assert label in public.get(url, headers={"Accept-Language": reads}).text

    def test_get_changes_nothing(self, site, public) -> None:
        url = site.message().preferences()
        public.get(url + "?none=on&news:email=on&shown=news:email")
        assert site.consented("news") is None

    def test_from_everything(self, site, public) -> None:
        url = site.message().preferences()
        public.post(url, data={"shown": ["news:email"], "news:email": "on"})
        assert public.post(url, data={"none": "on"}).status_code == 200
        assert self.page(public, url)[2] == set()
        assert site.consented("news") is False

    def test_nobody_fills_the_disk_by_changing_their_mind(self, site, public) -> None:
        url = site.message().preferences()
        on, off = {"shown": ["news:email"], "news:email": "on"}, {"shown": ["news:email"]}
        statuses = [public.post(url, data=form).status_code for _ in range(25) for form in (on, off)]
        assert statuses.count(429) == 5
        assert set(statuses) == {200, 429}
        assert site.consented("news") is False, "withdrawing is never refused"
        assert "tomorrow" in public.post(url, data=on).text

    @pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"=&=&&", b"shown=" + b"a" * 1000, b"a=1&" * 5000])
    def test_garbage_changes_nothing(self, site, public, body: bytes) -> None:
        answer = public.post(
            site.message().preferences(), content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code in (200, 413)
        assert site.consented("news") is None
