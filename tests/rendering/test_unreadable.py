"""Sources that Jinja2 cannot read: errors with file and line, wherever in the source they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from messaging.errors import TemplateError
from messaging.nouns.template import Template
from messaging.rendering import probe
from messaging.rendering.prepare import prepare
from messaging.rendering.wire import template_to

LAYOUT = {"layout.html": "<p>{% block content %}{% endblock %}</p>"}


@pytest.mark.parametrize("number", ["9" * 5000, "1_" * 5000 + "1"])
@pytest.mark.parametrize("shape", ["{{{{ {} }}}}", "{{% set x = {} %}}", "{{{{ [{}] }}}}"])
def test_a_number_without_end(prepared: Callable[..., Any], number: str, shape: str) -> None:
    with pytest.raises(TemplateError) as caught:
        prepared(text="one\ntwo " + shape.format(number))
    assert (caught.value.file, caught.value.line) == ("templates/t/email.txt", 2)


def test_a_number_without_end_in_the_limited_process(template: Callable[..., Template], brand: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="cannot be read"):
        prepare(template(html="<p>{{ " + "9" * 5000 + " }}</p>"), brand, from_="shop@example.com")


@pytest.mark.parametrize("wrong", ["{% if %}", "{{ 1 + }}", "{% for a in %}{% endfor %}", "{% endif %}", "{% if a %}"])
def test_outside_of_the_blocks_of_a_child(prepared: Callable[..., Any], wrong: str) -> None:
    child = "{% extends 'layout.html' %}\n{% block content %}hello{% endblock %}\n" + wrong
    prepared(html=child.removesuffix(wrong), shared=LAYOUT)
    with pytest.raises(TemplateError) as caught:
        prepared(html=child, shared=LAYOUT)
    assert (caught.value.file, caught.value.line) == ("templates/t/email.html", 3)


def test_a_fault_of_ours_names_the_template(
    template: Callable[..., Template], brand: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(probe, "build", broken)
    request = {
        "template": template_to(template(html="x")),
        "brand": brand,
        "from": "",
        "reply_to": None,
        "additions": {},
    }
    problems = probe.answer(request)["problems"]
    assert "template t cannot be prepared: ZeroDivisionError: oh" in str(problems)
