"""MJML to HTML, and styles into the tags: what mail clients need, once per version, on sheltered sources."""

from __future__ import annotations

import re
from functools import cache

import css_inline
import mrml

from messaging.errors import TemplateError

#: Element, with the code words right after it, before a <tbody> that the parser put in.
_LATE_TBODY = re.compile(r"(<table\b[^>]*>)((?:\s*<!--j\w+-->)+\s*)<tbody>")
_PLACE = re.compile(r"(?:position|at|line)\D{0,3}(\d+)")


def mjml_to_html(source: str, file: str) -> str:
    """The HTML of an MJML document. Nothing is loaded: includes from files and fonts from the web are left
    out.

    Raises:
        TemplateError: it is no MJML.
    """
    options = mrml.ParserOptions(include_loader=mrml.noop_loader())
    try:
        output = mrml.to_html(source, options, mrml.RenderOptions(fonts={}))
    except OSError as error:
        raise TemplateError(f"not MJML: {error}", file=file, line=_line(str(error), source)) from None
    # mrml's tables have their <tbody>, so one that follows code in a table is the HTML parser's addition.
    return output.content


def inline_styles(source: str, file: str) -> str:
    """A whole HTML document with its style sheets moved into the tags; media queries stay in a sheet.

    Style sheets elsewhere (`<link>`) are not loaded: a message carries all it needs.

    Raises:
        TemplateError: it is no HTML that can be read.
    """
    try:
        result = _inliner().inline(source)
    except css_inline.InlineError as error:
        raise TemplateError(f"styles cannot be moved into the tags: {error}", file=file) from None
    if "<tbody" not in source.lower():
        # The parser puts them in where none were written: then a loop would begin outside of one and end
        # inside.
        result = re.sub(r"</?tbody>", "", result)
    else:
        result = _LATE_TBODY.sub(r"\1<tbody>\2", result)
    return result if result[:9].lower() == "<!doctype" else f"<!DOCTYPE html>{result}"


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(
        keep_style_tags=False, keep_at_rules=True, keep_link_tags=False, load_remote_stylesheets=False
    )


def _line(message: str, source: str) -> int | None:
    """The line that a parser's message speaks of, when it gives a position."""
    match = _PLACE.search(message)
    return source.count("\n", 0, int(match[1])) + 1 if match else None
