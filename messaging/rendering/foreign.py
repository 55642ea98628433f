"""Tells when a source is written in another template language, and how the same is written here.

Some of them Jinja2 cannot read: then the error says why. Others are plain text to it and would go out as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True, slots=True)
class Foreign:
    """A way to write something in another language, and what to write here."""

    language: str
    pattern: re.Pattern[str]
    ours: str
    #: Nobody would write this and mean it as text.
    sure: bool = False


def _foreign(language: str, pattern: str, ours: str, sure: bool = False) -> Foreign:
    return Foreign(language, re.compile(pattern), ours, sure)


_VALUE = "{{ customer.first_name }}"
_IF = "{% if order.url %} … {% else %} … {% endif %}"
_FOR = "{% for item in order.items %} … {% endfor %}"
_SET = '{% set name = "value" %}'

#: What Jinja2 cannot read, in order: the first that is found is named.
_BREAKING = (
    _foreign("Blade", r"\{\{\s*\$\w+->|\{!!", _VALUE),
    _foreign("Liquid", r"\{\{\s*\$\{", _VALUE),
    _foreign("Go", r"\{\{-?\s*range\b", _FOR),
    _foreign("Go", r"\{\{-?\s*(?:if|with)\s+[.$(\w]", _IF),
    _foreign("Go", r"\{\{-?\s*(?:template|block|define|printf)\s", '{% include "_rows.html" %}'),
    _foreign("Go", r"\{\{-?\s*[.$][A-Za-z_]", _VALUE),
    _foreign("Handlebars", r"\{\{~?\s*[#/]\s*each\b", _FOR),
    _foreign("Handlebars", r"\{\{~?\s*[#/]\s*(?:if|else)\b|\{\{~?\s*else\b", _IF),
    _foreign("Handlebars", r"\{\{~?\s*(?:#\s*unless\b|\^)", "{% if not order.url %} … {% endif %}"),
    _foreign("Handlebars", r"\{\{~?\s*>", '{% include "_rows.html" %}'),
    _foreign("Handlebars", r"\{\{~?\s*!", "{# a note #}"),
    _foreign("Handlebars", r"\{\{~?\s*(?:[#/]\s*\w|&)|\{\{\{", f"{_VALUE}, {_IF}, {_FOR}"),
    _foreign("Liquid", r"\{%-?\s*(?:assign|capture|increment|decrement)\b", _SET),
    _foreign("Liquid", r"\{%-?\s*(?:unless|endunless)\b", "{% if not order.url %} … {% endif %}"),
    _foreign("Liquid", r"\{%-?\s*elsif\b", "{% elif order.total %}"),
    _foreign("Liquid", r"\{%-?\s*(?:case|when)\b", '{% if x == "a" %} … {% elif x == "b" %} … {% endif %}'),
    _foreign("Liquid", r"\{%-?\s*(?:tablerow|liquid|render|comment)\b", f"{_FOR}, {{# a note #}}"),
    _foreign("Liquid", r"\{\{[^{}|]{0,200}\|\s{0,5}(?:append|prepend)\s{0,5}:", '{{ customer.first_name ~ "!" }}'),
    _foreign("Django", r"\{\{[^{}|]{0,200}\|\w{1,40}:[\"'\w]", '{{ customer.first_name | default("there") }}'),
    _foreign("Liquid", r"\{\{[^{}|]{0,200}\|\s{0,5}\w{1,40}\s{0,5}:", '{{ customer.first_name | default("there") }}'),
    _foreign("Django", r"\{%\s*(?:load|url|static|trans|blocktrans|translate|csrf_token|firstof|ifequal)\b", _VALUE),
    _foreign("Django", r"\{%\s*empty\s*%\}", "{% for item in order.items %} … {% else %} … {% endfor %}"),
    _foreign("Twig", r"\{%-?\s*elseif\b", "{% elif order.total %}"),
    _foreign("Twig", r"\{%-?\s*embed\b", '{% extends "_layouts/base.html" %}'),
    _foreign("Twig", r"\{[{%][^{}]{0,200}\?\?", '{{ customer.first_name | default("there") }}'),
    _foreign("Twig", r"\{\{[^{}\"']{0,200}\?[^{}]{0,200}:[^{}]{0,200}\}\}", '{{ "a" if order.url else "b" }}'),
)
#: What Jinja2 reads as something that nobody means: the field `Items` of `range`.
_MISREAD = {
    "range": _foreign("Go", r"range\s+[.$]", _FOR),
    "if": _foreign("Go", r"if\s+[.$]", _IF),
    "with": _foreign("Go", r"with\s+[.$]", "{% with item = order.items | first %} … {% endwith %}"),
}
#: What goes out as it stands. `name` is what is asked for, where that can be told.
_SILENT = (
    _foreign("Mailchimp", r"\*\|(?P<name>[A-Z][A-Z0-9_]{0,60})[^|\n]{0,80}\|\*", _VALUE, sure=True),
    _foreign("ERB or EJS", r"<%[=-]?\s{0,5}@?(?:\w{1,60}\.){0,5}(?P<name>\w{1,60})\s{0,5}-?%>", _VALUE),
    _foreign("ERB or EJS", r"<%[^%]{1,200}%>", f"{_VALUE}, {_IF}, {_FOR}"),
    _foreign("PHP", r"<\?(?:=|php\b)[^>\n]{0,200}\?>", _VALUE),
    _foreign("FreeMarker or JavaScript", r"\$\{\s{0,5}(?P<name>[A-Za-z_][\w.]{0,60})[^{}\n]{0,80}\}", _VALUE),
    _foreign("Smarty", r"\{\$(?P<name>[A-Za-z_][\w.]{0,60})[^{}\n]{0,80}\}", _VALUE),
    _foreign("Mailgun", r"%recipient[._](?P<name>[A-Za-z_][\w.]{0,60})%", _VALUE),
    _foreign("Mailgun", r"%(?:tag_|mailing_list_)?unsubscribe_(?:url|email)%", "{{ unsubscribe_url }}"),
    _foreign("Marketing Cloud (AMPscript)", r"%%=?(?:v\(@)?(?P<name>[A-Za-z_][\w.]{0,60})\)?=?%%", _VALUE),
    _foreign("Marketing Cloud (AMPscript)", r"%%(?:=[^%\n]{1,200}=|\[[^%]{1,200}\])%%", f"{_VALUE}, {_IF}"),
    _foreign("Mailjet", r"\[\[(?:data|var):(?P<name>\w{1,60})[^\]\n]{0,80}\]\]", _VALUE),
    # Two brackets alone may be prose: only what looks like a field is taken for one.
    _foreign(
        "Mailjet or its like", r"(?i)\[\[(?P<name>[a-z]{0,20}name|e?mail|phone|[a-z]{1,40}[_.]\w{1,60})\]\]", _VALUE
    ),
)


def unreadable(source: str, line: int) -> Foreign | None:
    """The language that a source seems to be in which Jinja2 cannot read in this line; None: nothing speaks for one."""
    lines = source.split("\n", line)
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    return next(chain(_found(here), _found(source)), None)


def _found(source: str) -> Iterator[Foreign]:
    return (foreign for foreign in _BREAKING if foreign.pattern.search(source))


def misread(output: str) -> Foreign | None:
    """The language of what stands between `{{` and `}}`, if Jinja2 can read it and should not."""
    foreign = _MISREAD.get(output.split(None, 1)[0]) if output else None
    return foreign if foreign is not None and foreign.pattern.match(output) else None


def silent(text: str) -> Iterator[tuple[Foreign, re.Match[str]]]:
    """What stands in plain text and is meant to be replaced, once for each language."""
    told: set[str] = set()
    for foreign in _SILENT:
        match = foreign.pattern.search(text)
        if match is not None and foreign.language not in told:
            told.add(foreign.language)
            yield foreign, match
