"""A template source cut into pieces: text, statements, outputs, each with the file and line it came from.

The layer under everything that works on sources before Jinja2 compiles them. Jinja2's own lexer does the
cutting, so that whitespace control, comments and raw blocks mean here what they mean there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

from jinja2 import Environment, TemplateSyntaxError
from jinja2.lexer import Lexer

from messaging.errors import TemplateError
from messaging.rendering.foreign import Foreign, unreadable


class Kind(Enum):
    """What a piece is."""

    DATA = "data"  # text as it stands
    STATEMENT = "statement"  # {% … %}
    OUTPUT = "output"  # {{ … }}
    CODE = "code"  # Jinja2 source taken as one: a whole {% set %} block


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a source. `text` is without its delimiters, except for `CODE`. Line 0: no person wrote it."""

    kind: Kind
    text: str
    file: str
    line: int

    @property
    def word(self) -> str:
        """The first word of a statement: `for`, `endif`."""
        match = re.match(r"\w+", self.text)
        return match[0] if match else ""


@cache
def lexer() -> Lexer:
    """Jinja2's lexer with its standard delimiters."""
    return Environment().lexer  # noqa: S701 - it only cuts, nothing is rendered


def cut(source: str, file: str, line: int = 1) -> list[Piece]:
    """The pieces of `source`, which begins at `line` of `file`.

    Raises:
        TemplateError: with file and line; it says so when the source is in another template language.
    """
    pieces: list[Piece] = []
    code: list[str] | None = None
    began = 0
    try:
        for number, lexeme, value in lexer().tokeniter(source, None, file):
            if lexeme in ("block_begin", "variable_begin"):
                code, began = [], number
            elif lexeme in ("block_end", "variable_end"):
                kind = Kind.STATEMENT if lexeme == "block_end" else Kind.OUTPUT
                pieces.append(Piece(kind, "".join(code or ()).strip(), file, began + line - 1))
                code = None
            elif code is not None:
                code.append(value)
            elif lexeme == "data" and value:
                pieces.append(Piece(Kind.DATA, value, file, number + line - 1))
    except TemplateSyntaxError as error:
        raise syntax_error(error.message or "syntax error", file, error.lineno, source, line) from None
    if code is not None:
        raise syntax_error("a {{ or {% is never closed", file, began, source, line)
    return pieces


def syntax_error(message: str, file: str, number: int, source: str, line: int = 1) -> TemplateError:
    """The error for a `source` that Jinja2 cannot read in its line `number`; it begins at `line` of `file`."""
    other = unreadable(source, number)
    if other is not None:
        return written_in(other, message, file, number + line - 1)
    return TemplateError(message, file=file, line=number + line - 1)


def written_in(other: Foreign, message: str, file: str, line: int) -> TemplateError:
    """The error for a source in another language, at which Jinja2 says `message`."""
    problem = f"this is written in {other.language}; templates here are Jinja2"
    return TemplateError(
        f"{problem} ({message})" if message else problem, file=file, line=line, hint=f"write {other.ours}"
    )


#: What ends a text so that it would run into a delimiter after it, or is one itself (it came from a raw
#: block).
_DELIMITER = re.compile(r"\{(?=[{%#]|$)")
_MARK = re.compile(r"\{#@([^\n]*):(\d+)\n#\}")


def without_marks(source: str) -> str:
    """A written source without the comments that say where things are from."""
    return _MARK.sub("", source)


def quote(text: str) -> str:
    """`text` as Jinja2 source that renders to it."""
    return _DELIMITER.sub("{{ '{' }}", text) if "{" in text else text


def write(pieces: Iterable[Piece]) -> str:
    """The pieces as one Jinja2 source.

    Before a statement or output from another place than the one before it stands a comment that says where it
    is from; the newline in it puts each on a line of its own, so that Jinja2's line numbers lead back
    (`origin`).
    """
    writer = Writer()
    return "".join(quote(piece.text) if piece.kind is Kind.DATA else writer.code(piece) for piece in pieces)


class Writer:
    """Writes code with a mark wherever its place changes."""

    def __init__(self) -> None:
        self._place: tuple[str, int] | None = None

    def code(self, piece: Piece, source: str | None = None) -> str:
        """The piece, or `source` in its stead, marked if it comes from another place than the one before."""
        if source is None:
            source = source_of(piece)
        place = (piece.file, piece.line)
        if place == self._place or not piece.line:
            return source
        # A set block has marks of its own inside.
        self._place = None if piece.kind is Kind.CODE else place
        return mark(piece) + source


def mark(piece: Piece) -> str:
    """The comment that says where a piece is from."""
    file = piece.file.replace("\n", " ").replace("#}", "# }")
    return f"{{#@{file}:{piece.line}\n#}}"


def source_of(piece: Piece) -> str:
    """A piece with its delimiters."""
    if piece.kind is Kind.STATEMENT:
        return f"{{% {piece.text} %}}"
    if piece.kind is Kind.OUTPUT:
        return f"{{{{ {piece.text} }}}}"
    return piece.text if piece.kind is Kind.CODE else quote(piece.text)


class Origins:
    """Leads from a line of a written source back to the file and line a person knows."""

    def __init__(self, source: str) -> None:
        self._marks: list[tuple[int, str, int]] = []
        line, position = 1, 0
        for match in _MARK.finditer(source):
            line += source.count("\n", position, match.end())
            position = match.end()
            self._marks.append((line, match[1], int(match[2])))

    def of(self, line: int | None) -> tuple[str | None, int | None]:
        """File and line for a line of the written source."""
        found: tuple[str | None, int | None] = (None, None)
        for first, file, number in self._marks:
            if line is not None and first > line:
                break
            found = (file, number)
        return found


def lines_alone(pieces: Sequence[Piece]) -> list[Piece]:
    """For plain text: a line that holds nothing but statements vanishes, with its newline."""
    lines: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece.kind is not Kind.DATA:
            lines[-1].append(piece)
            continue
        line = piece.line
        for text in re.findall(r"[^\n]*\n|[^\n]+", piece.text):
            lines[-1].append(Piece(Kind.DATA, text, piece.file, line))
            if text.endswith("\n"):
                lines.append([])
                line += 1
    return [piece for line_pieces in lines for piece in _without_blank(line_pieces)]


def _without_blank(line: list[Piece]) -> list[Piece]:
    statements = [piece for piece in line if piece.kind in (Kind.STATEMENT, Kind.CODE)]
    rest = [piece for piece in line if piece.kind in (Kind.DATA, Kind.OUTPUT)]
    if statements and all(piece.kind is Kind.DATA and not piece.text.strip() for piece in rest):
        return statements
    return line
