"""Tells when a source is written in another template language, so that the error can say so."""

from __future__ import annotations

import re

#: In order: the first that is found is named. A pattern must not match anything a Jinja2 author would write.
_LANGUAGES = (
    ("Handlebars", re.compile(r"\{\{~?\s*(?:[#/^]\s*\w|&|>|!|else\b)|\{\{\{")),
    (
        "Liquid",
        re.compile(
            r"\{%-?\s*(?:assign|unless|endunless|elsif|case|when|capture|increment|tablerow|liquid)\b"
            r"|\{\{[^{}|]*\|\s*\w+\s*:"
        ),
    ),
    ("Mailchimp's merge tags", re.compile(r"\*\|[A-Z][A-Z0-9_:]*\|\*")),
    ("ERB or EJS", re.compile(r"<%[=-]?\s")),
    ("Twig", re.compile(r"\{\{[^{}]*\?\?[^{}]*\}\}|\{%-?\s*embed\b")),
)
_MAILCHIMP = _LANGUAGES[2][1]


def other_language(source: str) -> str | None:
    """The name of the language `source` seems to be written in; None: nothing speaks against Jinja2."""
    for name, pattern in _LANGUAGES:
        if pattern.search(source):
            return name
    return None


def merge_tag(source: str) -> re.Match[str] | None:
    """The first Mailchimp merge tag: it is no error in Jinja2, it would go out as it stands."""
    return _MAILCHIMP.search(source)
