"""Nothing that is shown in an attribute's value ends the value."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import orjson
import pytest

Render = Callable[..., dict[str, str]]
HOSTILE = {"a": 'x" onclick="alert(1)', "b": "y' onclick='alert(2)", "c": "<script>"}


class Attributes(HTMLParser):
    """The attributes of the first element with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if dict(attrs).get("id") == "here":
            self.found = dict(attrs)


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize(
    "code", ["{{ v|tojson }}", "{{- v|tojson -}}", "{% if 1 %}{{ v|tojson }}{% endif %}", "{{ v|tojson if 1 else '' }}"]
)
def test_json_in_an_attribute(render: Render, quote: str, code: str) -> None:
    text = render(html=f"<p id='here' data-x={quote}{code}{quote}>a</p>", context={"v": HOSTILE})["html"]
    found = Attributes(text).found
    assert found.keys() == {"id", "data-x"}
    assert orjson.loads(found["data-x"] or "") == HOSTILE


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("name", ["title", "style", "alt"])
def test_captured_markup_in_an_attribute(render: Render, quote: str, name: str) -> None:
    source = "{% set x %}<b class=\"a\" id='b'>{{ v.a }}{% endset %}" + (
        f"<p id='here' {name}={quote}{{% if 1 %}}{{{{ x }}}}{{% endif %}}{quote}>a</p>"
    )
    assert Attributes(render(html=source, context={"v": HOSTILE})["html"]).found.keys() == {"id", name}


def test_json_in_a_script_stays_json(render: Render) -> None:
    source = '<script type="application/ld+json">{{ v|tojson }}</script><p>a</p>'
    text = render(html=source, context={"v": {"a": "b"}})["html"]
    assert '{"a":"b"}' in text


def test_text_in_an_attribute_is_escaped_once(render: Render) -> None:
    text = render(html="<p id='here' title='{{ v }}'>a</p>", context={"v": "a & \"b\" 'c'"})["html"]
    assert Attributes(text).found["title"] == "a & \"b\" 'c'"
