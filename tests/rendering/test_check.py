"""`check` says what is wrong, with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.errors import TemplateError
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, Trigger
from messaging.rendering import check as module
from messaging.rendering.building import build
from messaging.rendering.check import Problem, check
from messaging.rendering.prepare import Prepared

Check = Callable[..., list[Problem]]

CONTACT = "<a href='{{ brand.contact_url }}'>write to us</a>"
PLACED = (Trigger(event="order.placed"),)


@pytest.fixture
def found(template: Callable[..., Template], brand: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Check:
    """`found(html=…)`: the problems. Prepared in this process: the child has tests of its own."""

    def examine(made: Template, values: Any, *, from_: str, reply_to: Any, filters: Any, cache: Any) -> Prepared:
        problems: list[TemplateError] = []
        version = None
        try:
            version = build(made, values, from_=from_, reply_to=reply_to, filters=filters, problem=problems.append)
        except TemplateError as error:
            problems.append(error)
        return Prepared(version, tuple(problems))

    monkeypatch.setattr(module, "examine", examine)

    def run(*, attributes: tuple[str, ...] = (), values: dict[str, Any] | None = None, **parts: Any) -> list[Problem]:
        return check(template(**parts), {**brand, **(values or {})}, attributes=attributes)

    return run


def test_nothing_is_wrong(found: Check) -> None:
    html = (
        "<p>{{ order.number }} {{ customer.first_name }} {{ customer.tier }}"
        "</p>{% if order.url %}<a href='{{ order.url }}'>x</a>"
        "{% endif %}{% for item in order.items %}{{ item.name "
        "or item.sku or 'an item' }}{% else %}-{% endfor %}" + CONTACT
    )
    assert (
        found(
            html=html,
            triggers=PLACED,
            attributes=("tier",),
            fallbacks={"customer.first_name": "there", "customer.tier": "x", "order.items": []},
        )
        == []
    )


@pytest.mark.parametrize(
    ("parts", "line", "severity", "words"),
    [
        ({"html": "<p>\n{% if %}</p>"}, 2, "error", "Expected an expression"),
        ({"html": "<p>\n{{#each order.items}}<p>{{/each}}</p>"}, 2, "error", "Handlebars"),
        ({"html": "<p>{{ name | default: 'x' }}</p>"}, 1, "error", "Liquid"),
        ({"html": "<p>\n\nDear *|FNAME|*</p>"}, 3, "error", "Mailchimp"),
        ({"html": "<p>\n{{ order.numbr }}</p>", "triggers": PLACED}, 2, "error", "did you mean 'number'"),
        ({"html": "<p>\n{{ costumer.first_name }}</p>"}, 2, "error", "did you mean 'customer'"),
        ({"html": "<p>{{ customer.shoe_size }}</p>"}, 1, "error", "no 'customer.shoe_size'"),
        ({"html": "<p>{{ order.number }}</p>"}, 1, "error", "no 'order'"),
        (
            {
                "html": "{% for i in order.items %}\n{{ i.nmae }}{% endfor %}",
                "triggers": PLACED,
                "fallbacks": {"order.items": []},
            },
            2,
            "error",
            "did you mean 'name'",
        ),
        ({"html": "<p>\n{{ customer.first_name }}</p>"}, 2, "warning", "customer.first_name may be missing"),
        ({"html": "<p>{{ order.url }}</p>", "triggers": PLACED}, 1, "warning", "order.url may be missing"),
        (
            {"html": "{% if order.url %}{{ order.total }}{% endif %}", "triggers": PLACED},
            1,
            "warning",
            "order.total may",
        ),
        (
            {"html": "{% with u = order.url %}\n{{ u }}{% endwith %}", "triggers": PLACED},
            2,
            "warning",
            "order.url may",
        ),
        (
            {"html": "{{ shipment.eta|date }}", "triggers": (*PLACED, Trigger(event="shipment.shipped"))},
            1,
            "warning",
            "shipment may be missing",
        ),
        ({"html": "<a href={{ brand.url }}>x</a>"}, 1, "error", "without quotes"),
        ({"html": "<p>\n<p {% if 1 %}a{% endif %}>x</p>"}, 2, "error", "inside a tag"),
        ({"html": "<p>\n<a href='/sale'>x</a>"}, None, "error", "not http(s)"),
        ({"html": "<a href='javascript:alert(1)'>x</a>"}, None, "error", "not http(s)"),
        ({"html": "<p>\n{{ 'a'|uper }}</p>"}, 2, "error", "did you mean 'upper'"),
        ({"html": "{{ brand.name|safe }}"}, 1, "error", "no filter 'safe'"),
        ({"html": "{% if 1 is evn %}{% endif %}"}, 1, "error", "did you mean 'even'"),
        ({"html": "<p>{% include '../x' %}</p>"}, 1, "error", "no shared file"),
        (
            {
                "html": "<table>\n{% if 1 %}<tr><td>x</td></tr>{{ brand.name }}{% endif %}</table>",
                "text": "y",
            },
            None,
            "",
            "",
        ),
        ({"html": "<img src='https://a.example/x.png' alt=''>"}, None, "error", "no text part can be made"),
        ({"html": "<p>" + "x" * 102_000 + "</p>"}, None, "warning", "Gmail clips"),
        ({"json": '{"a": {{ customer.id }}, }'}, None, "error", "not JSON"),
        ({"html": "<p>\n{{ 'x'|money }}</p>"}, 2, "error", "is not a number"),
        ({"html": "x", "subject": "a{{ customer.nope }}"}, 1, "error", "no 'customer.nope'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_findings(found: Check, parts: dict[str, Any], line: int | None, severity: str, words: str) -> None:
    if "html" in parts and "no text" not in words:
        parts = {**parts, "html": parts["html"] + CONTACT}
    problems = found(**parts)
    if not severity:
        assert all(problem.line for problem in problems)
        return
    match = [problem for problem in problems if words in str(problem)]
    assert match, problems
    assert match[0].severity == severity
    assert match[0].line == line
    assert match[0].file.startswith("templates/t/")
    assert str(match[0]).startswith(f"{match[0].file}:{line}: " if line else f"{match[0].file}: ")


@pytest.mark.parametrize(
    "source",
    [
        "{{ customer.first_name|default('x') }}",
        "{% if customer.first_name %}{{ customer.first_name }}{% endif %}",
        "{% if customer.first_name is defined and customer.city "
        "%}{{ customer.first_name }}{{ customer.city }}{% endif %}",
        "{% if not customer.city %}-{% else %}{{ customer.city }}{% endif %}",
        "{% if customer.city is not defined %}-{% elif customer.country "
        "%}{{ customer.city }}{{ customer.country }}{% endif %}",
        "{{ customer.city if customer.city else '-' }}",
        "{{ customer.city or customer.country or '-' }}",
        "{% if customer.city == 'Wien' %}{{ customer.city }}{% endif %}",
        "{% set c = customer.city %}{% if c %}{{ c|upper }}{% endif %}",
        "{% with c = customer.city|default('-') %}{{ c }}{% endwith %}",
        "{% if order and order.url %}{{ order.url }}{% endif %}",
        "{% for i in order.items|default([]) if i.price %}{{ i.price }}{{ loop.index }}{% endfor %}",
        "{% set words = {'a': 'A'} %}{{ words.a }}",
        "{% set ns = namespace(n=0) %}{% set ns.n = ns.n + 1 %}{{ ns.n }}",
    ],
)
def test_what_is_tested_may_be_used(found: Check, source: str) -> None:
    assert found(html=source + CONTACT, triggers=PLACED) == []


def test_every_message_shows_how_to_reach_a_person(found: Check) -> None:
    assert "reach a person" in str(found(html="<p>x</p>")[0])
    assert "reach a person" in str(found(sms="x")[0])
    assert found(html="<a href='mailto:a@example.com'>x</a>") == []
    assert found(json='{"a": 1}') == []
    warned = found(html="<p>{{ brand.phone }} x</p>", values={"phone": ""})
    assert [(problem.severity, problem.file) for problem in warned] == [("warning", "messaging.toml")]


def test_marketing_carries_address_and_a_way_out(found: Check) -> None:
    marketing = {"message_class": MessageClass.MARKETING}
    texts = " ".join(map(str, found(html="<p>x</p>" + CONTACT, **marketing)))
    assert "unsubscribe" in texts
    assert "postal address" in texts
    whole = "<p>{{ brand.address }} <a href='{{ unsubscribe_url }}'>x</a></p>" + CONTACT
    assert found(html=whole, **marketing) == []
    assert "brand.address is not set" in str(found(html=whole, values={"address": ""}, **marketing)[0])
    assert "unsubscribe" in str(found(sms="{{ brand.phone }}", **marketing)[0])
    assert found(sms="{{ brand.phone }} Reply STOP to stop", **marketing) == []


def test_all_problems_are_told_at_once(found: Check) -> None:
    problems = found(html="<p>{{ a|x }}{{ b|y }}</p>", de_html="<p>{{ c", sms="{{ d|z }}")
    assert len(problems) >= 4


def test_a_fallback_covers_what_is_inside(found: Check) -> None:
    html = "{% for i in order.items %}{{ i.quantity }}{% endfor %}" + CONTACT
    assert found(html=html, triggers=PLACED, fallbacks={"order": {"items": []}}) == []


def test_what_the_sample_brings_is_known(found: Check) -> None:
    html = "<p>{{ order.gift_note|default('') }} {{ weather.now }}</p>" + CONTACT
    assert (
        found(
            html=html,
            triggers=PLACED,
            sample={"order": {"number": "1", "gift_note": "x"}, "weather": {"now": "1"}},
            requires=("weather.now",),
        )
        == []
    )


def test_templates_in_other_languages(found: Check, shared: Callable[[str], Path]) -> None:
    """Real ones: ten are Handlebars, and the error says so; the others only have names that nobody brings."""
    named, others = [], []
    for file in sorted(shared("data/email_templates").rglob("*.*")):
        if file.suffix not in (".html", ".txt"):
            continue
        part = "html" if file.suffix == ".html" else "text"
        problems = [str(problem) for problem in found(**{part: file.read_text("utf-8")})]
        (named if any("Handlebars" in text for text in problems) else others).append(file.name)
    assert len(named) == 10
    assert len(others) == 17
