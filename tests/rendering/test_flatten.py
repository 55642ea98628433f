from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment

from messaging.errors import TemplateError, TemplateLimit
from messaging.rendering.flatten import flatten
from messaging.rendering.pieces import write

VALUES = {"a": "A", "b": "<b>", "items": [1, 2], "yes": True, "no": False}


def plain(source: str, shared: dict[str, str]) -> str:
    """What stock Jinja2 makes of it."""
    environment = Environment(loader=DictLoader({**shared, "": source}), autoescape=True, keep_trailing_newline=False)
    return environment.get_template("").render(VALUES)


def ours(source: str, shared: dict[str, str]) -> str:
    text = write(flatten(source, "t.html", shared))
    return Environment(autoescape=True, keep_trailing_newline=True).from_string(text).render(VALUES)


LAYOUT = (
    "<top>{% block head %}h{{ a }}{% endblock %}|{% block body %}{% block inner %}i{% endblock %}{% endblock %}</top>"
)
MACROS = (
    "{% macro button(href, label='Go, now') %}<a href='{{ href }}'>{{ label }}</a>{% endmacro %}"
    "{% macro two(x) %}{{ button(x) }}+{{ button(x, label=x ~ '!') }}{% endmacro %}"
    "{% macro box(x) %}[{{ x }}:{{ caller() }}]{% endmacro %}"
)
SHARED = {
    "layout.html": LAYOUT,
    "middle.html": "{% extends 'layout.html' %}{% set w = 'W' %}{% block body %}m({{ super() }}){% endblock %}",
    "part.html": "<p>{{ a }}{% set a = 'inner' %}{{ a }}</p>\n",
    "macros.html": MACROS,
}

SAME = [
    "{% extends 'layout.html' %}{% block body %}mine{{ b }}{% endblock %}",
    "{% extends 'middle.html' %}{% block inner %}{{ w }}{% endblock %}{% block head %}{{ super() }}!{% endblock %}",
    "{% extends 'middle.html' %} ignored {% block body %}1{{ super() }}2{% endblock %}",
    "{% include 'part.html' %}{{ a }}",
    "{% for i in items %}{% include 'part.html' %}{{ i }}{% endfor %}",
    "{% include ['none.html', 'part.html'] %}{% include 'none.html' ignore missing %}",
    "{% import 'macros.html' as m %}{{ m.button('u') }}{{ m.two('v') }}",
    "{% from 'macros.html' import button as b2, two %}{{ b2(a, label=b) }}{{ two(b) }}",
    "{% import 'macros.html' as m %}{% for i in items %}{{ m.button(i, [i, (i)]|length) }}{% endfor %}",
    "{% import 'macros.html' as m %}{% call m.box('q') %}in {{ b }}{% endcall %}",
    "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(1) }}{{ f(x=b) }}",
    "{% block x %}1{% endblock %}{{ self.x() }}",
    "{% set t %}<i>{{ b }}</i>{% endset %}{{ t }}{{ t }}",
    "{% set t | upper %}x{{ b }}{% endset %}{{ t }}",
    "{% extends 'layout.html' %}{% set t %}T{{ b }}{% endset %}{% block body %}{{ t }}{% endblock %}",
    "a\n{%- if yes %} b {% else %}c{% endif -%}\n d",
]


@pytest.mark.parametrize("source", SAME)
def test_it_renders_as_jinja_would(source: str) -> None:
    assert ours(source, SHARED) == plain(source, SHARED)


@given(
    st.lists(st.sampled_from(SAME[3:10]), min_size=1, max_size=4),
    st.sampled_from(["layout.html", "middle.html"]),
)
@settings(max_examples=30)
def test_parts_together_render_as_jinja_would(parts: list[str], layout: str) -> None:
    source = f"{{% extends '{layout}' %}}{{% block body %}}{''.join(parts)}{{{{ super() }}}}{{% endblock %}}"
    assert ours(source, SHARED) == plain(source, SHARED)


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("\n{% include '../../etc/passwd' %}", 2, "there is no shared file"),
        ("{% include '/etc/passwd' %}", 1, "there is no shared file"),
        ("{% extends name %}", 1, "must be written out"),
        ('{% include "it\'s\\n{{ x }}.html" %}', 1, "must be written out"),
        ("{% include 'part.html' without context %}", 1, "without context"),
        ("a\n\n{% block x %}", 3, "never closed"),
        ("{% block x %}{% endmacro %}", 1, "closes nothing"),
        ("{% block x %}{% endblock %}\n{% block x %}{% endblock %}", 2, "twice"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", 1, "calls itself"),
        ("{% macro m(x) %}{% endmacro %}{{ m() }}", 1, "needs 'x'"),
        ("{% macro m(x) %}{% endmacro %}{{ m(1, 2) }}", 1, "takes 1"),
        ("{% macro m(x) %}{% endmacro %}{{ m(1, y=2) }}", 1, "'y'"),
        ("{% macro m(x) %}{% endmacro %}\n{{ m(1)|upper }}", 2, "inside an expression"),
        ("{% from 'macros.html' import buton %}", 1, "no macro 'buton'"),
        ("{{ super() }}", 1, "no block above"),
    ],
)
def test_what_is_wrong_is_named(source: str, line: int, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        flatten(source, "t.html", SHARED)
    assert (caught.value.file, caught.value.line) == ("t.html", line)


def test_files_that_call_each_other_are_told() -> None:
    shared = {"a.html": "{% include 'b.html' %}", "b.html": "\n{% include 'a.html' %}"}
    with pytest.raises(TemplateError, match=r"a.html -> b.html -> a.html") as caught:
        flatten("{% include 'a.html' %}", "t.html", shared)
    assert (caught.value.file, caught.value.line) == ("b.html", 2)


def test_a_bomb_of_includes_is_stopped() -> None:
    shared = {f"{n}.html": f"{{% include '{n + 1}.html' %}}" * 10 for n in range(9)} | {"9.html": "boom" * 100}
    with pytest.raises(TemplateLimit, match="larger than"):
        flatten("{% include '0.html' %}", "t.html", shared)


def test_a_call_does_not_catch_its_callers_names() -> None:
    with pytest.raises(TemplateError, match="also a parameter"):
        flatten("{% macro m(a) %}{{ caller() }}{% endmacro %}{% call m(1) %}{{ a }}{% endcall %}", "t", {})
