"""Nothing that is shown in an attribute's value ends the value."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import orjson
import pytest

from messaging.errors import TemplateError

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
@pytest.mark.parametrize("name", ["title", "alt"])
def test_captured_markup_in_an_attribute(render: Render, quote: str, name: str) -> None:
    source = "{% set x %}<b class=\"a\" id='b'>{{ v.a }}{% endset %}" + (
        f"<p id='here' {name}={quote}{{% if 1 %}}{{{{ x }}}}{{% endif %}}{quote}>a</p>"
    )
    assert Attributes(render(html=source, context={"v": HOSTILE})["html"]).found.keys() == {"id", name}


def test_json_in_a_script_stays_json(render: Render) -> None:
    source = '<script type="application/ld+json">{{ v|tojson }}</script><p>a</p>'
    text = render(html=source, context={"v": {"a": "b"}})["html"]
    assert '{"a":"b"}' in text


ACTING = [
    "<p onclick='{}'>a</p>",
    "<iframe srcdoc='{}'></iframe>",
    "<script>const name = '{}'</script><p>a</p>",
    "<meta http-equiv='refresh' content='0;{}'><p>a</p>",
    "<meta content='0;{}' http-equiv='refresh'><p>a</p>",
    "<p onclick='{{% if 1 %}}{}{{% endif %}}'>a</p>",
]


@pytest.mark.parametrize("source", ACTING)
def test_where_a_value_would_act_as_code_none_may_stand(render: Render, source: str) -> None:
    with pytest.raises(TemplateError, match=r"email.html:1: .*acts as code"):
        render(html=source.format("{{ v }}"), context={"v": "x"})
    assert render(html=source.format("written"), context={})["html"]


STYLES = [
    "<p style='color: {}'>a</p>",
    "<p style='{{% if 1 %}}color: {}{{% endif %}}'>a</p>",
    "<style>p {{ color: {} }}</style><p>a</p>",
    "<style data-css-inline='keep'>p {{ color: {} }}</style><p>a</p>",
]


@pytest.mark.parametrize("source", STYLES)
def test_a_value_in_a_style_is_no_more_than_a_value(render: Render, source: str) -> None:
    html = source.format("{{ v }}")
    for good in ("#1f5eff", "red", "12.5", "-1px 50%"):
        assert good in render(html=html, context={"v": good})["html"]
    for bad in ("red; background: url(https://x.example)", "expression(1)", "</style><script>", "a\\62", "@import 'x'"):
        with pytest.raises(TemplateError, match="is no value for a style"):
            render(html=html, context={"v": bad})


def test_text_in_an_attribute_is_escaped_once(render: Render) -> None:
    text = render(html="<p id='here' title='{{ v }}'>a</p>", context={"v": "a & \"b\" 'c'"})["html"]
    assert Attributes(text).found["title"] == "a & \"b\" 'c'"
