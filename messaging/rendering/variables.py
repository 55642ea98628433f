"""Walks through a template's syntax tree and says which values it uses that may not be there.

It follows names through loops, `with` and `set`, and knows what a condition has already tested: inside
`{% if order.url %}` the address is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from jinja2 import nodes

from messaging.rendering.fields import Field, near
from messaging.rendering.guard import RESERVED

#: (line, problem, hint, whether it is certain)
Found = Callable[[int, str, str | None, bool], None]

#: Findings that are explained: looking for what is meant takes time, and nobody reads on.
_EXPLAINED = 200
#: Filters that take a missing value.
_LENIENT = ("default", "d")
_TESTS = (
    "defined",
    "undefined",
    "none",
    "true",
    "false",
    "boolean",
    "string",
    "number",
    "mapping",
    "sequence",
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a name: where in the context its value comes from, and its shape."""

    path: str | None
    shape: Field


@dataclass(frozen=True, slots=True)
class _Scope:
    names: dict[str, _Known] = field(default_factory=dict)
    #: Paths that a condition has found to be there.
    tested: frozenset[str] = frozenset()

    def knowing(self, paths: Iterable[str]) -> _Scope:
        return replace(self, tested=self.tested | _with_parents(paths))


_OPEN = Field(open=True)


class Variables:
    """One walk. `used` has all paths that were met, `found` is told what is wrong."""

    def __init__(self, schema: Field, fallbacks: Collection[str], found: Found) -> None:
        self._schema = schema
        self._fallbacks = frozenset(fallbacks)
        self._found = found
        self._told: set[tuple[int, str]] = set()
        self.used: set[str] = set()

    def walk(self, tree: nodes.Template) -> None:
        """Look at a whole template."""
        self._body(tree.body, _Scope())

    def _body(self, body: list[nodes.Node], scope: _Scope) -> None:
        names = dict(scope.names)
        for node in body:
            inner = replace(scope, names=names)
            if isinstance(node, nodes.Output):
                for child in node.nodes:
                    self._expr(child, inner)
            elif isinstance(node, nodes.If):
                self._if(node, inner)
                self._forget(node, names)
            elif isinstance(node, nodes.For):
                self._for(node, inner)
            elif isinstance(node, nodes.With):
                bound = dict(names)
                for target, value in zip(node.targets, node.values, strict=True):
                    self._bind(target, value, inner, bound)
                self._body(node.body, replace(scope, names=bound))
            elif isinstance(node, nodes.Assign):
                self._bind(node.target, node.node, inner, names)
            elif isinstance(node, nodes.AssignBlock):
                self._body(node.body, inner)
                self._shape(node.target, _OPEN, names)
            elif isinstance(node, (nodes.FilterBlock, nodes.Scope)):
                self._body(node.body, inner)

    def _forget(self, node: nodes.If, names: dict[str, _Known]) -> None:
        """What a condition sets is known by name only afterwards."""
        for assign in node.find_all((nodes.Assign, nodes.AssignBlock)):
            self._shape(assign.target, _OPEN, names)  # type: ignore[attr-defined] # both have one

    def _if(self, node: nodes.If, scope: _Scope) -> None:
        self._expr(node.test, scope, lenient=True)
        self._body(node.body, scope.knowing(self._proves(node.test, scope, True)))
        otherwise = scope.knowing(self._proves(node.test, scope, False))
        for branch in node.elif_:
            self._expr(branch.test, otherwise, lenient=True)
            self._body(branch.body, otherwise.knowing(self._proves(branch.test, otherwise, True)))
            otherwise = otherwise.knowing(self._proves(branch.test, otherwise, False))
        self._body(node.else_, otherwise)

    def _for(self, node: nodes.For, scope: _Scope) -> None:
        self._expr(node.iter, scope)
        over = self._resolve(node.iter, scope)
        names = {**scope.names, "loop": _Known(None, _OPEN)}
        item = over.shape.items if over is not None else None
        if isinstance(node.target, nodes.Name) and item is not None and over is not None:
            path = f"{over.path}[]" if over.path else None
            names[node.target.name] = _Known(path, item)
        else:
            self._shape(node.target, _OPEN, names)
        inner = replace(scope, names=names)
        if node.test is not None:
            self._expr(node.test, inner, lenient=True)
            inner = inner.knowing(self._proves(node.test, inner, True))
        self._body(node.body, inner)
        self._body(node.else_, scope)

    def _bind(self, target: nodes.Node, value: nodes.Node, scope: _Scope, names: dict[str, _Known]) -> None:
        known = self._resolve(value, scope)
        # A name for a value: whether that is there matters where the name is used.
        self._expr(value, scope, lenient=True)
        if isinstance(target, nodes.Name) and known is not None:
            names[target.name] = known
        else:
            self._shape(target, _literal_shape(value), names)

    def _shape(self, target: nodes.Node, shape: Field, names: dict[str, _Known]) -> None:
        for name in [target, *target.find_all(nodes.Name)]:
            if isinstance(name, nodes.Name):
                names[name.name] = _Known(None, shape)

    def _expr(self, node: nodes.Node, scope: _Scope, *, lenient: bool = False) -> None:
        if isinstance(node, (nodes.Name, nodes.Getattr)) or _constant_item(node):
            self._use(node, scope, lenient)
        elif isinstance(node, nodes.Filter):
            takes_missing = node.name in _LENIENT
            if node.node is not None:
                self._expr(node.node, scope, lenient=takes_missing)
            for child in (*node.args, *(keyword.value for keyword in node.kwargs)):
                self._expr(child, scope, lenient=lenient and takes_missing)
        elif isinstance(node, nodes.Test):
            self._expr(node.node, scope, lenient=node.name in _TESTS)
            for child in node.args:
                self._expr(child, scope)
        elif isinstance(node, nodes.And):
            self._expr(node.left, scope, lenient=True)
            self._expr(node.right, scope.knowing(self._proves(node.left, scope, True)), lenient=lenient)
        elif isinstance(node, nodes.Or):
            self._expr(node.left, scope, lenient=True)
            self._expr(node.right, scope.knowing(self._proves(node.left, scope, False)), lenient=lenient)
        elif isinstance(node, nodes.Not):
            self._expr(node.node, scope, lenient=True)
        elif isinstance(node, nodes.CondExpr):
            self._expr(node.test, scope, lenient=True)
            self._expr(node.expr1, scope.knowing(self._proves(node.test, scope, True)), lenient=lenient)
            if node.expr2 is not None:
                other = scope.knowing(self._proves(node.test, scope, False))
                self._expr(node.expr2, other, lenient=lenient)
        elif isinstance(node, nodes.Compare):
            # A comparison with a missing value is false.
            for side in (node.expr, *(operand.expr for operand in node.ops)):
                self._expr(side, scope, lenient=True)
        elif isinstance(node, nodes.Call):
            # Of a method, the value it belongs to.
            owner = node.node.node if isinstance(node.node, nodes.Getattr) else node.node
            self._expr(owner, scope)
            for child in (*node.args, *(keyword.value for keyword in node.kwargs)):
                self._expr(child, scope)
        else:
            passed_on = lenient and isinstance(node, (nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair))
            for inner in node.iter_child_nodes():
                self._expr(inner, scope, lenient=passed_on)

    def _use(self, node: nodes.Node, scope: _Scope, lenient: bool) -> None:
        """A value is used: is there one of that name, and is it there?"""
        base, names = _chain(node)
        if base is None:
            for child in node.iter_child_nodes():
                self._expr(child, scope)
            return
        known = scope.names.get(base)
        if known is None:
            path, shape = "", self._schema
            names = [base, *names]
        else:
            path, shape = known.path or "", known.shape
        if known is not None and known.path and not names:
            self._there(node.lineno, known.path, shape, scope, lenient)
        for position, name in enumerate(names):
            below = shape.child(name)
            if below is None:
                if not shape.fields and known is None and not path:
                    return
                self._unknown(node.lineno, names[position:], path or (base if known else ""), shape)
                return
            written = f"{path}.{name}" if path else name if known is None else ""
            path, shape = written, below
            if path:
                self.used.add(path)
                self._there(node.lineno, path, shape, scope, lenient)

    def _there(self, line: int, path: str, shape: Field, scope: _Scope, lenient: bool) -> None:
        if not shape.optional or lenient or path in scope.tested or self._has_fallback(path):
            return
        if (line, path) in self._told:
            return
        self._told.add((line, path))
        shown = path.replace("[]", "")
        place = f'[fallbacks] "{path}" = …, ' if "[]" not in path else ""
        why = f": {shape.reason}" if shape.reason else ""
        self._found(
            line, f"{shown} may be missing{why}", f"give it {place}{{{{ … | default('…') }}}} or {{% if %}}", False
        )

    def _unknown(self, line: int, names: list[str], path: str, shape: Field) -> None:
        """The first of `names` is not in `shape`, which is what stands at `path`."""
        written = f"{path}.{names[0]}".replace("[]", "") if path else names[0]
        # Names that nobody may write are told of already (`guard.refuse`).
        if (line, written) in self._told or names[0].startswith("_") or (not path and names[0] in RESERVED):
            return
        self._told.add((line, written))
        meant = near(shape, names) if len(self._told) < _EXPLAINED else []
        if meant:
            hint = f"did you mean {' or '.join(map(repr, meant))}?"
        elif path:
            hint = f"there are: {', '.join(sorted(shape.fields)[:12])}" if shape.fields else "it has no fields"
        else:
            hint = "no event that sends this template brings it; name it in requires if a plugin does"
        self._found(line, f"there is no {written!r}", hint, True)

    def _has_fallback(self, path: str) -> bool:
        parts = path.split(".")
        return any(".".join(parts[:length]) in self._fallbacks for length in range(1, len(parts) + 1))

    def _resolve(self, node: nodes.Node, scope: _Scope) -> _Known | None:
        """Where the value of a plain path comes from, or of a list that is called for so many of its items."""
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
            called = self._resolve(node.node, scope)
            return called if called is not None and called.shape.items is not None else None
        base, names = _chain(node)
        if base is None:
            return None
        known = scope.names.get(base) or _Known(base, self._schema.child(base) or _OPEN)
        path, shape = known.path, known.shape
        for name in names:
            below = shape.child(name)
            if below is None:
                return _Known(None, _OPEN)
            path, shape = (f"{path}.{name}" if path else None), below
        return _Known(path, shape)

    def _proves(self, node: nodes.Node, scope: _Scope, holds: bool) -> set[str]:
        """The paths that are surely there when `node` is true (or, if not `holds`, false)."""
        if isinstance(node, nodes.Not):
            return self._proves(node.node, scope, not holds)
        if isinstance(node, (nodes.And, nodes.Or)):
            left = self._proves(node.left, scope, holds)
            right = self._proves(node.right, scope, holds)
            return left | right if isinstance(node, nodes.And) is holds else left & right
        if isinstance(node, nodes.Test):
            there = {"defined": True, "undefined": False, "none": False}.get(node.name)
            if node.name in ("string", "number", "mapping", "sequence"):
                there = True
            return self._paths(node.node, scope) if there is holds else set()
        if not holds:
            return set()
        if isinstance(node, nodes.Compare):
            sides = (node.expr, *(operand.expr for operand in node.ops))
            return set().union(*(self._paths(side, scope) for side in sides))
        if isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.node is not None:
            plain = not node.args and not node.kwargs
            return self._paths(node.node, scope) if plain else set()
        return self._paths(node, scope)

    def _paths(self, node: nodes.Node, scope: _Scope) -> set[str]:
        known = self._resolve(node, scope)
        return {known.path} if known is not None and known.path else set()


def _chain(node: nodes.Node) -> tuple[str | None, list[str]]:
    """`a.b["c"]` as ("a", ["b", "c"]); (None, []): it is no plain path."""
    names: list[str] = []
    while True:
        if isinstance(node, nodes.Name):
            return node.name, names[::-1]
        if isinstance(node, nodes.Getattr):
            names.append(node.attr)
            node = node.node
        elif isinstance(node, nodes.Getitem) and _constant_item(node):
            assert isinstance(node.arg, nodes.Const)
            names.append(node.arg.value)
            node = node.node
        else:
            return None, []


def _constant_item(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)


def _literal_shape(value: nodes.Node) -> Field:
    """The shape of a table or list that is written out."""
    if isinstance(value, nodes.Dict):
        fields: dict[str, Any] = {}
        for pair in value.items:
            if not isinstance(pair.key, nodes.Const):
                return _OPEN
            fields[str(pair.key.value)] = _literal_shape(pair.value)
        return Field(fields=fields)
    return _OPEN


def _with_parents(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        while path:
            found.add(path)
            path = path.rpartition(".")[0]
    return found
