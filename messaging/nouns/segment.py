"""A segment: a named true/false expression over a customer and their history."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A segment as written in `segments/<name>.toml`."""

    name: str
    #: The expression, as Jinja2 writes expressions.
    where: str
    description: str = ""
    #: The file, and the line and column (from 1) where the text of `where` begins, for messages about it.
    file: str = ""
    line: int = 1
    column: int = 1
