"""Reads the few Jinja2 statements that are resolved before Jinja2 compiles: calls, parameters, names of
files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError

from messaging.errors import TemplateError
from messaging.rendering.pieces import Piece, lexer

_CALL = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*\((.*)\)\s*", re.DOTALL)
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call, as source text."""

    positional: tuple[str, ...]
    named: dict[str, str]

    def bind(self, piece: Piece, name: str, takes: dict[str, str | None]) -> dict[str, str]:
        """Parameter -> source of its value, as Python would bind them.

        Raises:
            TemplateError: one too many, unknown, or missing.
        """
        if len(self.positional) > len(takes):
            raise TemplateError(
                f"{name}() takes {len(takes)} arguments, not {len(self.positional)}",
                file=piece.file,
                line=piece.line,
            )
        bound = dict(zip(takes, self.positional, strict=False))
        for key, value in self.named.items():
            if key not in takes or key in bound:
                problem = "twice" if key in bound else "which it does not have"
                raise TemplateError(f"{name}() gets {key!r} {problem}", file=piece.file, line=piece.line)
            bound[key] = value
        for key, default in takes.items():
            if key not in bound:
                if default is None:
                    raise TemplateError(f"{name}() needs {key!r}", file=piece.file, line=piece.line)
                bound[key] = default
        return bound


def read_call(piece: Piece) -> tuple[str, Arguments] | None:
    """Name and arguments, if the piece is nothing but a call: `button("Go", href=url)`."""
    match = _CALL.fullmatch(piece.text)
    if match is None:
        return None
    positional: list[str] = []
    named: dict[str, str] = {}
    try:
        for lexemes in _split(match[2]):
            words = [value for lexeme, value in lexemes if lexeme != "whitespace"]
            if not words:
                continue
            if len(words) > 2 and words[1] == "=":
                named[words[0]] = "".join(value for _, value in lexemes).split("=", 1)[1].strip()
            else:
                positional.append("".join(value for _, value in lexemes).strip())
    except (TemplateSyntaxError, ValueError):
        # Not one call after all: `f(a) + g(b)`. What it is, Jinja2 will say.
        return None
    return match[1], Arguments(tuple(positional), named)


def parameters(piece: Piece) -> tuple[str, dict[str, str | None]]:
    """Name and parameters (with the source of their defaults) of a `macro name(a, b="x")`."""
    call = read_call(Piece(piece.kind, piece.text.removeprefix("macro").strip(), piece.file, piece.line))
    if call is None:
        raise TemplateError(f"cannot read {piece.text!r}", file=piece.file, line=piece.line)
    name, arguments = call
    takes: dict[str, str | None] = dict.fromkeys(arguments.positional)
    takes.update(arguments.named)
    for parameter in takes:
        if not parameter.isidentifier() or parameter.startswith("_"):
            raise TemplateError(f"{parameter!r} cannot name a parameter", file=piece.file, line=piece.line)
    return name, takes


def literal_names(piece: Piece) -> list[str]:
    """The file names that a piece writes out: `"a.html"` or `["a.html", "b.html"]`."""
    text = piece.text.strip()
    match = re.fullmatch(r"[\[(]\s*(.*?)\s*,?\s*[\])]", text, re.DOTALL)
    names = []
    for part in match[1].split(",") if match else [text]:
        quoted = re.fullmatch(r"""\s*(?:"([^"\\\n]*)"|'([^'\\\n]*)')\s*""", part)
        if quoted is None:
            raise TemplateError(
                f"the file's name must be written out, not {text}",
                file=piece.file,
                line=piece.line,
                hint="the content of a version is fixed before it is sent",
            )
        names.append(quoted[1] if quoted[1] is not None else quoted[2])
    return names


def _split(text: str) -> Iterator[list[tuple[str, str]]]:
    """The lexemes of each argument.

    Raises:
        ValueError: brackets that do not match.
    """
    current: list[tuple[str, str]] = []
    depth = 0
    for _, lexeme, value in lexer().tokeniter(f"{{{{{text}\n}}}}", None):
        if lexeme in ("variable_begin", "variable_end"):
            continue
        if lexeme == "operator":
            depth += (value in _OPEN) - (value in _CLOSE)
            if depth < 0:
                raise ValueError("more brackets closed than opened")
            if value == "," and depth == 0:
                yield current
                current = []
                continue
        current.append((lexeme, value))
    yield current
