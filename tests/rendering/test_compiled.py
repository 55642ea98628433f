"""What the template wrote and what values wrote, told apart."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.nouns.links import MessageLinks
from messaging.nouns.pieces import Pieces
from messaging.nouns.template import TemplateVersion
from messaging.rendering.render import Renderer
from tests.rendering.conftest import Links

RENDERER = Renderer()
TEMPLATE: dict[str, Any] = {
    "shared": {"_parts/card.html": "<td>{{ thing.name }}{% if thing.note %}, <i>{{ thing.note }}</i>{% endif %}</td>"},
    "subject": "  {{ name }}, your =?{{ city }} order{{ city }}  ",
    "html": """<html><body>{% macro row(thing) %}<tr>{{ thing.name|upper }} x{{ thing.count }}</tr>{% endmacro %}
{% set intro %}<b>Dear {{ name }}</b>{% endset %}<p>{{ intro }}</p>
<table>{% for thing in things %}<tr>{% include "_parts/card.html" %}{{ loop.index }}{{ row(thing) }}</tr>
{% else %}<tr>None for {{ name }}</tr>{% endfor %}</table>
{% filter upper %}from {{ city }} with love{% endfilter %}
{% if name == 'Ann' %}{{ 'Only Ann' }}{% elif city %}{{ city }}{{ name }}{% else %}Nobody{% endif %}
<a href="https://shop.example/{{ things|length }}">{{ 'Ms' if name else 'Mr' }} {{ name }}</a></body></html>""",
    "text": """\n\n{{ city }}\n{{ name }}\n{% for thing in things %}{{ thing.note }}\n\n{{ thing.name }}\n{% endfor %}
{% set n = namespace(total=0) %}{% for thing in things %}{% set n.total = n.total + thing.count %}{% endfor %}{{ n.total }}
{{ name|trim }}   {{ city }}\n\n""",
}
HOSTILE = ["", " ", "\n", "\n\n", " \n\t\n\n", "=", "?", "=?", "?=", "\ud800", "é\udfff", "<b>", "&amp;", "{{ 7*7 }}"]
NAUGHTY = st.one_of(
    st.text(st.characters(), max_size=12),
    st.sampled_from(
        [*HOSTILE, "\u2028", "\x00", "\u202e", "Ann", "Only Ann", "Dear ", "\u3000x\u3000", "\r\n.\r\n", "a"]
    ),
    st.lists(st.sampled_from(HOSTILE), max_size=6).map("".join),
)
CONTEXTS = st.fixed_dictionaries(
    {
        "name": NAUGHTY,
        "city": NAUGHTY,
        "things": st.lists(
            st.fixed_dictionaries({"name": NAUGHTY, "note": NAUGHTY, "count": st.integers(0, 99)}), max_size=4
        ),
    }
)


@pytest.fixture(scope="module")
def version(request: pytest.FixtureRequest) -> TemplateVersion:
    made: TemplateVersion = request.getfixturevalue("prepared")(**TEMPLATE)
    return made


def apart(
    renderer: Renderer, version: TemplateVersion, context: Mapping[str, Any], channel: str = "email"
) -> tuple[Mapping[str, str], dict[str, Pieces]]:
    pieces: dict[str, Pieces] = {}
    values = {"customer": {}, "now": datetime(2026, 3, 2, 10, tzinfo=UTC), **context}
    links: MessageLinks = Links()
    made = {"channel": channel, "locale": None, "links": links}
    parts = renderer.render(version, context=dict(values), pieces=pieces, **made)
    assert renderer.render(version, context=dict(values), **made) == parts, "asking for pieces changes nothing"
    return parts, pieces


class TestPieces:
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
    @given(context=CONTEXTS)
    def test_joined_they_are_the_part(self, version: TemplateVersion, context: dict[str, Any]) -> None:
        parts, pieces = apart(RENDERER, version, context)
        assert {name: piece.text for name, piece in pieces.items()} == parts
        assert all(len(piece.skeleton) == len(piece.values) + 1 for piece in pieces.values())

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(name=st.text(st.characters(categories=["L", "P", "S"]), min_size=1, max_size=8), count=st.integers(2, 99))
    def test_the_skeleton_does_not_know_the_values(self, version: TemplateVersion, name: str, count: int) -> None:
        things = [{"name": "Tea", "note": "", "count": 1}]
        other = [{"name": f"{name}x", "note": "", "count": count}]
        _, one = apart(RENDERER, version, {"name": "Bobby", "city": "Linz", "things": things})
        _, two = apart(RENDERER, version, {"name": f"x{name}x", "city": f"x{name}x", "things": other})
        assert one["html"].skeleton == two["html"].skeleton
        assert one["html"].values != two["html"].values

    def test_a_part_is_joined_when_it_is_asked_for(self, version: TemplateVersion) -> None:
        parts, pieces = apart(RENDERER, version, {"name": "Ann", "city": "Linz", "things": []})
        assert list(parts) == list(pieces) == ["subject", "html", "text"]
        assert "html" in parts
        assert "preheader" not in parts
        assert parts.get("preheader") is None
        assert len(parts) == 3
        assert dict(parts) == {name: piece.text for name, piece in pieces.items()}

    def test_more_ways_than_are_kept(self, version: TemplateVersion) -> None:
        for count in (*range(70), 0, 69):
            things = [{"name": "Tea", "note": "", "count": n} for n in range(count)]
            parts, pieces = apart(RENDERER, version, {"name": "Ann", "city": "Linz", "things": things})
            assert pieces["html"].text == parts["html"]

    def test_branches_and_loops_have_skeletons_of_their_own(self, version: TemplateVersion) -> None:
        things = [{"name": f"Tea {n}", "note": "x", "count": n} for n in range(3)]
        made = [
            apart(RENDERER, version, {"name": name, "city": "Linz", "things": things[:count]})[1]["html"].skeleton
            for name, count in (("Ann", 2), ("Bob", 2), ("Bob", 3), ("Bob", 0))
        ]
        assert len(set(made)) == 4

    def test_a_value_that_is_a_constant_of_the_template_is_no_harm(self, prepared: Any) -> None:
        version = prepared(text="{% if name == 'Anastasia' %}Hello {% endif %}{{ name }}!")
        found = {
            name: apart(RENDERER, version, {"name": name})[1]["text"]
            for name in (sys.intern("Anastasia"), "".join(["Anast", "asia"]), "H", "!")
        }
        assert [piece.text for piece in found.values()] == ["Hello Anastasia!", "H!", "!!"]

    def test_other_channels_have_them_too(self, prepared: Any) -> None:
        version = prepared(json='{"name": "{{ name }}", "n": {{ n }}}')
        parts, pieces = apart(RENDERER, version, {"name": 'A"b', "n": 7}, "webhook")
        assert pieces["body"].text == parts["body"] == '{"name": "A\\"b", "n": 7}'
        assert pieces["body"].values == ('A\\"b', "7")
