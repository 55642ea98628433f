"""Templates made to hurt: each ends soon, as an error that names file and line."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.template import TemplateVersion

Render = Callable[..., dict[str, str]]

GROWING = (
    "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% "
    "set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}"
)

#: CVE-2016-10745, 2019-10906, 2024-56326, 2025-27516, and what a sandbox must not give away.
ESCAPES = [
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '{a.__class__}'.format_map({'a': 1}) }}",
    "{{ ('{0.__class__}'|attr('format'))(1) }}",
    "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "{{ ['{0.__class__}']|map('format', 1)|first }}",
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ range.__init__.__globals__ }}",
    "{{ dict.__mro__ }}",
    "{{ namespace.__init__ }}",
    "{{ env }}",
    "{{ config }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ request }}",
    "{{ settings }}",
    "{{ _s }}",
    "{{ x|_weigh }}",
    "{{ loop }}",
    "{{ cycler }}",
    "{{ joiner }}",
    "{{ lipsum() }}",
    "{{ [].append(1) }}",
    "{{ {}.update({}) }}",
    "{{ '<b>'|safe }}",
]

BOMBS = [
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ lipsum(n=100000) }}",
    "{{ 'a' * 10**10 }}",
    "{{ [1] * 10**9 }}",
    "{{ 10**10**10 }}",
    "{{ 'a'.ljust(10**10) }}",
    "{{ 'a'.zfill(10**10) }}",
    "{{ 'a'|center(10**10) }}",
    "{{ '%10000000000d' % 1 }}",
    "{{ '{:>10000000000}'.format(1) }}",
    "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=2) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    GROWING + "{{ ns.x }}",
    GROWING + "{{ ns.x == ns.y }}",
    GROWING + "{{ ns.x in [ns.y] }}",
    GROWING + "{{ ns.x|tojson }}",
    GROWING + "{{ [ns.x]|unique|length }}",
    GROWING + "{{ [ns.x, ns.y]|sort|length }}",
    GROWING + "{{ ns.x ~ '' }}",
    "{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
    "{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {}[ns.x] }}",
    "{{ range(9999)|join('0123456789012345678901234567890123456789') }}",
    "{{ (big|replace('z', big))|length }}",
    "{{ big|indent(10**9) ~ big|indent(10**9) }}",
    "{% set t %}{% for i in range(50000) %}{{ 'abcdefghij' }}{% endfor %}{% endset %}{{ t }}{{ t }}{{ t }}",
    "{% filter upper %}{% for i in range(50000) %}{{ 'abcdefghij' }}{% endfor %}{% endfilter %}",
    "{% for i in range(50000) %}0123456789012345678901234567890123456789{% endfor %}",
    "{% for i in range(50000) %}{% if 'zz' in big %}{% endif %}{% endfor %}",
    "{% for i in range(50000) %}{{ big|upper|length }}{% endfor %}",
    "{% for i in range(50000) %}{{ big.upper()|length }}{% endfor %}",
    "{% for i in range(50000) %}{{ big[1:] == big[2:] }}{% endfor %}",
    "{% for i in range(50000) %}{{ many.count(3) }}{% endfor %}",
    "{% for i in many %}{% for j in many|sort|reverse|unique %}{% endfor %}{% endfor %}",
    "{{ big }}" * 20,
    "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "{% include 'self.html' %}",
    "{{ " + "(" * 300 + "1" + ")" * 300 + " }}",
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "{{ " + "-" * 20000 + "1 }}",
    "{% if 1 %}" * 2000 + "{% endif %}" * 2000,
]


@pytest.fixture(scope="module")
def context() -> dict[str, Any]:
    return {"big": "z" * 90_000, "many": list(range(5000)), "x": 1}


@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_escapes(render: Render, source: str, context: dict[str, Any]) -> None:
    with pytest.raises(TemplateError) as caught:
        render(html=f"<p>\n{source}</p>", context=context)
    assert (caught.value.file, caught.value.line) == ("templates/t/email.html", 2)


@pytest.mark.parametrize("source", ["{{ _s }}", "{{ x._y }}", "{% set _s = 1 %}", "{{ self }}", "{{ caller }}"])
def test_some_names_are_refused_before_anything_runs(prepared: Callable[..., TemplateVersion], source: str) -> None:
    with pytest.raises(TemplateError, match="is not available here"):
        prepared(text=source)


@pytest.mark.parametrize("part", ["html", "text"])
@pytest.mark.parametrize("source", BOMBS, ids=range(len(BOMBS)))
def test_nothing_goes_on_for_ever(render: Render, part: str, source: str, context: dict[str, Any]) -> None:
    began = time.process_time()
    with pytest.raises(TemplateError) as caught:
        render(**{part: f"a {source}"}, shared={"self.html": "{% include 'self.html' %}"}, context=context)
    assert time.process_time() - began < 2
    assert caught.value.file is not None


def test_memory_stays_small(render: Render, context: dict[str, Any]) -> None:
    tracemalloc.start()
    try:
        for source in (bomb for bomb in BOMBS if "namespace" in bomb and "[" not in bomb):
            with pytest.raises(TemplateError):
                render(text=source, context=context)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 1024 * 1024


def test_a_limit_is_told_apart_from_a_mistake(render: Render) -> None:
    with pytest.raises(TemplateLimit, match="more work") as caught:
        render(html="<p>\n{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}</p>")
    assert caught.value.line == 2


def test_a_large_order_is_no_bomb(render: Render) -> None:
    items = [{"name": f"Item {n}", "price": "1.00", "url": f"https://a.example/{n}"} for n in range(500)]
    parts = render(
        html="<table>{% for i in items %}<tr><td><a href='{{ i.url }}'>{{ i.name|upper }}"
        "</a></td><td>{{ i.price|money }}</td></tr>{% endfor %}</table>",
        context={"items": items},
    )
    assert parts["html"].count("<tr>") == 500


def test_counting_is_exact(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    """What renders once renders always: the limit does not depend on the machine."""
    monkeypatch.setattr("messaging.rendering.run.MAX_STEPS", 20_000)
    source = "{% for i in range(n) %}" + "{{ '' ~ i ~ n }}" * 30 + "{% endfor %}"
    low, high = 1, 999
    while high - low > 1:
        middle = (low + high) // 2
        try:
            render(text=source, context={"n": middle})
            low = middle
        except TemplateLimit:
            high = middle
    for _ in range(3):
        render(text=source, context={"n": low})
        with pytest.raises(TemplateLimit):
            render(text=source, context={"n": high})


@pytest.mark.parametrize(
    "source",
    [
        "{% for y in loop %}{{ y }}{% endfor %}",
        "{{ loop|list|length }}",
        "{{ 3 in loop }}",
        "{% set l = loop %}{% for y in l %}{{ y }}{% endfor %}",
    ],
)
def test_a_loop_does_not_eat_the_one_around_it(render: Render, source: str) -> None:
    with pytest.raises(TemplateError, match="use its fields"):
        render(text="{% for x in [1, 2, 3] %}" + source + "{% endfor %}")


def test_the_fields_of_a_loop_may_be_used(render: Render) -> None:
    text = "{% for x in [1, 2] %}{{ loop.index }}{{ loop.cycle('a', 'b') }}{{ loop|length }}{% endfor %}"
    with pytest.raises(TemplateError, match="use its fields"):
        render(text=text)
    assert render(text=text.replace("loop|length", "loop.length"))["text"] == "1a22b2"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ 'a'|upper(run=1) }}", "filter upper: got an unexpected keyword argument 'run'"),
        ("{{ 'a'|upper(value=1) }}", "filter upper: got an unexpected keyword argument 'value'"),
        ("{{ 'a'|upper(1) }}", "filter upper: too many positional arguments"),
        ("{{ 'a'|replace('b') }}", "filter replace: missing a required argument: 'new'"),
        ("{{ [1]|map(run=1)|list }}", "filter map: got an unexpected keyword argument 'run'"),
    ],
)
def test_wrong_arguments_are_told_in_the_templates_words(render: Render, source: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text=source)
    assert caught.value.problem == words


def test_what_the_compiler_cannot_do_is_told(prepared: Callable[..., TemplateVersion]) -> None:
    with pytest.raises(TemplateLimit, match="too many statically nested blocks") as caught:
        prepared(text="{% for x in [1] %}" * 21 + "{% endfor %}" * 21)
    assert caught.value.file == "templates/t/email.txt"
    assert "deeply" not in str(caught.value)
