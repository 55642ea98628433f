"""Puts a macro's plain arguments straight in their places.

`{{ button(brand.url, "Visit us") }}` then leaves `<a href="{{ brand.url }}">` behind, as if written by hand:
a link whose address is known when the version is prepared, and one step less for every message.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from messaging.rendering.pieces import Kind, Piece, lexer

_PATH = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*")
_CONSTANT = re.compile(r"""\d+|"[^"\\\n]*"|'[^'\\\n]*'""")
_ASSIGNING = ("set", "for", "with")


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
