"""What names stand for, as far as it is written in the template itself: for the names of links in reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import Environment, TemplateError, nodes

from messaging.rendering.pieces import Kind, Piece
from messaging.rendering.shelter import Shelter, number_of

_PARSER = Environment()  # noqa: S701 - it only parses, nothing is rendered


class Constants:
    """Names bound by `{% set %}` and `{% with %}` to constants, read along a sheltered source."""

    def __init__(self, text: str, keeper: Shelter, brand: Mapping[str, Any]) -> None:
        self._codes = list(keeper.pattern.finditer(text))
        self._items = keeper.items
        self._next = 0
        self._scopes: list[dict[str, Any]] = [{"brand": brand}]

    def learn(self, pieces: Iterable[Piece]) -> None:
        """Take in statements that stand before the source."""
        for piece in pieces:
            self._statement(piece)

    def read_to(self, position: int) -> None:
        """Read the statements up to `position` of the source."""
        while self._next < len(self._codes) and self._codes[self._next].start() < position:
            self._statement(self._items[number_of(self._codes[self._next])].piece)
            self._next += 1

    def value(self, expression: str) -> Any:
        """The value of an expression if it is constant here, else None."""
        try:
            tree = _PARSER.parse(f"{{{{ {expression} }}}}")
        except TemplateError:
            return None
        output = tree.find(nodes.Output)
        return self._constant(output.nodes[0]) if output is not None and len(output.nodes) == 1 else None

    def _statement(self, piece: Piece) -> None:
        if piece.kind is not Kind.STATEMENT:
            return
        if piece.word == "endwith" and len(self._scopes) > 1:
            self._scopes.pop()
        elif piece.word == "with":
            self._scopes.append({})
            self._bind(f"{{% {piece.text} %}}{{% endwith %}}")
        elif piece.word == "set":
            self._bind(f"{{% {piece.text} %}}")

    def _bind(self, source: str) -> None:
        try:
            tree = _PARSER.parse(source)
        except TemplateError:
            return
        scope = self._scopes[-1]
        pairs: list[tuple[nodes.Node, nodes.Node]] = []
        for bound in tree.find_all(nodes.With):
            pairs += zip(bound.targets, bound.values, strict=True)
        pairs += ((assigned.target, assigned.node) for assigned in tree.find_all(nodes.Assign))
        for target, value in pairs:
            if isinstance(target, nodes.Name):
                scope[target.name] = self._constant(value)

    def _constant(self, node: nodes.Node) -> Any:
        if isinstance(node, nodes.Name):
            for scope in reversed(self._scopes):
                if node.name in scope:
                    return scope[node.name]
            return None
        if isinstance(node, nodes.Getattr):
            table = self._constant(node.node)
            return table.get(node.attr) if isinstance(table, Mapping) else None
        if isinstance(node, (nodes.Const, nodes.Dict, nodes.List)):
            try:
                return node.as_const()
            except nodes.Impossible:
                return None
        return None
