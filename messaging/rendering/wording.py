"""Filters over text."""

from __future__ import annotations

import operator
import textwrap
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from messaging.rendering.run import Run, text_of


def soft(value: Any) -> str:
    """A value as text; captured HTML stays what it is."""
    return value if isinstance(value, Markup) else text_of(value)


def method(name: str) -> Callable[..., Any]:
    """A method of text as a filter."""
    call_method: Callable[[str], str] = operator.methodcaller(name)

    def call(run: Run, value: Any, /) -> str:
        return call_method(soft(value))

    call.__name__ = name
    return call


def replace(run: Run, value: Any, /, old: str, new: str, count: int = -1) -> str:
    text, new = soft(value), soft(new)
    if isinstance(text, Markup):
        old, new = escape(old), escape(new)
    run.spend(len(text) + text.count(old) * len(new) >> 3)
    return text.replace(old, new, count)


def truncate(
    run: Run, value: Any, /, length: int = 255, killwords: bool = False, end: str = "…", leeway: int = 5
) -> str:
    text = text_of(value)
    if len(text) <= length + leeway:
        return text
    cut = text[: max(0, length - len(end))]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


def indent(run: Run, value: Any, /, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text, space = soft(value), " " * min(int(width), 80)
    run.spend(len(text) + text.count("\n") * len(space) >> 3)
    lines = text.split("\n")
    moved = [space + line if (line or blank) and (index or first) else line for index, line in enumerate(lines)]
    return (Markup("\n") if isinstance(text, Markup) else "\n").join(moved)


def escape_(run: Run, value: Any, /) -> str:
    if not run.html:
        return text_of(value)
    return value if isinstance(value, Markup) else escape(text_of(value))


def nl2br(run: Run, value: Any, /) -> str:
    """Line breaks that are seen in HTML too."""
    if not run.html:
        return text_of(value)
    return escape(text_of(value)).replace("\n", Markup("<br>\n"))


def striptags(run: Run, value: Any, /) -> str:
    """Text without tags and comments; what is never closed stays."""
    text = text_of(value)
    run.spend(len(text))
    kept: list[str] = []
    position = 0
    # What is not there from here on is not there later: each search for an end fails once at most.
    comments = tags = True
    while (start := text.find("<", position)) >= 0:
        end = -1
        if comments and text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            comments = end >= 0
            end = end + 3 if comments else -1
        if end < 0 and tags:
            end = text.find(">", start + 1) + 1 or -1
            tags = end >= 0
        if end < 0:
            break
        kept.append(text[position:start])
        position = end
    return " ".join("".join([*kept, text[position:]]).split())


def urlencode(run: Run, value: Any, /) -> str:
    if type(value) is not str and isinstance(value, Mapping):
        return "&".join(f"{quote(text_of(k), safe='')}={quote(text_of(v), safe='')}" for k, v in value.items())
    return _quoted(text_of(value))


@lru_cache(1024)
def _quoted(text: str) -> str:
    """A message often has one value in several addresses."""
    return quote(text, safe="/")


def wordwrap(run: Run, value: Any, /, width: int = 79) -> str:
    """Lines of at most `width` characters, broken between words where there are any."""
    text, width = text_of(value), max(1, min(width, 1000))
    # A word without end is copied once for every line it fills.
    run.spend(len(text) + (len(text) ** 2 // width >> 14))
    return "\n".join(_wrapped(line.expandtabs(), width) for line in text.split("\n"))


def _wrapped(line: str, width: int) -> str:
    # Blanks that fill the first line are left out: textwrap would look at them again for every one of them.
    words = line.lstrip()
    return textwrap.fill(words if len(line) - len(words) >= width else line, width)
