"""The expression language of segments and conditions: Jinja2's syntax, our own small meaning.

`parse` reads and checks a text against a `Schema`; `compile_python` makes a fast function of it;
`explain` says why somebody is in or out; a `SegmentLibrary` knows segments that ask about one another.
The tree is closed and typed, so another back end (SQL) is another visitor over it.
"""

from __future__ import annotations

from messaging.expressions.explaining import Explanation, explain
from messaging.expressions.facts import Subject
from messaging.expressions.library import SegmentLibrary
from messaging.expressions.parsing import Expression, parse
from messaging.expressions.python import Matcher, compile_python
from messaging.expressions.schema import EVENT_NAMES, Schema
from messaging.expressions.text import to_text

__all__ = [
    "EVENT_NAMES",
    "Explanation",
    "Expression",
    "Matcher",
    "Schema",
    "SegmentLibrary",
    "Subject",
    "compile_python",
    "explain",
    "parse",
    "to_text",
]
