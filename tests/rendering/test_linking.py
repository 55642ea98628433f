from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.template import TemplateVersion

Prepared = Callable[..., TemplateVersion]
Render = Callable[..., dict[str, str]]


def hrefs(html: str) -> list[str]:
    return re.findall(r'href="([^"]*)"', html)


def test_every_place_is_a_slot_of_its_own(prepared: Prepared) -> None:
    version = prepared(
        html="<a href='https://a.example/x?a=1&amp;b=2'>One</a><a "
        "href='https://a.example/x?a=1&amp;b=2'><img alt='Two' src='https://a.example/i.png'></a>"
        "<a href='{{ order.url }}'>{{ order.number }}</a>",
    )
    assert [(link.slot, link.label, link.target) for link in version.links] == [
        (1, "One", "https://a.example/x?a=1&b=2"),
        (2, "Two", "https://a.example/x?a=1&b=2"),
        (3, "{{ order.number }}", None),
    ]


def test_turns_of_a_loop_are_told_apart(render: Render) -> None:
    parts = render(
        html="{% for i in items %}<a href='{{ i }}'>x</a>{% endfor %}<a href='https://s.example'>y</a>",
        context={"items": ["https://a.example/1", "https://a.example/2"]},
    )
    expected = [
        "https://links.example/c/1-0?to=https://a.example/1",
        "https://links.example/c/1-1?to=https://a.example/2",
        "https://links.example/c/2-0",
    ]
    assert hrefs(parts["html"]) == expected
    # The derived text shows the same slots.
    assert re.findall(r"<(https:[^>]*)>", parts["text"]) == expected


def test_what_the_brand_says_is_known(prepared: Prepared, brand: dict[str, Any]) -> None:
    version = prepared(html="<a href='{{ brand.url }}/sale'>x</a><a href='{{ brand.contact_url }}'>y</a>")
    assert [link.target for link in version.links] == [
        "https://shop.example/sale",
        "https://shop.example/contact",
    ]


def test_some_are_left_alone(render: Render, prepared: Prepared) -> None:
    source = (
        "<a href='mailto:a@example.com?subject={{ x }}'>m</a><a href='tel:{{ x }}'>t</a><a href='#top'>a</a>"
        "<a href='{{ unsubscribe_url }}'>u</a><a href='{{ preferences_url }}'>p</a>"
    )
    assert prepared(html=source).links == ()
    assert hrefs(render(html=source, context={"x": "1&2"})["html"]) == [
        "mailto:a@example.com?subject=1&amp;2",
        "tel:1&amp;2",
        "#top",
        "https://links.example/u",
        "https://links.example/p",
    ]


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/path",
        " java\tscript:alert(1)",
        "",
        "vbscript:x",
        "https:evil.example",
        "http:\\\\evil.example",
    ],
)
def test_an_address_that_is_none_leads_nowhere(render: Render, target: str) -> None:
    source = "<a href='{{ url }}'>x</a><img src='{{ url }}'>"
    parts = render(html=source, text="{{ order.url }}|", context={"url": target, "order": {"url": target}})
    assert hrefs(parts["html"]) == ["#"]
    assert '<img src="">' in parts["html"]
    assert parts["text"] == "|"


def test_a_dynamic_address_is_unescaped_once(render: Render) -> None:
    source = (
        "<a href='https://a.example/?q={{ q|urlencode }}&amp;x=1'>a</a>"
        "<a href='{% if q %}https://a.example/?{{ q }}&amp;y{% else %}https://b.example{% endif %}'>b</a>"
    )
    parts = render(html=source, context={"q": "a&b"})
    assert hrefs(parts["html"]) == [
        "https://links.example/c/1-0?to=https://a.example/?q=a%26b&amp;x=1",
        "https://links.example/c/2-0?to=https://a.example/?a&amp;b&amp;y",
    ]
    assert "<https://links.example/c/2-0?to=https://a.example/?a&b&y>" in parts["text"]


def test_bare_addresses_in_text(render: Render, prepared: Prepared) -> None:
    source = (
        "See https://a.example/x?y=1. Order: {{ order.url }}\nhttps://a.example/{{ "
        "order.number }}/{% if x %}!{% endif %}\n{{ unsubscribe_url }}"
    )
    version = prepared(sms=source)
    assert [(link.channel, link.part, link.target) for link in version.links] == [
        ("sms", "text", "https://a.example/x?y=1"),
        ("sms", "text", None),
        ("sms", "text", None),
    ]
    context = {"order": {"url": "https://a.example/o", "number": 7}, "x": True}
    assert render(sms=source, context=context)["text"].split() == [
        "See",
        "https://links.example/c/1-0.",
        "Order:",
        "https://links.example/c/3-0?to=https://a.example/o",
        "https://links.example/c/2-0?to=https://a.example/7/!",
        "https://links.example/u",
    ]


def test_outlooks_own_links_are_followed_too(render: Render) -> None:
    source = "<!--[if mso]><v:roundrect href='https://a.example/1'>x</v:roundrect><![endif]--><a href='https://a.example/1'>x</a>"
    assert render(html=source)["html"].count("https://links.example/c/") == 2


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "/sale", "www.shop.example", "ftp://a.example", "javascript:{{ x }}"]
)
def test_a_written_address_that_is_none_is_told(render: Render, address: str) -> None:
    with pytest.raises(TemplateError, match="not http"):
        render(html=f"<a href='{address}'>x</a>")


def test_the_pixel_is_at_the_end(render: Render) -> None:
    html = render(html="<!doctype html><html><body><p>x</p></body></html>")["html"]
    assert re.search(r'<img src="https://links.example/o"[^>]*></body></html>$', html)


def test_names_written_in_the_template_name_the_link(prepared: Prepared) -> None:
    version = prepared(
        html="{% set words = {'go': 'Go on'} %}{% with label = 'View' %}<a "
        "href='{{ u.url }}'>{{ label }}: {{ words.go }}</a>{% endwith %}"
    )
    assert version.links[0].label == "View: Go on"


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("form", "action"),
        ("button", "formaction"),
        ("object", "data"),
        ("video", "poster"),
        ("base", "href"),
        ("img", "src"),
    ],
)
def test_addresses_that_are_not_clicked_are_of_the_web_too(render: Render, tag: str, name: str) -> None:
    html = f"<p>a</p><{tag} id='here' {name}='{{{{ v }}}}'>b</{tag}>"
    assert f'{name}=""' in render(html=html, context={"v": "java\tscript:alert(1)"})["html"]
    assert f'{name}="https://a.example/x"' in render(html=html, context={"v": "https://a.example/x"})["html"]


def test_other_data_is_left_alone(render: Render) -> None:
    assert 'data="7 apples"' in render(html="<p data='{{ v }}'>a</p>", context={"v": "7 apples"})["html"]


def sources(html: str) -> list[str]:
    return re.findall(r'srcset="([^"]*)"', html)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{{ a }}", "https://a.example/1.png"),
        ("{{ a }} 1x, {{ b }} 2x", "https://a.example/1.png 1x, https://a.example/w_1,h_2.png 2x"),
        ("{{ a }} 1x, {{ evil }} 2x, {{ file }}", "https://a.example/1.png 1x"),
        ("{{ evil }}", ""),
        (
            "https://s.example/{{ n }}.png 1x,{{ b }} 300w",
            "https://s.example/5.png 1x, https://a.example/w_1,h_2.png 300w",
        ),
        ("{% if n %}{{ a }} 2x{% else %}{{ evil }}{% endif %}", "https://a.example/1.png 2x"),
        ("https://s.example/a.png 2x", "https://s.example/a.png 2x"),
    ],
)
def test_images_of_a_srcset_are_guarded_one_by_one(render: Render, value: str, expected: str) -> None:
    context = {
        "a": "https://a.example/1.png",
        "b": "https://a.example/w_1,h_2.png",
        "n": 5,
        "evil": "javascript:alert(1)",
        "file": "file:///etc/passwd",
    }
    html = f"<picture><source srcset='{value}'><img src='https://a.example/x.png' srcset='{value}' alt='x'></picture>"
    assert sources(render(html=html, text="x", context=context)["html"]) == [expected, expected]


def test_the_number_of_links_has_a_limit_that_is_told(prepared: Prepared) -> None:
    link = "<a href='https://a.example'>x</a>"
    assert len(prepared(html=link * 4_000, text="x").links) == 4_000
    with pytest.raises(TemplateLimit, match=r"email\.html: a template may have 4,000 links") as caught:
        prepared(html=link * 4_001, text="x")
    assert caught.value.hint
