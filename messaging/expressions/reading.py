"""From text to Jinja2's syntax tree, with a place for every node.

Jinja2's own lexer and parser read the text; nothing is compiled or run by it. Its nodes only know their
line, so the tokens are given their offset in its place: every node and every error then says where it is,
to the column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.lexer import Token, TokenStream
from jinja2.parser import Parser

from messaging.errors import ExpressionError

#: Longest expression, in characters: a list of some thousand article numbers still fits.
MAX_LENGTH = 100_000
#: Deepest nesting of brackets, and of what stands in one another.
MAX_DEPTH = 40

_ENVIRONMENT = Environment(autoescape=True)

#: What people write who come from SQL, JavaScript or Liquid -> what to do.
_HABITS = {
    "AND": "write it small: and",
    "OR": "write it small: or",
    "NOT": "write it small: not",
    "IN": "write it small: in",
    "IS": "write it small: is",
    "LIKE": "for a part of a text write: 'part' in name",
    "BETWEEN": "write: 1 <= name <= 5",
    "contains": "write: 'part' in name",
    "null": "write: name is defined, or: name is not defined",
    "NULL": "write: name is defined, or: name is not defined",
    "=": "compare with ==",
    "&": "write: and",
    "|": "a single | applies a filter; for either of two write: or",
    "!": "write: not, or != to compare",
    ">": "unequal is written !=",
    "'": "the quote is never closed",
    '"': "the quote is never closed",
    "{": "write the expression alone, without {{ }} or {% %}",
    "}": "write the expression alone, without {{ }} or {% %}",
    "}}": "write the expression alone, without {{ }} or {% %}",
    "%}": "write the expression alone, without {{ }} or {% %}",
}


_EXPECTED = re.compile(r"expected (?:token )?('[^']+')")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An expression's text, and the line and column (from 1) of its first character."""

    text: str
    file: str | None = None
    line: int = 1
    column: int = 1

    def error(self, offset: int, problem: str, hint: str | None = None) -> ExpressionError:
        """The error to raise about the character at `offset`."""
        before = self.text[: max(0, offset)]
        lines = before.count("\n")
        column = len(before) - before.rfind("\n") if lines else self.column + len(before)
        return ExpressionError(problem, file=self.file, line=self.line + lines, column=column, hint=hint)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """A hint with the known name that is most like `name`, if one is like it."""
    names = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"did you mean {names[close[0]]}?" if close else None


def habit(text: str) -> str | None:
    """What to write instead of something from another language."""
    return _HABITS.get(text)


def read(source: Source) -> nodes.Expr:
    """The syntax tree; each node's `lineno` is its offset in the text.

    Raises:
        ExpressionError: it is not one expression.
    """
    if not source.text.strip():
        raise source.error(0, "the expression is empty", "write a condition, like: orders.count >= 2")
    if len(source.text) > MAX_LENGTH:
        raise source.error(0, f"the expression is longer than {MAX_LENGTH:,} characters")
    parser = Parser(_ENVIRONMENT, "")
    try:
        parser.stream = TokenStream(iter(list(_tokens(source))), None, None)
        expression = parser.parse_expression()
    except TemplateSyntaxError as error:
        raise _unreadable(source, error) from None
    except RecursionError:
        raise source.error(0, "the expression is nested too deeply") from None
    rest = parser.stream.current
    if not parser.stream.eos:
        word = source.text[rest.lineno :].split(None, 1)[0]
        raise source.error(rest.lineno, f"unexpected {_short(word)} after the expression", habit(str(rest.value)))
    return expression


def _tokens(source: Source) -> Iterator[Token]:
    """Jinja2's tokens, with offsets for line numbers and exact decimals for floats."""
    pieces: dict[int, str] = {}
    for token in _ENVIRONMENT.lexer.wrap(_pieces(source, pieces), None, None):
        if token.type == "float":
            exact = _decimal(source, token.lineno, pieces[token.lineno])
            yield Token(token.lineno, "float", exact)  # type: ignore[arg-type] # floats have floats there
        else:
            yield token


def _pieces(source: Source, pieces: dict[int, str]) -> Iterator[tuple[int, str, str]]:
    offset = depth = 0
    stream = _ENVIRONMENT.lexer.tokeniter(source.text, None, None, "variable")
    while True:
        try:
            _, kind, text = next(stream)
        except StopIteration:
            return
        except TemplateSyntaxError:
            character = source.text[offset : offset + 1]
            raise source.error(offset, f"unexpected {_short(character)}", habit(character)) from None
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        if depth > MAX_DEPTH:
            raise source.error(offset, f"more than {MAX_DEPTH} brackets in one another")
        if kind == "integer" and len(text) > 200:
            raise source.error(offset, "the number has too many digits")
        pieces[offset] = text
        yield offset, kind, text
        offset += len(text)


def _decimal(source: Source, offset: int, text: str) -> Decimal:
    try:
        return Decimal(text.replace("_", ""))
    except InvalidOperation:
        raise source.error(offset, f"{_short(text)} is not a number") from None


def _unreadable(source: Source, error: TemplateSyntaxError) -> ExpressionError:
    offset = error.lineno
    text = source.text
    while offset < len(text) and text[offset].isspace():
        offset += 1
    message = (error.message or "").rstrip(".")
    if "end of" in message:
        return source.error(len(text.rstrip()), "the expression ends too early", _missing(message))
    word = text[offset : offset + 1]
    return source.error(offset, f"unexpected {_short(word)}", habit(word) or _missing(message))


def _missing(message: str) -> str | None:
    """What Jinja2 expected, if it says so."""
    expected = _EXPECTED.findall(message)
    return f"expected {expected[-1]}" if expected and "end of" not in expected[-1] else None


def _short(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:29] + "…")
