"""`check` says what is wrong, with file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.nouns.adapter import Measure, RenderedMessage
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, Trigger
from messaging.rendering import prepare
from messaging.rendering.check import Problem, check
from messaging.rendering.render import Renderer
from messaging.rendering.variables import Variables

Check = Callable[..., list[Problem]]

CONTACT = "<a href='{{ brand.contact_url }}'>write to us</a>"
PLACED = (Trigger(event="order.placed"),)


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
            "shipment may be missing: order.placed need not bring it",
        ),
        ({"html": "<a href={{ brand.url }}>x</a>"}, 1, "error", "without quotes"),
        ({"html": "<p>\n<p {% if 1 %}a{% endif %}>x</p>"}, 2, "error", "inside a tag"),
        ({"html": "<p>\n<a href='/sale'>x</a>"}, 2, "error", "not http(s)"),
        ({"html": "<a href='javascript:alert(1)'>x</a>"}, 1, "error", "not http(s)"),
        ({"html": "<p>\n<p><a href=/sale>x</a>"}, 2, "error", "not http(s)"),
        ({"html": "<a href='https://a.example/" + "x" * 2000 + "'>x</a>"}, 1, "error", "2,018 characters"),
        ({"text": "a\n\nhttps://. {{ brand.phone }}"}, 3, "error", "not http(s)"),
        ({"html": "<p>\n{{ name }}</p>"}, 2, "error", "did you mean 'customer.first_name' or 'brand.name'"),
        ({"html": "<p>\n{{ 'a'|upper(run=1) }}</p>"}, 2, "error", "upper: got an unexpected keyword argument 'run'"),
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
    assert "write STOP" in str(found(sms="{{ brand.phone }}", **marketing)[0])
    assert found(sms="{{ brand.name }}: {{ brand.phone }} Reply STOP to stop", **marketing) == []
    assert found(sms="{{ brand.name }}: {{ brand.phone }} {{ unsubscribe_url }}", **marketing) == []


@pytest.mark.parametrize(
    "said",
    [
        "Antworten Sie STOPP",
        "Répondez ARRÊT",
        "Répondez ARRET.",
        "Responde BAJA",
        "Responda SAIR",
        "Ответьте СТОП",
        "回复停止",
    ],
)
def test_the_way_out_may_be_a_word_of_another_language(found: Check, said: str) -> None:
    text = "{{ brand.name }}: {{ brand.phone }} " + said
    assert found(sms=text, message_class=MessageClass.MARKETING) == []


@pytest.mark.parametrize("said", ["{# STOP #}", "nonSTOP", "stop by", "SALE ENDS", "{{ 'x' if false }}"])
def test_what_is_no_way_out(found: Check, said: str) -> None:
    text = "{{ brand.name }}: {{ brand.phone }} " + said
    assert "way to unsubscribe" in str(found(sms=text, message_class=MessageClass.MARKETING)[0])


def test_a_text_message_says_who_writes(found: Check) -> None:
    [problem] = found(sms="10 % off! {{ brand.phone }} Reply STOP to stop", message_class=MessageClass.MARKETING)
    assert (problem.severity, problem.file) == ("warning", "templates/t/sms.txt")
    assert "who writes" in problem.message


def test_parts_are_told_when_there_are_many(template: Callable[..., Template], brand: dict[str, Any]) -> None:
    seen: list[str] = []

    def measure(message: RenderedMessage) -> Measure | None:
        seen.append(message.parts["text"])
        units, _, note = message.parts["text"].partition(" ")[0].partition(",")
        return Measure(units=int(units), note=note or None)

    def problems(text: str) -> list[str]:
        made = template(sms=text + " {{ brand.phone }} https://shop.example/" + "p" * 200)
        return [problem.message for problem in check(made, brand, measure=measure, base_url="https://shop.example/m")]

    assert problems("1,dear") == problems("2") == []
    assert problems("3") == ["with its sample it counts as 3 parts"]
    assert problems("2,“ł”") == ["with its sample it counts as 2 parts: “ł”"]
    # Links in it are as long as they will be.
    assert seen[0].rpartition(" ")[2] == "https://shop.example/m/s/" + "x" * 11


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


def test_every_wrong_link_has_its_own_line(found: Check) -> None:
    html = "<p>\n<a href='/a'>x</a>\n{% if 1 %}<a\nhref='/b&amp;c'>x</a>{% endif %}\n<a href='/a'>y</a></p>"
    mjml = f"<mjml><mj-body><mj-section><mj-column>\n<mj-button href='/a'>x</mj-button><mj-text>{CONTACT}</mj-text>"
    mjml += "</mj-column></mj-section></mj-body></mjml>"
    assert [(problem.line, problem.message[:16]) for problem in found(html=html + CONTACT)] == [
        (2, "the link '/a' is"),
        (4, "the link '/b&c' "),
        (5, "the link '/a' is"),
    ]
    assert [problem.line for problem in found(mjml=mjml)] == [2]


def test_a_wrong_link_in_a_layout_is_told_there(found: Check) -> None:
    shared = {"base.html": "<p>x</p>\n<a href='/home'>home</a>{% block body %}{% endblock %}" + CONTACT}
    [problem] = found(html="{% extends 'base.html' %}{% block body %}y{% endblock %}", shared=shared)
    assert (problem.file, problem.line) == ("base.html", 2)


def test_a_finding_is_one_line(found: Check) -> None:
    problems = found(html="<p>{% include 'a\nb.html' %}</p>" + CONTACT)
    assert problems
    assert all("\n" not in str(problem) for problem in problems)


def test_what_names_may_be_missing_on_one_of_several_events(found: Check) -> None:
    triggers = (Trigger(event="product.restocked"), Trigger(event="order.placed"), Trigger(event="cart.updated"))
    problems = found(html="{{ product.name }}" + CONTACT, triggers=triggers)
    assert "product may be missing: order.placed and cart.updated need not bring it" in str(problems[0])
    assert found(html="{% if product %}{{ product.sku | default('-') }}{% endif %}" + CONTACT, triggers=triggers) == []


@pytest.mark.parametrize("wrong", ["{% if %}", "{{ 1 + }}", "{% endfor %}", "{{#each x}}"])
def test_every_file_of_a_chain_and_every_include_is_read(found: Check, wrong: str) -> None:
    shared = {
        "base.html": "<p>{% block body %}{% endblock %}</p>" + CONTACT,
        "middle.html": "{% extends 'base.html' %}\n{% block body %}{% include 'part.html' %}{% endblock %}\n",
        "part.html": "{% extends 'rows.html' %}\n",
        "rows.html": "rows",
    }
    html = "{% extends 'middle.html' %}"
    assert found(html=html, shared=shared) == []
    for name in ("middle.html", "part.html"):
        [problem] = found(html=html, shared={**shared, name: shared[name] + wrong})
        assert (problem.file, problem.line) == (name, shared[name].count("\n") + 1)


def test_what_plugins_bring_is_known(found: Check) -> None:
    def prepare_environment(environment: Any) -> None:
        environment.tests["sunny"] = lambda value: True
        environment.globals["twice"] = lambda value: value * 2

    renderer = Renderer(
        filters={"shout": str.upper}, prepare_environment=prepare_environment, names=["weather", "customer.mood"]
    )
    html = (
        "{{ weather.today }} {{ customer.mood }} {{ twice(2) }} {{ 'a'|shout }} {% if 1 is sunny %}x{% endif %}"
        + CONTACT
    )
    assert found(html=html, renderer=renderer) == []
    assert "there is no 'weather'" in str(found(html=html))
    assert "no 'customer.moo'" in str(found(html="{{ customer.moo }}" + CONTACT, renderer=renderer))


def test_one_language_that_costs_too_much_is_enough(found: Check) -> None:
    bomb = "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}" + CONTACT
    problems = found(html=bomb, de_html=bomb, fr_html=bomb, pt_html=bomb)
    assert len(problems) == 1
    assert "more work than one message may cost" in str(problems[0])


def test_looking_for_names_is_done_in_the_limited_process(
    template: Callable[..., Template], brand: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise AssertionError("a source was looked through in this process")

    monkeypatch.setattr(Variables, "walk", broken)
    [problem] = check(template(html="<p>{{ costumer.first_name }}</p>" + CONTACT), brand)
    assert "did you mean 'customer'" in str(problem)


def test_the_survey_is_remembered_and_leaves_the_version_behind(
    template: Callable[..., Template], brand: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = template(html="<p>{{ customer.first_name }}</p>" + CONTACT)
    first = check(made, brand, cache=tmp_path)
    assert "may be missing" in str(first)

    def broken(*args: object, **kwargs: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("messaging.rendering.prepare.subprocess.run", broken)
    for _ in range(2):
        assert check(made, brand, cache=tmp_path) == first
        assert prepare.prepare(made, brand, from_="shop@example.com", cache=tmp_path).version
        prepare._remembered.clear()


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


def test_what_is_recommended_has_its_fields(found: Callable[..., list[Problem]]) -> None:
    good = "{% for p in recommended(4) %}<p>{{ p.name }}{% if p.price and p.currency %}{{ p.price | money(p.currency) }}{% endif %}</p>{% endfor %}"
    contact = '<a href="{{ brand.contact_url }}">contact</a>'
    assert found(html=good + contact) == []
    (missing,) = found(html="{% for p in recommended %}<p>{{ p.url }}</p>{% endfor %}" + contact)
    assert "recommended.url may be missing" in missing.message
    (wrong,) = found(html="{% for p in recommended(2) %}<p>{{ p.nam }}</p>{% endfor %}" + contact)
    assert (wrong.message, wrong.hint) == ("there is no 'recommended.nam'", "did you mean 'name'?")
