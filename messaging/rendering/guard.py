"""Puts the counting into a template's syntax tree, and keeps out of it what templates may not do.

`refuse` looks at what a person wrote; `guard` changes what is about to be compiled: every loop, filter,
comparison and join then goes through functions that know the message's `Run`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, cast

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer, NodeVisitor

from messaging.errors import TemplateError
from messaging.rendering.environment import RUN, TESTS

_UNAVAILABLE: dict[type[nodes.Node], str] = {
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Include: "include",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.ScopedEvalContextModifier: "autoescape",
}
#: Filters of Jinja2 that are left out, and what to do instead.
_INSTEAD = {
    "safe": "values are never markup; write the markup in the template",
    "format": "join with ~, or use money, number, date",
    "attr": "write a.b",
    "xmlattr": "write the attributes out",
    "random": "every reader of a version sees the same",
    "center": "use CSS",
    "pprint": "use tojson",
    "urlize": "write the link out",
}


#: Jinja2's own names for what is resolved before, or left out.
RESERVED = ("self", "super", "caller", "varargs", "kwargs")
#: Methods of tables that are filters here.
_TABLE_FILTERS = {"items": "items", "keys": "list"}


def refuse(tree: nodes.Template, environment: Environment) -> list[tuple[int, str, str | None]]:
    """What in `tree` is not available to templates: (line, problem, hint)."""
    visitor = _Refuse(environment)
    visitor.visit(tree)
    return visitor.problems


class _Refuse(NodeVisitor):
    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.problems: list[tuple[int, str, str | None]] = []

    def generic_visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> None:
        if type(node) in _UNAVAILABLE:
            self._add(node, f"{{% {_UNAVAILABLE[type(node)]} %}} is not available here")
        super().generic_visit(node, *args, **kwargs)

    def visit_Name(self, node: nodes.Name) -> None:
        self._name(node, node.name)

    def visit_Getattr(self, node: nodes.Getattr) -> None:
        self._name(node, node.attr)
        self.generic_visit(node)

    def visit_For(self, node: nodes.For) -> None:
        if node.recursive:
            self._add(node, "recursive loops are not available", "write one loop inside the other")
        self.generic_visit(node)

    def visit_Filter(self, node: nodes.Filter) -> None:
        if node.name.startswith("_") or node.name not in self._environment.filters:
            hint = _INSTEAD.get(node.name) or _nearest(node.name, self._environment.filters)
            self._add(node, f"there is no filter {node.name!r}", hint)
        self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> None:
        if node.name not in self._environment.tests:
            self._add(node, f"there is no test {node.name!r}", _nearest(node.name, TESTS))
        self.generic_visit(node)

    def _name(self, node: nodes.Node, name: str) -> None:
        if name.startswith("_") or (isinstance(node, nodes.Name) and name in RESERVED):
            self._add(node, f"{name!r} is not available here")

    def _add(self, node: nodes.Node, problem: str, hint: str | None = None) -> None:
        self.problems.append((node.lineno, problem, hint))


def _nearest(name: str, known: Any) -> str | None:
    close = get_close_matches(name, [word for word in known if not word.startswith("_")], 1)
    return f"did you mean {close[0]!r}?" if close else None


def guard(tree: nodes.Template) -> nodes.Template:
    """`tree` with the counting put in."""
    guarded = _Guard().visit(tree)
    assert isinstance(guarded, nodes.Template)
    return guarded


class _Guard(NodeTransformer):
    def __init__(self) -> None:
        self._captures = 0
        self._temporaries = 0

    def visit_For(self, node: nodes.For) -> nodes.Node:
        if node.recursive:
            raise TemplateError("recursive loops are not available")
        weight = nodes.Const(_weight(node))
        self.generic_visit(node)
        node.iter = _through("_loop", node.iter, weight)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        # Called, it can only be the method: a field named `items` is a list.
        table = node.node
        if isinstance(table, nodes.Getattr) and table.attr in _TABLE_FILTERS and not (node.args or node.kwargs):
            name = _TABLE_FILTERS[table.attr]
            return cast(
                nodes.Node,
                self.visit(nodes.Filter(table.node, name, [], [], None, None, lineno=node.lineno)),
            )
        self.generic_visit(node)
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:
        self.generic_visit(node)
        assert node.node is not None
        return _filter(node, [node.node, *node.args])

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _through("_concat", *node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        # Only lists and texts on both sides cost more than a step: a constant on one side bounds the other.
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        if sum(not isinstance(side, nodes.Const) for side in sides) > 1 or node.ops[0].op in ("in", "notin"):
            if not isinstance(node.expr, nodes.Const):
                node.expr = _through("_weigh", node.expr)
            for operand in node.ops:
                if not isinstance(operand.expr, nodes.Const):
                    operand.expr = _through("_weigh", operand.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _through("_weigh", node.node)
        elif not isinstance(node.arg, nodes.Const):
            node.arg = _through("_key", node.arg)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:
        self.generic_visit(node)
        if not isinstance(node.key, nodes.Const):
            node.key = _through("_key", node.key)
        return node

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> list[nodes.Node]:
        # The text is captured under a name, so that the filter is one like any other.
        name = self._temporary()
        capture = nodes.AssignBlock(nodes.Name(name, "store"), None, node.body, lineno=node.lineno)
        output = nodes.Output([_applied(node.filter, name)], lineno=node.lineno)
        return [self.visit(capture), self.visit(output)]

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node | list[nodes.Node]:
        if node.filter is not None:
            name = self._temporary()
            capture = nodes.AssignBlock(nodes.Name(name, "store"), None, node.body, lineno=node.lineno)
            assign = nodes.Assign(node.target, _applied(node.filter, name), lineno=node.lineno)
            return [self.visit(capture), self.visit(assign)]
        self._captures += 1
        self.generic_visit(node)
        self._captures -= 1
        return node

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        if self._captures:
            # What is captured is not seen by the count of the output.
            node.nodes = [
                child if isinstance(child, nodes.TemplateData) else _through("_capture", child) for child in node.nodes
            ]
        return node

    def _temporary(self) -> str:
        self._temporaries += 1
        return f"_t{self._temporaries}"


def _through(name: str, value: nodes.Node, *more: nodes.Expr) -> nodes.Filter:
    """`value` through an internal filter."""
    run = nodes.Name(RUN, "load", lineno=value.lineno)
    return nodes.Filter(run, name, [cast(nodes.Expr, value), *more], [], None, None, lineno=value.lineno)


def _filter(node: nodes.Filter, arguments: list[nodes.Expr]) -> nodes.Filter:
    run = nodes.Name(RUN, "load", lineno=node.lineno)
    return nodes.Filter(run, node.name, arguments, node.kwargs, node.dyn_args, node.dyn_kwargs, lineno=node.lineno)


def _applied(filter_node: nodes.Filter, name: str) -> nodes.Filter:
    """The chain of filters of a block, applied to the captured text."""
    inner = filter_node
    while isinstance(inner.node, nodes.Filter):
        inner = inner.node
    inner.node = nodes.Name(name, "load", lineno=filter_node.lineno)
    return filter_node


def _weight(node: nodes.For) -> int:
    """What one turn costs: the nodes it may run, and the text it writes."""
    weight = 1
    for child in node.find_all(nodes.Node):
        weight += 1
        if isinstance(child, nodes.TemplateData):
            weight += len(child.data) >> 5
    return weight
