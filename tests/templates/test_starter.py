"""What a shop gets on day one: every template, in every language, for every kind of data it can meet."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from messaging.nouns.message import MessageClass
from messaging.rendering.check import check
from messaging.rules.short_links import LENGTH
from messaging_sms.parts import count

#: Gmail shows no more of a message.
CLIPPED = 102 * 1024
EXPECTED = {
    "abandoned-cart",
    "back-in-stock",
    "back-ordered",
    "cancelled",
    "delayed",
    "delivered",
    "order-confirmation",
    "out-for-delivery",
    "partially-shipped",
    "payment-received",
    "post-purchase",
    "promotion",
    "ready-for-pickup",
    "refunded",
    "review-request",
    "shipped",
    "win-back",
}
MARKETING = {"abandoned-cart", "post-purchase", "promotion", "review-request", "win-back"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    'https://evil.example/" onclick="alert(1)',
    "first\r\nBcc: other@example.com",
    "=?utf-8?q?Hi=0D=0ABcc:_x=40evil.example?=",
    "\u202eevil\u202c \u2028",
    "-->]]><!--[if mso]>",
    "جريدة 日本語 👩‍👩‍👧 ﷽",
    "x" * 3000,
)
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Tags(HTMLParser):
    """Every element with its class, and whether each that was opened was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs).get("class") or ""))
        self.attributes.update(name for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


def hostile(value: Any, text: str, path: str = "") -> Any:
    """`value` with every free text in it replaced; what the envelope checks (money, days, counts) stays."""
    if isinstance(value, dict):
        return {key: hostile(inner, text, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, text, path) for inner in value]
    return text if path in {"name", "sku", "carrier", "location", "pickup_code", "first_name"} else value


def test_they_are_all_there(templates: Any) -> None:
    assert set(templates.names) == EXPECTED


def test_check_has_nothing_to_say(templates: Any, name: str) -> None:
    assert check(templates.template(name), templates.brand(**templates.full_brand)) == []


def test_every_locale_has_every_part(templates: Any, name: str) -> None:
    parts: dict[str, set[tuple[str, str]]] = {}
    for channel, locale, part in templates.template(name).sources:
        parts.setdefault(locale, set()).add((channel, part))
    assert set(parts) == {"", "de", "pt"}
    assert parts["de"] == parts[""] == parts["pt"]


@pytest.mark.parametrize("kind", ["sample", "minimal"])
@pytest.mark.parametrize("brand", ["full", "bare"])
def test_email_is_whole(templates: Any, name: str, locale: str, kind: str, brand: str) -> None:
    data = templates.sample(name) if kind == "sample" else templates.minimal(name)
    message = templates.render(
        name,
        data,
        locale=locale,
        brand=templates.full_brand if brand == "full" else templates.bare_brand,
        customer={"first_name": "Ann"} if kind == "sample" else {},
    )
    html, text, subject = (message.parts[part] for part in ("html", "text", "subject"))
    Tags(html)
    page = lxml.html.document_fromstring(html.encode())
    assert page.get("lang") == locale[:2]
    assert len(html.encode()) < CLIPPED / 2
    assert len(page.xpath("//h1")) == 1
    assert subject == subject.strip()
    assert "\n" not in subject
    shown = page.text_content() + text + subject
    assert "None" not in shown
    assert "{{" not in shown
    assert "undefined" not in shown.lower()
    assert not re.search(r" [.,]| {2}", subject)
    for image in page.xpath("//img"):
        assert image.get("alt") is not None
    for table in page.xpath("//table[not(@role)]"):
        assert table.xpath(".//th[@scope]") or not table.xpath(".//tr")


def test_greets_by_name_or_without(templates: Any, name: str, locale: str) -> None:
    named = templates.render(name, locale=locale, customer={"first_name": "Zoë"}).parts
    for customer in ({}, {"first_name": ""}):
        unnamed = templates.render(name, locale=locale, customer=customer).parts
        for part in ("html", "text"):
            assert "Zoë" in named[part]
            assert not re.search(r"(Hi|Hello|Hallo|Olá)[ ,]*,,|(Hi|Hallo|Olá) ,", unnamed[part])


def test_says_how_to_reach_a_person(templates: Any, name: str, locale: str) -> None:
    message = templates.render(name, locale=locale)
    brand = templates.full_brand
    assert brand["contact_url"] in message.targets
    assert brand["faq_url"] in message.targets
    for part in ("html", "text"):
        assert brand["phone"] in message.parts[part]
        assert brand["hours"] in message.parts[part]
    assert "tel:+442079460123" in message.parts["html"]


def test_says_how_to_answer_when_nothing_is_set(templates: Any, name: str) -> None:
    assert "Just answer this message." in templates.render(name, brand=templates.bare_brand).parts["text"]


def test_marketing_can_be_stopped(templates: Any, name: str, locale: str) -> None:
    parts = templates.render(name, locale=locale).parts
    marketing = templates.template(name).message_class is MessageClass.MARKETING
    assert marketing == (name in MARKETING)
    for part in ("html", "text"):
        assert ("https://t.example/u/1" in parts[part]) == marketing
        assert ("https://t.example/p/1" in parts[part]) == marketing
        assert templates.full_brand["address"] in parts[part]


def test_links_lead_where_they_should(templates: Any) -> None:
    shop = [templates.full_brand[key] for key in ("url", "contact_url", "faq_url")]
    order = "https://shop.example/orders/10482"
    products = "https://shop.example/products"
    items = [f"{products}/darjeeling-first-flush", f"{products}/cast-iron-teapot"]
    track = "https://carrier.example/track/00340434161094042557"

    def targets(name: str, data: Any = None) -> set[str]:
        return set(templates.render(name, data).targets)

    assert targets("order-confirmation") == {*shop, *items, order}
    assert targets("shipped") == {*shop, *items, track}
    untracked = templates.sample("shipped")
    del untracked["shipment"]["tracking_url"]
    assert targets("shipped", untracked) == {*shop, *items, order}
    assert targets("order-confirmation", templates.minimal("order-confirmation")) == set(shop)
    assert targets("promotion") == set(shop)


def test_promotion_tells_its_links_apart(templates: Any) -> None:
    """Four ways to the same page: each a slot of its own, by its words, with an address that is known now."""
    links = [link for link in templates.version("promotion").links if (link.locale, link.part) == ("", "html")]
    to_shop = [link for link in links if link.target == templates.full_brand["url"]]
    assert [link.label.split(" ")[0] for link in to_shop] == ["Fern", "See", "New", "Favourites", "Last"]
    assert len({link.slot for link in to_shop}) == 5


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_change_no_structure(templates: Any, name: str, text: str) -> None:
    sample = templates.sample(name)
    good = templates.render(name).parts
    parts = templates.render(name, hostile(sample, text), customer={"first_name": text}).parts
    assert Tags(parts["html"]).seen == Tags(good["html"]).seen
    assert Tags(parts["html"]).attributes == Tags(good["html"]).attributes
    assert not re.search(r"[\r\n\u2028\u2029\x00]|=\?", parts["subject"])


def test_naughty_strings(templates: Any, shared: Callable[[str], Path]) -> None:
    skeleton = Tags(templates.render("shipped").parts["html"]).seen
    for text in json.loads(shared("data/naughty/blns.json").read_text("utf-8")):
        if not text.strip() or "\x00" in text:
            continue
        data = hostile(templates.sample("shipped"), text)
        parts = templates.render("shipped", data, customer={"first_name": text}).parts
        assert Tags(parts["html"]).seen == skeleton, text


def test_hostile_addresses_are_no_links(templates: Any) -> None:
    for address in ("javascript:alert(1)", "data:text/html,x", "//evil.example", "https:evil"):
        data = templates.sample("shipped")
        data["order"]["url"] = data["shipment"]["tracking_url"] = address
        for item in data["order"]["items"]:
            item["url"] = item["image"] = address
        message = templates.render("shipped", data)
        for link in lxml.html.document_fromstring(message.parts["html"]).xpath("//@href"):
            assert link.startswith(("https://t.example/", "tel:")) or link == "#", link
        assert address not in message.targets


def test_a_long_order_is_not_clipped(templates: Any) -> None:
    data = templates.sample("order-confirmation")
    item = {"name": "Ä" * 120, "quantity": 12, "price": "1234.50", "url": "https://shop.example/" + "p" * 200}
    data["order"]["items"] = [{**item, "image": "https://shop.example/i.jpg"}] * 400
    parts = templates.render("order-confirmation", data).parts
    assert len(parts["html"].encode()) < CLIPPED
    assert "More items: 370" in parts["html"]


def test_money_and_days_speak_the_language(templates: Any) -> None:
    data = templates.sample("order-confirmation")
    data["order"].update(total="1234.50", currency="BRL")
    html = templates.render("order-confirmation", data, locale="pt-BR").parts["html"]
    assert "R$\xa01.234,50" in html.replace("&nbsp;", "\xa0")
    assert "5. März" in templates.render("shipped", locale="de").parts["text"]
    assert "5 de março" in templates.render("shipped", locale="pt").parts["text"]


def test_a_line_of_several_adds_up(templates: Any) -> None:
    html = templates.render("order-confirmation").parts["text"].replace("\xa0", " ")
    assert "€37.80" in html
    assert "€18.90 each" in html


def test_refund_names_what_comes_back(templates: Any) -> None:
    part = templates.render("refunded").parts["text"]
    assert "€18.90" in part
    assert "part of what you paid" in part
    dollars = templates.sample("refunded")
    dollars["refund"]["currency"] = "USD"
    text = templates.render("refunded", dollars).parts["text"]
    assert "$18.90" in text
    assert "€" not in text
    whole = templates.sample("refunded")
    del whole["refund"]
    assert "€84.70" in templates.render("refunded", whole).parts["text"]
    assert "part of" not in templates.render("refunded", whole).parts["text"]
    alone = templates.render("refunded", {"refund": {"amount": "5.00", "currency": "SEK"}}, locale="de-AT").parts
    assert "SEK" in alone["text"]


@pytest.mark.parametrize(
    ("reader", "refund", "shown"),
    [
        ("en", {"amount": "18.90"}, "€18.90"),
        ("de", {"amount": "18.90"}, "18,90 €"),
        ("de-AT", {"amount": "1234.50"}, "€ 1.234,50"),
        ("de-CH", {"amount": "1234.50", "currency": "CHF"}, "CHF 1'234.50"),
        ("pt-BR", {"amount": "1234.50", "currency": "BRL"}, "R$ 1.234,50"),
        ("pt", {"amount": "18.90", "currency": "PLN"}, "PLN 18,90"),
        ("en", {"amount": "1890", "currency": "JPY"}, "¥1,890"),
        ("en", {}, "€84.70"),
    ],
)
def test_a_text_about_a_refund_names_what_comes_back(templates: Any, reader: str, refund: Any, shown: str) -> None:
    data = templates.sample("refunded") | {"refund": {"id": "r1", **refund}}
    text = templates.render("refunded", data, channel="sms", locale=reader).parts["text"]
    assert f" {shown}" in text
    assert (count(text).number, count(text).because) == (1, None)


def test_a_text_about_a_refund_of_what_nobody_knows_names_no_amount(templates: Any, locale: str) -> None:
    data = {"order": {"number": "7"}, "refund": {"amount": "5.00"}}  # in which currency?
    text = templates.render("refunded", data, channel="sms", locale=locale).parts["text"]
    assert "5" not in text.partition(". ")[0]
    assert " 7" in text.partition(". ")[0]


def test_what_others_bought(templates: Any, locale: str) -> None:
    with_some = templates.render("post-purchase", locale=locale)
    assert "https://shop.example/products/stoneware-cups" in with_some.targets
    assert "24" in with_some.parts["text"]
    data = templates.sample("post-purchase")
    del data["recommended"]
    without = templates.render("post-purchase", data, locale=locale)
    assert with_some.parts["subject"] != without.parts["subject"]
    assert "stoneware" not in "".join(without.targets)
    many = [{"sku": f"{place}", "name": f"Cup {place}"} for place in range(9)]
    shown = templates.render("post-purchase", data | {"recommended": many}, locale=locale).parts["text"]
    assert [f"Cup {place}" in shown for place in range(9)] == [True] * 4 + [False] * 5


def test_delayed_tells_a_new_day_from_a_missed_one(templates: Any) -> None:
    told = templates.render("delayed").parts["text"]
    assert "should now be with you by Thursday, March 5" in told
    missed = templates.sample("delayed") | {"event": {"type": "order.shipped"}}
    missed["shipment"]["eta"] = "2026-03-01"
    text = templates.render("delayed", missed).parts["text"]
    assert "should have been with you by Sunday, March 1, and we have not heard" in text
    assert "should now" not in text
    never_left = missed | {"event": {"type": "order.placed"}}
    assert "it has not left us yet" in templates.render("delayed", never_left).parts["text"]


def test_a_day_that_has_passed_is_no_promise(templates: Any) -> None:
    late = templates.sample("shipped")
    late["shipment"]["eta"] = "2026-03-01"
    parts = templates.render("shipped", late).parts
    assert "later than we said" in parts["text"]
    assert "March 1" not in parts["text"] + parts["subject"]
    late["shipment"]["eta"] = "2026-03-02"
    assert "with you by Monday, March 2" in templates.render("shipped", late).parts["text"]


@pytest.mark.parametrize(("name_", "rest"), [("shipped", "unshipped"), ("delivered", "undelivered")])
def test_a_part_tells_what_is_in_it_and_what_follows(templates: Any, name_: str, rest: str) -> None:
    data = templates.sample("partially-shipped")
    data["order"][rest] = data["order"].pop("unshipped")
    parts = templates.render(name_, data).parts
    assert parts["subject"].startswith("Part of your order 10482")
    first, second = parts["text"].index("In this parcel"), parts["text"].index("Still to come")
    assert "\n\nStill to come" in parts["text"]
    assert first < parts["text"].index("Darjeeling") < second < parts["text"].index("teapot")
    sms = templates.render(name_, data, channel="sms").parts["text"]
    assert sms.startswith("Part of your order 10482")


def test_a_wait_shows_its_day(templates: Any, locale: str) -> None:
    parts = templates.render("back-ordered", locale=locale).parts
    day = {"en": "Saturday, March 14", "de-AT": "Samstag, 14. März", "pt-BR": "sábado, 14 de março"}[locale]
    assert parts["text"].count(day) == 2
    assert day in parts["preheader"]


def test_days_are_not_moved_by_a_zone(templates: Any) -> None:
    """A day is the day it is, also far from where it was named."""
    for zone in ("Pacific/Honolulu", "Pacific/Kiritimati"):
        assert "Thursday, March 5" in templates.render("shipped", timezone=zone).parts["text"]


def test_sms_is_short(templates: Any, name: str, locale: str) -> None:
    if "sms" not in templates.template(name).channels:
        pytest.skip("no one texts this")
    link = "https://shop.example/m/s/" + "x" * LENGTH
    for data in (templates.sample(name), templates.minimal(name)):
        text = templates.render(name, data, channel="sms", locale=locale).parts["text"]
        text = re.sub(r"https://t\.example/c/\S+", link, text)
        assert text == text.strip()
        assert "\n" not in text
        counted = count(text)
        assert (counted.number, counted.because) == (1, None)
        assert not re.search(r" [.,]| {2}|None", text)


def test_triggers_are_bounded_in_time(templates: Any, name: str) -> None:
    template = templates.template(name)
    if name == "promotion":
        assert template.triggers == ()
    else:
        assert template.triggers
        assert all(trigger.max_age for trigger in template.triggers)


def test_right_to_left(templates: Any) -> None:
    template = templates.template("order-confirmation")
    english = template.shared["_layouts/en.html"]
    mirrored = english
    for old, new in (('"ltr"', '"rtl"'), ('"left"', '"?"'), ('"right"', '"left"'), ('"?"', '"right"')):
        assert old in mirrored
        mirrored = mirrored.replace(old, new)
    other = replace(template, shared={**template.shared, "_layouts/en.html": mirrored})
    html = templates.render("order-confirmation", version=templates.prepare(other)).parts["html"]
    page = lxml.html.document_fromstring(html.encode())
    assert page.get("dir") == "rtl"
    assert page.xpath("//th[contains(., 'Your items')]/@align") == ["right"]
    assert page.xpath("//td[contains(., '84.70')][not(.//td)]/@align") == ["left"]
    assert not re.search(r"text-align: ?(left|right)|(margin|padding)-(left|right): ?\d+px;|float:", html)
