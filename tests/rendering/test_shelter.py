"""Jinja2 code in HTML, through the MJML compiler, the CSS inliner and the HTML parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment
from lxml import html as lxml_html

from messaging.errors import TemplateError
from messaging.rendering.pieces import cut, without_marks
from messaging.rendering.shelter import Shelter, shelter

Render = Callable[..., dict[str, str]]
VALUES: Mapping[str, Any] = {
    "a": "A & <b>",
    "n": 3,
    "yes": True,
    "no": False,
    "items": [{"name": "x<y", "price": 1}, {"name": "z", "price": 2}],
}


def words(text: str) -> str:
    """What a reader sees of HTML, as words."""
    return " ".join(lxml_html.document_fromstring(text).text_content().split())


def test_a_loop_over_rows_stays_in_its_table(render: Render) -> None:
    source = (
        "<table>{% for i in items %}<tr><td>{{ i.name }}</td></tr>{% else %}<tr><td>none</td></tr>{% endfor %}</table>"
    )
    html = render(html=source, context=VALUES)["html"]
    assert "<table><tr><td>x&lt;y</td></tr><tr><td>z</td></tr></table>" in html
    assert "<td>none</td>" in render(html=source, context={**VALUES, "items": []})["html"]


def test_styles_go_into_the_tags_and_media_queries_stay(render: Render) -> None:
    source = (
        "<style>p { color: {{ c }} } @media (max-width: 9px) { p { color: red } }</style>"
        "<style data-css-inline='keep'>{% if yes %}.x{color:blue}{% endif %}</style><p>{{ a }}</p>"
    )
    html = render(html=source, context={**VALUES, "c": "#123456"})["html"]
    assert '<p style="color: #123456;">' in html
    assert "@media (max-width: 9px)" in html
    assert ".x{color:blue}" in html


def test_code_in_attributes_stays_there(render: Render) -> None:
    source = (
        "<style>.on { margin: 0 } td { padding: 1px }</style><table><tr>"
        '<td class="on {% if yes %}soft{% endif %}" style=\'font-family:"X";{% '
        "if no %}color:red{% else %}color:{{ c }};{% endif %}'>"
        "x</td></tr></table>"
    )
    html = render(html=source, context={**VALUES, "c": "blue"})["html"]
    assert 'class="on soft"' in html
    assert "margin: 0" in html
    assert "font-family:&quot;X&quot;;color:blue;" in html


def test_code_in_conditional_comments_and_title(render: Render) -> None:
    source = (
        "<html><head><title>{{ a }}</title></head><body><!-- "
        "dropped --><!--[if mso]><b>{{ n }}</b><![endif]-->"
        "<!--[if !mso]><!--><i>{{ n }}</i><!--<![endif]--></body></html>"
    )
    html = render(html=source, context=VALUES)["html"]
    assert "<title>A &amp; &lt;b&gt;</title>" in html
    assert "<!--[if mso]><b>3</b><![endif]-->" in html
    assert "<!--[if !mso]><!--><i>3</i><!--<![endif]-->" in html
    assert "dropped" not in html


def test_mjml(render: Render) -> None:
    source = """<mjml><mj-body><mj-section><mj-column>
    {% for i in items %}<mj-text>{{ i.name }} <b>{{ a }}</b></mj-text>{% endfor %}
    <mj-table>{% for i in items %}<tr><td>{{ i.price }}</td></tr>{% endfor %}</mj-table>
    <mj-button href="https://shop.example/{{ n }}">Go</mj-button></mj-column></mj-section></mj-body></mjml>"""
    parts = render(mjml=source, context=VALUES)
    assert parts["html"].count("x&lt;y <b>") == 1
    assert "https://links.example/c/1-0?to=https://shop.example/3" in parts["html"]
    assert "googleapis" not in parts["html"]
    assert parts["text"].splitlines()[0] == "x<y A & <b>"


def test_references_do_not_become_code(render: Render) -> None:
    html = render(html="<p>&#123;&#123; a }} &#x7b;% if %} {% raw %}{{ a }}{% endraw %}</p>", context=VALUES)
    assert "{{ a }} {% if %} {{ a }}" in html["html"]
    assert "{{ a }} {% if %} {{ a }}" in html["text"]


def test_words_of_the_author_are_not_taken_for_ours(render: Render) -> None:
    html = render(html="<p title='jt0z'>jt1z <!--jt0z--> {{ a }}</p>", context=VALUES)["html"]
    assert "jt1z" in html
    assert "A &amp; &lt;b&gt;" in html


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("<p>\n<a href={{ a }}>x</a></p>", 2, "without quotes"),
        ("<p>\n\n<b {% if yes %}class='x'{% endif %}>x</b></p>", 3, "inside a tag"),
        ("<{{ a }}>x", 1, "inside a tag"),
        ("<style>\n{% if yes %}p{color:red}{% endif %}</style>", 2, "style sheet"),
    ],
)
def test_what_cannot_keep_its_place_is_told(render: Render, source: str, line: int, message: str) -> None:
    with pytest.raises(TemplateError, match=message) as caught:
        render(html=source, context=VALUES)
    assert (caught.value.file, caught.value.line) == ("templates/t/email.html", line)


@pytest.mark.parametrize(
    "source",
    [
        "<table>\n{% if yes %}<tr><td>x</td></tr></table>{% endif %}<p>x</p>",
        "<p>\n{% for i in items %}<table><tr>{% endfor %}<td>x</td></tr></table></p>",
        "<table>\n{% if yes %}{{ a }}{% endif %}<tr><td>x</td></tr></table>",
        "<p>{% if yes %}<b>{% endif %}x{% if yes %}</b>{% endif %}</p>",
    ],
)
def test_what_is_not_well_formed_is_told_or_comes_through(render: Render, source: str) -> None:
    """Never changed in silence."""
    stock = words(Environment(autoescape=True).from_string(source).render(VALUES))
    try:
        assert words(render(html=source, context=VALUES)["html"]) == stock
    except TemplateError as error:
        assert error.line is not None


def test_an_unknown_mjml_include_loads_nothing(render: Render) -> None:
    source = "<mjml><mj-body><mj-include path='/etc/passwd' /></mj-body></mjml>"
    with pytest.raises(TemplateError, match="MJML"):
        render(mjml=source)


def test_linked_style_sheets_are_not_loaded(render: Render, tmp_path: Any) -> None:
    sheet = tmp_path / "x.css"
    sheet.write_text("p { color: lime }")
    html = render(html=f"<link rel='stylesheet' href='{sheet}'><link rel='stylesheet' href='file://{sheet}'><p>x</p>")
    assert "lime" not in html["html"]


leaves = st.sampled_from(
    [
        "text ",
        "{{ a }}",
        "<b>{{ n }}</b>",
        "<p>para {{ a }}</p>",
        "{{ '{{' }}",
        "<table>{% for i in items %}<tr><td>{{ i.name }}</td><td>{{ i.price }}</td></tr>{% endfor %}</table>",
        "<ul>{% for i in items if i.price > 1 %}<li>{{ loop.index }}. {{ i.name }}</li>{% endfor %}</ul>",
        "{% set x = n + 1 %}{{ x }}",
        "{% include 'part.html' %}",
        '<span class="{% if yes %}u{% endif %}" style="color:{{ n }}">s</span>',
        "<br>&amp;&nbsp;&copy;",
    ]
)
wrappers = st.sampled_from(
    [
        "{% if yes %}@{% endif %}",
        "{% if no %}@{% else %}@{% endif %}",
        "{% for i in items %}@{% endfor %}",
        "{% with a = n %}@{% endwith %}",
        "<div>@</div>",
        "<table><tr><td>@</td></tr></table>",
        "{% filter upper %}@{% endfilter %}",
        "{% set block %}@{% endset %}{{ block }}",
    ]
)
sources = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.tuples(wrappers, inner).map(lambda pair: pair[0].replace("@", pair[1])),
    ),
    max_leaves=12,
)


@given(sources)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_prepared_template_says_what_jinja_says(render: Render, source: str) -> None:
    shared = {"part.html": "<p>included {{ a }}{% set a = 1 %}</p>"}
    environment = Environment(loader=DictLoader({**shared, "t": source}), autoescape=True)
    stock = environment.get_template("t").render(VALUES)
    ours = render(html=source, shared=shared, context=VALUES)
    assert words(ours["html"]) == words(f"<p>{stock}</p>")


class TestVerify:
    """What a tool does to sheltered HTML never goes unnoticed."""

    source = "<p>{% if yes %}<b class='{% if no %}x{% endif %}' id='{{ n }}'>{{ a }}</b>{% endif %}{{ n }}</p>"

    def sheltered(self) -> tuple[str, Shelter]:
        return shelter(cut(self.source, "f.html"))

    def test_untouched(self) -> None:
        text, keeper = self.sheltered()
        keeper.verify(text)
        assert without_marks(keeper.back(text, plain=True)) == self.source
        assert without_marks(keeper.back(text)) == self.source.replace("'{{ n }}'", "'{{ (n) | _quoted }}'")

    def test_attributes_may_change_places(self) -> None:
        text, keeper = self.sheltered()
        values = re.findall(r" (?:class|id)='[^']*'", text)
        keeper.verify(text.replace("".join(values), "".join(reversed(values))))

    @pytest.mark.parametrize("number", range(7))
    def test_one_is_gone(self, number: int) -> None:
        text, keeper = self.sheltered()
        code = next(match[0] for match in keeper.pattern.finditer(text) if keeper.find(match[0]) == [number])
        with pytest.raises(TemplateError, match="does not keep its place") as caught:
            keeper.verify(text.replace(code, ""))
        assert (caught.value.file, caught.value.line) == ("f.html", 1)

    @pytest.mark.parametrize("pair", [(0, 5), (4, 5), (5, 6), (1, 2)])
    def test_two_are_swapped(self, pair: tuple[int, int]) -> None:
        text, keeper = self.sheltered()
        forms = {keeper.find(match[0])[0]: match[0] for match in keeper.pattern.finditer(text)}
        one, other = (forms[number] for number in pair)
        with pytest.raises(TemplateError, match="does not keep its place"):
            keeper.verify(text.replace(one, "@").replace(other, one).replace("@", other))

    def test_one_is_doubled(self) -> None:
        text, keeper = self.sheltered()
        with pytest.raises(TemplateError, match="does not keep its place"):
            keeper.verify(text + re.findall(r"<!--[^>]*-->", text)[-1])


def test_what_a_compiler_drops_is_told(render: Render) -> None:
    source = (
        "<mjml><mj-body><mj-section><mj-column>\n"
        "<mj-image src='https://a.example/i.png' width='{{ n }}px' />"
        "</mj-column></mj-section></mj-body></mjml>"
    )
    with pytest.raises(TemplateError, match="does not keep its place") as caught:
        render(mjml=source, context=VALUES)
    assert (caught.value.file, caught.value.line) == ("templates/t/email.mjml", 2)
