"""Sources in other template languages are named, once, with what to write here; and prose is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from messaging.nouns.template import Trigger
from messaging.rendering.check import Problem
from messaging.rendering.foreign import silent, unreadable

CONTACT = "<a href='{{ brand.contact_url }}'>write to us</a>"


@pytest.mark.parametrize(
    ("source", "severity", "language", "ours"),
    [
        ("<%= name %>", "warning", "ERB", "{{ customer.first_name }}"),
        ("<%= @order.total %>", "warning", "ERB", "{{ order.total }}"),
        ("<%\nif paid %>", "warning", "ERB", "{% if"),
        ("<?= $name ?>", "warning", "PHP", "{{ customer.first_name }}"),
        ("{{ .Name }}", "error", "Go", "{{ customer.first_name }}"),
        ("{{ $x }}", "error", "Go", "{{ customer.first_name }}"),
        ("{{ range .Items }}{{ end }}", "error", "Go", "{% for item in order.items %}"),
        ("{{ $user->name }}", "error", "Blade", "{{ customer.first_name }}"),
        ("{{ a ?? b }}", "error", "Twig", "default("),
        ("{{ a ? b : c }}", "error", "Twig", " if "),
        ("{% elseif a %}", "error", "Twig", "{% elif"),
        ('{{ x|date:"d M" }}', "error", "Django", "default("),
        ("{% load i18n %}", "error", "Django", "{{"),
        ("${email}", "warning", "FreeMarker", "{{ customer.email }}"),
        ("{$total}", "warning", "Smarty", "{{ order.total }}"),
        ("%recipient.name%", "warning", "Mailgun", "{{ customer.first_name }}"),
        ("%unsubscribe_url%", "warning", "Mailgun", "{{ unsubscribe_url }}"),
        ("[[name]]", "warning", "Mailjet", "{{ customer.first_name }}"),
        ("[[data:first_name:there]]", "warning", "Mailjet", "{{ customer.first_name }}"),
        ("%%name%%", "warning", "AMPscript", "{{ customer.first_name }}"),
        ("%%=v(@city)=%%", "warning", "AMPscript", "{{ customer.city }}"),
        ("*|FNAME|*", "error", "Mailchimp", "{{ customer.first_name }}"),
        ("*|LNAME|*", "error", "Mailchimp", "{{ customer.last_name }}"),
        ("{{#if a}}x{{/if}}", "error", "Handlebars", "{% if"),
        ("{{#each a}}x{{/each}}", "error", "Handlebars", "{% for"),
        ("{{> row}}", "error", "Handlebars", "{% include"),
        ("{% assign x = 1 %}", "error", "Liquid", "{% set"),
        ("{% unless a %}x{% endunless %}", "error", "Liquid", "{% if not"),
        ("{{ 'a' | append: 'b' }}", "error", "Liquid", " ~ "),
        ("{{ x | default: 'b' }}", "error", "Liquid", "default("),
        ("<a href='${url}'>x</a>", "error", "FreeMarker", "{{"),
    ],
)
def test_one_finding_names_the_language_and_our_spelling(
    found: Callable[..., list[Problem]], source: str, severity: str, language: str, ours: str
) -> None:
    [problem] = found(html=f"<p>\n{source}</p>" + CONTACT, triggers=(Trigger(event="order.placed"),))
    assert (problem.file, problem.line, problem.severity) == ("templates/t/email.html", 2, severity)
    assert language in problem.message
    assert ours in (problem.hint or "")


@pytest.mark.parametrize(
    "prose",
    [
        "Save 50% now, and 50%% on 100% wool: 20%-30% off!",
        "<style>a[href] { width: 50%; } @media (min-width:50%) { b { c: d } }</style>",
        "as he wrote [[sic]], see [[ below ]] and [[1]], a[b[0]]",
        "only ${{ order.number }} or $5 {each}, {x}, 5 $ {{ order.number }}",
        "<!-- ${name} *|FNAME|* -->{# <%= name %> #}",
        "a < b % c > d, 5 <% 6",
        "* | A | * and *bold*",
    ],
)
def test_prose_is_left_alone(found: Callable[..., list[Problem]], prose: str) -> None:
    assert found(html=f"<p>{prose}</p>" + CONTACT, triggers=(Trigger(event="order.placed"),)) == []


@pytest.mark.parametrize(
    "unit", ["${", "*|A", "%%a ", "<%", "[[a", "{{ a|b ", "{{ ?:", "{{ a ?", "%recipient.a", "{$a "]
)
def test_looking_costs_no_more_than_the_length(unit: str) -> None:
    text = unit * (400_000 // len(unit))
    began = time.process_time()
    list(silent(text))
    unreadable(text, 1)
    assert time.process_time() - began < 2
