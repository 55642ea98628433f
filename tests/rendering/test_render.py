from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from messaging.errors import TemplateError
from messaging.nouns.template import TemplateVersion
from messaging.rendering.finishing import one_line
from messaging.rendering.render import Renderer, best_locale

Render = Callable[..., dict[str, str]]


def body(parts: dict[str, str]) -> str:
    return " ".join(lxml_html.document_fromstring(parts["html"]).text_content().split())


class TestValues:
    def test_they_are_escaped_by_part(self, render: Render) -> None:
        parts = render(
            html="<p title='{{ x }}'>{{ x }}</p>",
            text="{{ x }}",
            subject="{{ x }}",
            context={"x": "<b>\"&'"},
        )
        assert '<p title="&lt;b&gt;&#34;&amp;&#39;">&lt;b&gt;&#34;&amp;&#39;</p>' in parts["html"]
        assert parts["text"] == parts["subject"] == "<b>\"&'"

    @pytest.mark.parametrize("value", ["{{ 7*7 }}", "{% raw %}", "{{ customer }}", "{# x #}", "{{"])
    def test_they_are_never_evaluated(self, render: Render, value: str) -> None:
        parts = render(
            html="<p>{{ x }}</p><a href='https://a.example/?{{ x }}'>y</a>",
            subject="{{ x }}",
            context={"x": value},
        )
        assert value in body(parts)
        assert value in parts["text"]
        assert parts["subject"] == value
        assert "49" not in parts["html"]

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (1, "1"),
            (1.5, "1.5"),
            (Decimal("1E+3"), "1000"),
            (True, "True"),
            (date(2026, 3, 2), "2026-03-02"),
            ("", ""),
            ("\u202eabc", "\u202eabc"),
        ],
    )
    def test_plain_ones_are_shown(self, render: Render, value: Any, shown: str) -> None:
        assert render(text="[{{ x }}]", html="<p>[{{ x }}]</p>", context={"x": value})["text"] == f"[{shown}]"

    @pytest.mark.parametrize("value", [None, [], {"a": 1}, (1,), object(), len])
    def test_others_are_refused(self, render: Render, value: Any) -> None:
        for part in ("text", "html"):
            with pytest.raises(TemplateError) as caught:
                render(**{part: "a\n{{ x }}"}, context={"x": value})
            assert caught.value.line == 2
            assert caught.value.file == f"templates/t/email.{'txt' if part == 'text' else 'html'}"

    def test_a_field_wins_over_a_method(self, render: Render) -> None:
        context = {"order": {"items": [{"name": "Tea"}], "values": 1}}
        assert (
            render(text="{% for i in order.items %}{{ i.name }}{% endfor %}{{ order.values }}", context=context)["text"]
            == "Tea1"
        )

    def test_objects_are_not_opened(self, render: Render) -> None:
        class Secret:
            api_key = "hush"
            called = False

            def delete(self) -> None:
                Secret.called = True

        for source in ("{{ x.api_key }}", "{{ x.delete() }}", "{{ x['api_key'] }}", "{{ f() }}"):
            with pytest.raises(TemplateError):
                render(text=source, context={"x": Secret(), "f": Secret().delete})
        assert not Secret.called

    def test_blns(self, render: Render, shared: Callable[[str], Path]) -> None:
        """Every naughty string: inert in HTML, intact in text, one line in the subject."""
        strings = json.loads((shared("data/naughty") / "blns.json").read_text("utf-8"))
        assert len(strings) > 500
        html = "<p id='a' title='{{ x }}'>{{ x }}</p>"
        for text in strings:
            parts = render(html=html, text="[{{ x }}]", subject="S {{ x }}", context={"x": text})
            tree = lxml_html.document_fromstring(parts["html"])
            assert {element.tag for element in tree.iter() if isinstance(element.tag, str)} <= {
                "html",
                "head",
                "body",
                "p",
                "img",
            }
            assert set(tree.get_element_by_id("a").attrib) == {"id", "title"}
            assert parts["text"].startswith("[")
            assert len(parts["subject"].splitlines()) == 1
            assert "=?" not in parts["subject"]


class TestMissing:
    def test_it_is_named_with_its_place(self, render: Render) -> None:
        with pytest.raises(TemplateError, match="first_name is missing") as caught:
            render(html="<p>x</p>\n<p>{{ customer.first_name }}</p>")
        assert (caught.value.file, caught.value.line) == ("templates/t/email.html", 2)

    def test_the_subject_too(self, render: Render) -> None:
        with pytest.raises(TemplateError, match="number is missing") as caught:
            render(html="x", subject="Order {{ order.number }}", context={"order": {}})
        assert caught.value.file == "templates/t/template.toml"

    def test_a_layouts_line_is_the_layouts(self, render: Render) -> None:
        shared = {"_layouts/b.html": "<p>\n\n{{ nope }}\n{% block c %}{% endblock %}</p>"}
        with pytest.raises(TemplateError, match="nope is missing") as caught:
            render(html="{% extends '_layouts/b.html' %}", shared=shared)
        assert (caught.value.file, caught.value.line) == ("_layouts/b.html", 3)

    @pytest.mark.parametrize(
        ("source", "result"),
        [
            ("{% if a.b %}1{% else %}0{% endif %}", "0"),
            ("{% if a.b.c.d is defined %}1{% else %}0{% endif %}", "0"),
            ("{{ a.b|default('x') }}", "x"),
            ("{{ nothing|default('x') }}", "x"),
            ("{% if a.b == 'x' or a.b != 'x' or a.b > 1 %}1{% else %}0{% endif %}", "0"),
            ("{{ a.b or 'x' }}", "x"),
        ],
    )
    def test_it_can_be_tested(self, render: Render, source: str, result: str) -> None:
        assert render(text=source, context={"a": {}, "nothing": None})["text"] == result

    @pytest.mark.parametrize(
        "source",
        [
            "{{ a.b }}",
            "{{ a.b + 1 }}",
            "{% for x in a.b %}{% endfor %}",
            "{{ a.b|upper }}",
            "{{ a.b ~ 'x' }}",
            "{{ a.b|length }}",
        ],
    )
    def test_it_cannot_be_used(self, render: Render, source: str) -> None:
        with pytest.raises(TemplateError, match="b is missing"):
            render(text=source, context={"a": {}})


class TestFallbacks:
    @pytest.mark.parametrize("customer", [{}, {"first_name": None}, {"first_name": ""}])
    def test_they_stand_in(self, render: Render, customer: dict[str, Any]) -> None:
        parts = render(
            text="Hi {{ customer.first_name }}",
            context={"customer": customer},
            fallbacks={"customer.first_name": "there"},
        )
        assert parts["text"] == "Hi there"

    def test_a_value_is_kept(self, render: Render) -> None:
        context = {"customer": {"first_name": "Ann"}}
        parts = render(text="Hi {{ customer.first_name }}", context=context, fallbacks={"customer.first_name": "there"})
        assert parts["text"] == "Hi Ann"
        assert context == {"customer": {"first_name": "Ann"}}

    def test_the_generic_twin(self, render: Render) -> None:
        context = {"customer": {"first_name": "Ann", "city": "Wien"}}
        parts = render(
            text="Hi {{ customer.first_name }} in {{ customer.city }}",
            context=context,
            fallbacks={"customer.first_name": "there"},
            generic=True,
        )
        assert parts["text"] == "Hi there in Wien"
        assert context["customer"]["first_name"] == "Ann"

    def test_whole_tables_may_be_missing(self, render: Render) -> None:
        parts = render(text="{{ a.b.c }}{{ a.b.d }}", fallbacks={"a.b.c": "1", "a.b.d": "2"})
        assert parts["text"] == "12"


class TestLocales:
    parts: ClassVar[dict[str, Any]] = {
        "subject": "Hello",
        "html": "<p>Hello</p>",
        "text": "Hello text",
        "de_subject": "Hallo",
        "de_html": "<p>Hallo</p>",
        "de_AT_subject": "Servus",
    }

    @pytest.mark.parametrize(
        ("locale", "subject", "text"),
        [
            ("en", "Hello", "Hello text"),
            (None, "Hello", "Hello text"),
            ("de", "Hallo", "Hallo"),
            ("de-CH", "Hallo", "Hallo"),
            ("de_AT", "Servus", "Hallo"),
            ("DE-at-x", "Servus", "Hallo"),
            ("xx", "Hello", "Hello text"),
        ],
    )
    def test_the_nearest_is_taken(self, render: Render, locale: str | None, subject: str, text: str) -> None:
        parts = render(locale=locale, **self.parts)
        assert (parts["subject"], parts["text"]) == (subject, text)

    def test_no_channel(self, prepared: Callable[..., TemplateVersion]) -> None:
        with pytest.raises(TemplateError, match="no sms part"):
            best_locale(prepared(html="x"), "sms", "de")

    @pytest.mark.parametrize(
        ("locale", "money", "day"),
        [
            ("en-US", "€1,234.50", "March 5, 2026"),
            ("de-AT", "€ 1.234,50", "5. März 2026"),
            ("fr", "1\u202f234,50 €", "March 5, 2026"),
        ],
    )
    def test_money_and_dates(self, render: Render, locale: str, money: str, day: str) -> None:
        """Numbers are the customer's; dates have words in them and speak the text's language."""
        source = "{{ '1234.5'|money('EUR') }}|{{ '2026-03-05'|date }}"
        parts = render(text=source, de_text=source, context={"locale": locale}, locale=locale)
        assert parts["text"].replace("\xa0", " ") == f"{money}|{day}".replace("\xa0", " ")

    def test_times_are_told_in_the_customers_zone(self, render: Render) -> None:
        source = "{{ t|time }} {{ t|date('short') }} {{ t|datetime('yyyy-MM-dd HH:mm') }}"
        context = {"t": datetime(2026, 3, 2, 23, 30, tzinfo=UTC), "timezone": "Asia/Tokyo"}
        assert render(text=source, context=context)["text"].replace("\u202f", " ") == "8:30 AM 3/3/26 2026-03-03 08:30"

    @pytest.mark.parametrize(
        ("source", "result"),
        [
            ("{{ 19.9|money }}", "€19.90"),
            ("{{ '5'|money('JPY') }}", "¥5"),
            ("{{ '5'|money('CHF') }}", "CHF\xa05.00"),
            ("{{ '5'|money('CAD') }}", "CA$5.00"),
            ("{{ 1234567|number }}", "1,234,567"),
            ("{{ '2.5'|number(2) }}", "2.50"),
            ("{{ 0.256|percent }} {{ 0.256|percent(1) }}", "26% 25.6%"),
            ("{{ ('1.10'|decimal * 3)|money }}", "€3.30"),
            ("{{ 1.1 * ('3'|decimal) }}", "3.3"),
            ("{{ [{'p': '1.5'|decimal}, {'p': 2}]|sum('p') }}", "3.5"),
        ],
    )
    def test_numbers(self, render: Render, source: str, result: str) -> None:
        assert render(text=source)["text"] == result

    @pytest.mark.parametrize(
        ("locale", "day"),
        [("en-US", "Thursday, March 5"), ("en-GB", "Thursday 5 March"), ("de-AT", "Donnerstag, 5. März")],
    )
    def test_a_day_as_the_reader_orders_it(self, render: Render, locale: str, day: str) -> None:
        text = "{{ '2026-03-05'|date('day') }}"
        context = {"timezone": "America/Los_Angeles", "locale": locale}
        assert render(text=text, de_text=text, locale=locale, context=context)["text"] == day

    @pytest.mark.parametrize(
        ("when", "zone", "days"),
        [
            ("2026-03-05", "UTC", "3"),
            ("2026-03-02", "UTC", "0"),
            ("2026-03-01", "UTC", "-1"),
            ("2026-03-03", "Asia/Tokyo", "0"),
            ("2026-03-03T01:00:00Z", "America/New_York", "0"),
        ],
    )
    def test_days_until(self, render: Render, when: str, zone: str, days: str) -> None:
        context = {"timezone": zone, "now": datetime(2026, 3, 2, 15, 30, tzinfo=UTC)}
        assert render(text="{{ '" + when + "'|days_until(now) }}", context=context)["text"] == days

    @pytest.mark.parametrize(
        "source",
        [
            "{{ 'x'|money }}",
            "{{ 1|money('EURO') }}",
            "{{ 'soon'|date }}",
            "{{ 'NaN'|money }}",
            "{{ '1e9999'|number }}",
            "{{ 1|date('y' * 3) }}",
        ],
    )
    def test_what_is_no_number_or_date(self, render: Render, source: str) -> None:
        with pytest.raises(TemplateError) as caught:
            render(text=source)
        assert caught.value.line == 1


class TestRecommended:
    """A list that may be called for so many of its items."""

    PRODUCTS: ClassVar = [{"sku": f"{place}", "name": f"Cup {place}"} for place in range(6)]

    @pytest.mark.parametrize(
        ("source", "text"),
        [
            ("{% for p in recommended %}{{ p.sku }}{% endfor %}", "012345"),
            ("{% for p in recommended(4) %}{{ p.sku }}{% endfor %}", "0123"),
            ("{% for p in recommended() %}{{ p.sku }}{% endfor %}", "0123"),
            ("{% for p in recommended(12) %}{{ p.sku }}{% endfor %}", "012345"),
            ("{{ recommended | length }} {{ recommended(2) | map(attribute='name') | join(', ') }}", "6 Cup 0, Cup 1"),
            ("{% set few = recommended(1) %}{{ few[0].name }}", "Cup 0"),
            ("{% if recommended(0) %}some{% else %}none{% endif %}", "none"),
        ],
    )
    def test_all_or_so_many(self, render: Render, source: str, text: str) -> None:
        assert render(text=source, context={"recommended": self.PRODUCTS})["text"] == text

    @pytest.mark.parametrize("given", [{}, {"recommended": None}, {"recommended": "none"}, {"recommended": {}}])
    def test_nothing_is_an_empty_list(self, render: Render, given: dict[str, Any]) -> None:
        source = "x{% for p in recommended(4) %}{{ p.sku }}{% endfor %}{% if recommended %}some{% endif %}"
        assert render(text=source, context=given)["text"] == "x"

    @pytest.mark.parametrize("count", ["-1", "13", "'4'", "4.0", "true", "none", "4, 5", "recommended"])
    def test_odd_counts(self, render: Render, count: str) -> None:
        with pytest.raises(TemplateError):
            render(text="{% for p in recommended(" + count + ") %}{% endfor %}", context={"recommended": self.PRODUCTS})

    def test_it_is_no_way_into_the_list(self, render: Render) -> None:
        for source in ("recommended.append(1)", "recommended.__class__", "recommended.clear()", "recommended"):
            with pytest.raises(TemplateError):
                render(text="{{ " + source + " }}", context={"recommended": self.PRODUCTS})


class TestOneLine:
    @given(st.text())
    def test_a_subject_is_one_safe_line(self, text: str) -> None:
        line = one_line(text)
        assert len(line.splitlines()) <= 1
        assert "=?" not in line
        assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in line)
        line.encode()

    def test_an_encoded_word_is_defused(self) -> None:
        text = "=?utf-8?q?Hi=0D=0ABcc:_x=40evil.example?="
        assert one_line(text) == "= ?utf-8?q?Hi=0D=0ABcc:_x=40evil.example?="


class TestJson:
    @given(
        st.text(),
        st.one_of(st.none(), st.integers(-(2**53), 2**53), st.booleans(), st.text(), st.lists(st.text(), max_size=3)),
    )
    def test_the_result_is_json_whatever_the_values(self, render_json: Render, text: str, value: Any) -> None:
        body = render_json(context={"text": text, "value": value})["body"]
        expected = text.encode("utf-8", "replace").decode()
        found = json.loads(body)
        assert found["value"] == value or "\ufffd" in body or "?" in body
        assert found["greeting"] == f"Hi {text}, {text}!" or expected != text

    def test_tojson_by_hand_is_not_done_twice(self, render: Render) -> None:
        assert json.loads(render(json='{"x": {{ x|tojson }}}', context={"x": 'a"b'})["body"]) == {"x": 'a"b'}

    def test_a_broken_result_is_an_error(self, render: Render) -> None:
        with pytest.raises(TemplateError, match="not JSON"):
            render(json='{"a": [{% for i in x %}{{ i }},{% endfor %}]}', context={"x": [1, 2]})


@pytest.fixture(scope="session")
def render_json(prepared: Callable[..., TemplateVersion], links: Any) -> Render:
    version = prepared(json='{"greeting": "Hi {{ text }}, {{ text }}!", "value": {{ value }}, "q": "a\\"{{ text }}"}')
    renderer = Renderer()

    def make(context: dict[str, Any]) -> dict[str, str]:
        return renderer.render(version, channel="webhook", locale=None, context=context, links=links)

    return make


class TestPlugins:
    def test_their_filters_and_globals(self, prepared: Callable[..., TemplateVersion], links: Any) -> None:
        def prepare(environment: Any) -> None:
            environment.globals["season"] = "spring"
            environment.globals["twice"] = lambda x: x * 2

        renderer = Renderer(filters={"shout": lambda text: text.upper() + "!"}, prepare_environment=prepare)
        version = prepared(text="{{ 'a'|shout }} {{ season }} {{ twice(2) }}", filters=("shout",))
        parts = renderer.render(version, channel="email", locale=None, context={}, links=links)
        assert parts["text"] == "A! spring 4"

    def test_a_filter_that_fails_is_named(self, prepared: Callable[..., TemplateVersion], links: Any) -> None:
        renderer = Renderer(filters={"bad": lambda text: 1 / 0})
        version = prepared(text="a\n{{ 'a'|bad }}", filters=("bad",))
        with pytest.raises(TemplateError, match="filter bad: ZeroDivisionError") as caught:
            renderer.render(version, channel="email", locale=None, context={}, links=links)
        assert caught.value.line == 2


def test_the_preheader_stands_before_the_message_and_not_in_the_text(render: Render) -> None:
    parts = render(
        html="<p>Hello</p>",
        preheader="Soon, {{ customer.first_name }}",
        context={"customer": {"first_name": "A<b"}},
    )
    assert parts["preheader"] == "Soon, A<b"
    assert parts["html"].index("Soon, A&lt;b") < parts["html"].index("<p>Hello")
    assert parts["text"] == "Hello"


def test_a_layout_may_show_the_preheader_itself(render: Render) -> None:
    parts = render(html="<div style='display:none'>{{ message.preheader }}</div><p>Hello</p>", preheader="Soon")
    assert parts["html"].count("Soon") == 1


def test_the_same_inputs_give_the_same_bytes(render: Render) -> None:
    first = render(html="<p>{{ now|datetime }}</p>")
    assert first == render(html="<p>{{ now|datetime }}</p>")


def test_blank_lines_in_text_do_not_pile_up(render: Render) -> None:
    source = "a\n\n{% if x %}\nb\n\n{% endif %}\n\nc\n"
    assert render(text=source, context={"x": False})["text"] == "a\n\nc"
