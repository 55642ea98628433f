"""The text that is made of HTML: statements leave no blanks at the ends of its lines."""

from __future__ import annotations

from messaging.rendering.flatten import flatten
from messaging.rendering.pieces import without_marks
from messaging.rendering.shelter import shelter
from messaging.rendering.texts import text_from_html


def text_of(html: str) -> str:
    sheltered, keeper = shelter(flatten(html, "f.html", {}))
    return without_marks(keeper.back(text_from_html(sheltered, keeper), plain=True))


def test_statements_do_not_indent_a_line() -> None:
    text = text_of("<p>{% if a %} {% if b %} words {% endif %} {% endif %}</p>")
    assert text == "{% if a %}{% if b %}words{% endif %}{% endif %}\n"


def test_blanks_between_words_stay() -> None:
    text = text_of("<p>one {% if a %}two{% endif %} {{ three }}</p>")
    assert text == "one {% if a %}two{% endif %} {{ three }}\n"
