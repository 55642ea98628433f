"""What filters and values cost: time grows with the text and not faster, memory has a bound."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.template import TemplateVersion
from messaging.rendering.filters import FILTERS
from messaging.rendering.render import Renderer
from messaging.rendering.run import MAX_STEPS, Run

Render = Callable[..., dict[str, str]]

TEXT_FILTERS = {
    "capitalize": (),
    "escape": (),
    "indent": (),
    "lower": (),
    "nl2br": (),
    "replace": ("<", "x"),
    "striptags": (),
    "title": (),
    "trim": (),
    "truncate": (),
    "upper": (),
    "urlencode": (),
    "wordcount": (),
    "wordwrap": (1,),
}
FILLINGS = ["<", "<!--", "<!-->", "a", "a-", " ", "\t", "\n", "a ", "é"]


def cost(name: str, text: str, args: tuple[Any, ...]) -> int:
    """Steps a filter takes for `text`; what it makes may be too long for a value."""
    run = Run(links=None, locale=Locale("en"), date_locale=Locale("en"), zone=None, currency="EUR")
    run.html = True
    try:
        FILTERS[name](run, text, *args)
    except TemplateLimit:
        raise
    except Exception as error:  # a filter may refuse with whatever it likes
        assert "characters" in str(error)
    return MAX_STEPS - run.steps


@pytest.mark.parametrize("filling", FILLINGS)
@pytest.mark.parametrize("name", TEXT_FILTERS)
def test_text_filters_end_soon(name: str, filling: str) -> None:
    text = (filling * 100_000)[:100_000]
    began = time.thread_time()
    whole = cost(name, text, TEXT_FILTERS[name])
    assert time.thread_time() - began < 1
    half = cost(name, text[:50_000], TEXT_FILTERS[name])
    # `wordwrap` pays for copying a word that does not end.
    assert whole <= (4.1 if name == "wordwrap" else 2.1) * half + 100
    assert whole < MAX_STEPS


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>a <b class='x'>b</b></p>", "a b"),
        ("a<!-- <b> -->b", "ab"),
        ("a<!--->b", "ab"),
        ("a <!-- b> c", "a c"),
        ("a <b", "a <b"),
        ("a < b > c", "a c"),
        ("a > b", "a > b"),
        ("<!--x--><!--y", "<!--y"),
        ("", ""),
    ],
)
def test_striptags(render: Render, text: str, plain: str) -> None:
    assert render(text="[{{ v|striptags|replace('&', '') }}]", context={"v": text})["text"] == f"[{plain}]"


def test_wordwrap_keeps_what_is_indented(render: Render) -> None:
    assert render(text="{{ v|wordwrap(7) }}.", context={"v": "  a b c d"})["text"] == "  a b c\nd."
    assert render(text="{{ v|wordwrap(3) }}.", context={"v": "      abc d"})["text"] == "abc\nd."


@pytest.mark.parametrize(
    "source",
    [
        "{% set ns = namespace(v=['a']) %}{% for i in range(26) %}{% set ns.v = [namespace(v=ns.v), namespace(v=ns.v)] %}"
        "{% endfor %}{{ [ns.v]|unique|length }}",
        "{% set ns = namespace(v=1) %}{% set ns.v = [ns] %}{{ ns.v|unique|length }}",
        "{% set ns = namespace(v=1) %}{% set ns.v = [ns] %}{{ [{'a': ns}]|groupby('a')|length }}",
        "{% set ns = namespace(v=1) %}{{ [ns, ns] == [ns] }}",
    ],
)
def test_a_namespace_is_no_value(render: Render, source: str) -> None:
    began = time.thread_time()
    with pytest.raises(TemplateError, match="namespace"):
        render(text=source)
    assert time.thread_time() - began < 1


def test_namespaces_count(render: Render) -> None:
    source = "{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}"
    assert render(text=source)["text"] == "3"


@pytest.mark.parametrize(
    "source",
    [
        "{{ '1e-300000000'|decimal }}",
        "{{ '0e-300000000'|decimal }}",
        "{{ small }}",
        "{{ [small]|tojson }}",
        "{{ small * small }}",
        "{{ huge }}",
        "{{ [huge]|tojson }}",
        "{{ tiny * tiny }}",
        "{{ '%99999999d' is even }}",
        "{{ '%99999999d' is odd }}",
        "{{ '%99999999d' is divisibleby(2) }}",
        "{% set ns = namespace(k=[]) %}{% for i in range(600) %}{% set ns.k = ns.k + [v|upper] %}{% endfor %}",
        "{% for i in range(3000) %}{{ many|list|length }}{% endfor %}",
        "{% for i in range(3000) %}{{ many|reverse|length }}{% endfor %}",
    ],
)
def test_memory_has_a_bound(render: Render, source: str) -> None:
    context = {
        "small": Decimal("1e-300000000"),
        "huge": Decimal("1e300000000"),
        "tiny": Decimal("1e-50"),
        "v": "v" * 90_000,
        "many": list(range(9_000)),
    }
    tracemalloc.start()
    try:
        with pytest.raises(TemplateError):
            render(text=source, context=context)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60 * 1024 * 1024


def test_usual_numbers_are_shown(render: Render) -> None:
    source = "{{ a }} {{ b }} {{ c }} {{ 4 is even }} {{ -3 is odd }} {{ a is divisibleby(3) }} {{ [a]|tojson }}"
    context = {"a": Decimal("12.00"), "b": Decimal("0.000001"), "c": Decimal("0.00")}
    assert render(text=source, context=context)["text"] == '12.00 0.000001 0.00 True True True ["12.00"]'


def test_a_plugin_that_exits_is_named(prepared: Callable[..., TemplateVersion], links: Any) -> None:
    def leave(value: str) -> str:
        raise SystemExit(3)

    version = prepared(text="{{ 'a'|leave }}", filters=("leave",))
    with pytest.raises(TemplateError, match="filter leave: SystemExit"):
        Renderer(filters={"leave": leave}).render(version, channel="email", locale=None, context={}, links=links)
