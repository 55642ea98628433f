from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from messaging.errors import TemplateError
from messaging.rendering.compiled import Compiled
from messaging.rendering.environment import Sandbox
from messaging.rendering.pieces import Kind, Origins, Piece, cut, lines_alone, quote, write

plain = Environment(keep_trailing_newline=True)


def flatten_and_parse(source: str) -> None:
    Compiled(Sandbox(html=True), write(cut(source, "f.html")), "f.html")


def test_pieces_know_where_they_come_from() -> None:
    pieces = cut("Hi\n{{ name }}\n{% if x %}\nyes{% endif %}", "f.html")
    assert [(piece.kind, piece.text, piece.line) for piece in pieces if piece.kind is not Kind.DATA] == [
        (Kind.OUTPUT, "name", 2),
        (Kind.STATEMENT, "if x", 3),
        (Kind.STATEMENT, "endif", 4),
    ]


def test_whitespace_control_and_comments_are_jinjas() -> None:
    assert write(cut("a  {#- no -#}  b {{- 1 -}} c", "f")).endswith("{{ 1 }}c")


@given(st.text(st.sampled_from("{}%#ab \n"), max_size=30))
def test_any_text_can_be_written_as_source(text: str) -> None:
    assert plain.from_string(write([Piece(Kind.DATA, text, "f", 1)])).render() == text


@given(st.text(st.sampled_from("{ab"), max_size=5), st.text(st.sampled_from("}%ab"), max_size=5))
def test_text_does_not_run_into_code(before: str, after: str) -> None:
    pieces = [
        Piece(Kind.DATA, before, "f", 1),
        Piece(Kind.OUTPUT, "1", "f", 1),
        Piece(Kind.DATA, after, "f", 1),
    ]
    assert plain.from_string(write(pieces)).render() == f"{before}1{after}"


def test_raw_blocks_stay_text() -> None:
    source = "{% raw %}{{ customer.name }}{% x %}{{% endraw %}{{ 1 }}"
    assert plain.from_string(write(cut(source, "f"))).render() == "{{ customer.name }}{% x %}{1"


def test_lines_lead_back() -> None:
    source = write(
        [
            Piece(Kind.DATA, "a\n\nb", "x.html", 1),
            Piece(Kind.OUTPUT, "one", "x.html", 3),
            Piece(Kind.OUTPUT, "two", "y.html", 40),
        ]
    )
    origins = Origins(source)
    lines = source.split("\n")
    assert origins.of(next(n for n, line in enumerate(lines, 1) if "one" in line)) == ("x.html", 3)
    assert origins.of(next(n for n, line in enumerate(lines, 1) if "two" in line)) == ("y.html", 40)
    assert origins.of(1) == (None, None)


def test_a_line_with_nothing_but_statements_vanishes() -> None:
    source = "Items:\n{% for i in [1, 2] %}\n- {{ i }}{% if i == 2 %}!{% endif %}\n{% endfor %}\nBye"
    pieces = lines_alone(cut(source, "f"))
    assert plain.from_string(write(pieces)).render() == "Items:\n- 1\n- 2!\nBye"


def test_quote_leaves_usual_text_alone() -> None:
    assert quote("a { b } c") == "a { b } c"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n{{ x", 2, "never closed"),
        ("{{#each items}}\n{{/each}}", 1, "Handlebars"),
        ("\n\n{{ a ! b }}", 3, "unexpected char"),
        ("{{{ name }}}{% for", 1, "Handlebars"),
    ],
)
def test_syntax_errors_have_a_line(source: str, line: int, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        flatten_and_parse(source)
    assert caught.value.file == "f.html"
    assert caught.value.line == line
    assert words in str(caught.value)
