"""A macro's plain arguments go straight to their places, and nothing changes its meaning by it."""

from __future__ import annotations

import pytest

from messaging.rendering.calls import bind
from messaging.rendering.flatten import flatten
from messaging.rendering.pieces import cut, write
from messaging.rendering.pieces import without_marks as bare


def bound(source: str, **bindings: str) -> tuple[str, dict[str, str]]:
    pieces, rest = bind(cut(source, "f"), bindings)
    return bare(write(pieces)), rest


def test_paths_and_constants_take_the_place_of_their_parameters() -> None:
    text, rest = bound('<a href="{{ href }}">{{ label | upper }}</a>', href="brand.url", label='"Visit us"')
    assert text == '<a href="{{ brand.url }}">{{ "Visit us" | upper }}</a>'
    assert rest == {}


def test_what_is_computed_stays_bound() -> None:
    text, rest = bound("{{ href }} {{ label }}", href="a or b", label="x.y")
    assert text == "{{ href }} {{ x.y }}"
    assert rest == {"href": "a or b"}


@pytest.mark.parametrize(
    "source",
    [
        "{% set href = 1 %}{{ href }}",
        "{% for href in rows %}{{ href }}{% endfor %}",
        "{% for a, href in rows %}{{ href }}{% endfor %}",
        "{% with href = 2 %}{{ href }}{% endwith %}",
        "{% set href %}x{% endset %}{{ href }}",
    ],
)
def test_a_parameter_with_another_meaning_inside_stays(source: str) -> None:
    assert bound(source, href="brand.url")[1] == {"href": "brand.url"}


def test_an_argument_whose_name_means_something_else_inside_stays_bound() -> None:
    source = "{% for item in rows %}{{ href }}{% endfor %}"
    assert bound(source, href="item.url")[1] == {"href": "item.url"}


def test_an_argument_named_like_a_parameter_that_stays_stays_too() -> None:
    assert bound("{{ a }}{{ b }}", a="b.c", b="x or y")[1] == {"a": "b.c", "b": "x or y"}
    assert bound("{{ a }}{{ b }}", a="b", b="a") == ("{{ b }}{{ a }}", {})


def test_only_the_variable_is_replaced() -> None:
    source = "{{ item.href }}{{ x | href }}{{ x is href }}{{ f(href=href) }}href"
    assert bound(source, href="brand.url")[0] == (
        "{{ item.href }}{{ x | href }}{{ x is href }}{{ f(href=brand.url) }}href"
    )


def test_a_macro_leaves_the_address_it_was_given() -> None:
    link = '{% if href %}<a href="{{ href }}">{{ label }}</a>{% endif %}'
    parts = "{% macro button(href, label) %}" + link + "{% endmacro %}"
    source = '{% from "_layouts/p.html" import button %}{{ button(brand.url, "Go") }}'
    flat = bare(write(flatten(source, "t.html", {"_layouts/p.html": parts})))
    assert flat == '{% if brand.url %}<a href="{{ brand.url }}">{{ "Go" }}</a>{% endif %}'
