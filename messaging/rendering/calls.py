"""Calls of macros, resolved before Jinja2 compiles: reads calls, parameters and names of files, and puts plain
arguments straight in their places.

`{{ button(brand.url, "Visit us") }}` then leaves `<a href="{{ brand.url }}">` behind, as if written by hand: a link
whose address is known when the version is prepared, and one step less for every message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError

from messaging.errors import TemplateError
from messaging.rendering.pieces import Kind, Piece, lexer

_CALL = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?)\s*\((.*)\)\s*", re.DOTALL)
_OPEN, _CLOSE = "([{", ")]}"
_PATH = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*")
_CONSTANT = re.compile(r"""\d+|"[^"\\\n]*"|'[^'\\\n]*'""")
_ASSIGNING = ("set", "for", "with")


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


def bind(body: Sequence[Piece], bindings: dict[str, str]) -> tuple[list[Piece], dict[str, str]]:
    """`body` with paths and constants in the places of their parameters; and the bindings that are left.

    A parameter stays one when its argument is computed, or when the body gives its name, or the name that its
    argument begins with, another meaning.
    """
    taken = set().union(*(_assigned(piece) for piece in body))
    plain = {name: value for name, value in bindings.items() if _is_plain(value) and name not in taken}
    while True:
        left = bindings.keys() - plain.keys()
        clash = [name for name, value in plain.items() if value.partition(".")[0] in taken | left]
        if not clash:
            break
        for name in clash:
            del plain[name]
    rest = {name: value for name, value in bindings.items() if name not in plain}
    return ([_with_values(piece, plain) for piece in body] if plain else list(body)), rest


def _is_plain(value: str) -> bool:
    return bool(_PATH.fullmatch(value) or _CONSTANT.fullmatch(value))


def _assigned(piece: Piece) -> set[str]:
    """The names that a piece gives a meaning to: the targets of `set`, `for` and `with`."""
    if piece.kind is Kind.CODE:
        return {name for _, name in _names(piece.text)}
    if piece.kind is not Kind.STATEMENT or piece.word not in _ASSIGNING:
        return set()
    targets = piece.text
    if piece.word == "for":
        targets = re.split(r"\sin\s", piece.text, maxsplit=1)[0]
    elif piece.word == "set":
        targets = piece.text.partition("=")[0]
    return {name for _, name in _names(f"{{% {targets} %}}")}


def _names(source: str) -> Iterable[tuple[str, str]]:
    return ((kind, value) for _, kind, value in lexer().tokeniter(source, None) if kind == "name")


def _with_values(piece: Piece, values: dict[str, str]) -> Piece:
    if piece.kind is Kind.DATA or not any(name in piece.text for name in values):
        return piece
    source = piece.text if piece.kind is Kind.CODE else f"{{{{{piece.text}\n}}}}"
    tokens = [(kind, value) for _, kind, value in lexer().tokeniter(source, None)]
    parts = []
    for position, (kind, value) in enumerate(tokens):
        if kind == "name" and value in values and _stands_alone(tokens, position):
            value = values[value]
        parts.append(value)
    text = "".join(parts)
    if piece.kind is not Kind.CODE:
        text = text[2:-2].strip()
    return Piece(piece.kind, text, piece.file, piece.line)


def _stands_alone(tokens: Sequence[tuple[str, str]], position: int) -> bool:
    """Whether a name is a variable here: no field, filter, test, nor the name of an argument."""
    before = next((value for kind, value in reversed(tokens[:position]) if kind != "whitespace"), "")
    after = next((value for kind, value in tokens[position + 1 :] if kind != "whitespace"), "")
    return before not in (".", "|", "is") and after != "="
