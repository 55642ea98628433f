"""From Jinja2's syntax tree to ours: every node gets a type, what is not in the language is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, cast

from jinja2 import nodes

from messaging.errors import ExpressionError
from messaging.expressions import tree, values
from messaging.expressions.names import Names, place
from messaging.expressions.reading import MAX_DEPTH, Source, habit, nearest
from messaging.expressions.schema import FILTERS, TESTS, Schema
from messaging.expressions.tree import Constant, Node, Operator, Relation
from messaging.expressions.values import Type

_RELATIONS: dict[str, Relation] = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_ORDERINGS = ("<", "<=", ">", ">=")
_TIMES = (Type.DAY, Type.TIME)
#: Jinja2's word for a node -> what to call it when it is refused.
_REFUSED = {
    "Pow": "** (power)",
    "Dict": "a dictionary",
    "Tuple": "a tuple",
    "Slice": "a slice",
    "Getitem": "an index in brackets",
}


class Checker:
    """Checks one expression. Use `condition` for the whole of it."""

    def __init__(self, source: Source, schema: Schema) -> None:
        self._source = source
        self._names = Names(source, schema, self.value)
        self._depth = 0

    def condition(self, node: nodes.Expr) -> Node:
        """A node that is true or false."""
        checked = self.value(node)
        if checked.type is not Type.BOOLEAN:
            hint = "compare it, or ask: … is defined"
            raise self._error(node, f"{checked.type.words} is neither true nor false", hint)
        return checked

    def value(self, node: nodes.Expr) -> Node:
        """A node of any type."""
        kind = type(node).__name__
        rule = getattr(self, f"_{kind.lower()}", None) if isinstance(node, nodes.Expr) else None
        if rule is None:
            raise self._error(node, f"{_REFUSED.get(kind, kind)} is not part of the language")
        if self._depth >= MAX_DEPTH:
            raise self._error(node, f"more than {MAX_DEPTH} operations in one another", "make segments of the parts")
        self._depth += 1
        try:
            return cast(Node, rule(node))
        finally:
            self._depth -= 1

    # Names and constants

    def _name(self, node: nodes.Name) -> Node:
        return self._names.name(node)

    def _getattr(self, node: nodes.Getattr) -> Node:
        return self._names.attribute(node.node, node.attr, node)

    def _getitem(self, node: nodes.Getitem) -> Node:
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str) and node.arg.value:
            return self._names.attribute(node.node, node.arg.value, node)
        raise self._error(node, f"{_REFUSED['Getitem']} is not part of the language")

    def _call(self, node: nodes.Call) -> Node:
        return self._names.call(node)

    def _const(self, node: nodes.Const) -> Node:
        constant = node.value
        if constant is None:
            raise self._error(node, "nothing compares with none", "write: name is defined, or: name is not defined")
        if isinstance(constant, bool):
            return Constant(constant, Type.BOOLEAN)
        if isinstance(constant, str):
            if "\0" in constant or any("\ud800" <= character <= "\udfff" for character in constant):
                raise self._error(node, "the text has a character that no customer's data can have")
            return Constant(constant, Type.TEXT)
        number = values.number(constant)
        if number is None:
            raise self._error(node, f"the number is too large or has more than {values.DIGITS} digits")
        return Constant(Decimal(number), Type.NUMBER)

    # Conditions

    def _and(self, node: nodes.And) -> Node:
        return tree.And(tuple(self.condition(part) for part in _flat(node)))

    def _or(self, node: nodes.Or) -> Node:
        return tree.Or(tuple(self.condition(part) for part in _flat(node)))

    def _not(self, node: nodes.Not) -> Node:
        return tree.Not(self.condition(node.node))

    def _condexpr(self, node: nodes.CondExpr) -> Node:
        condition = self.condition(node.test)
        then = self.value(node.expr1)
        if node.expr2 is None:
            return tree.Choice(condition, then, None)
        then, otherwise = self._alike(then, self.value(node.expr2), node.expr2, "stand in for")
        return tree.Choice(condition, then, otherwise)

    def _test(self, node: nodes.Test) -> Node:
        if node.name not in TESTS:
            hint = "write: … in […]" if node.name == "in" else nearest(node.name, TESTS) or "there is: is defined"
            raise self._error(node, f"unknown test {node.name}", hint)
        if node.args or node.kwargs:
            raise self._error(node, f"is {node.name} takes no arguments")
        defined = tree.IsDefined(self.value(node.node))
        return defined if node.name == "defined" else tree.Not(defined)

    def _compare(self, node: nodes.Compare) -> Node:
        left: Node = self.value(node.expr)
        first: Node | None = None
        rest: list[tuple[Relation, Node]] = []
        for operand in node.ops:
            relation = _RELATIONS[operand.op]
            left, right = self._pair(left, relation, operand.expr)
            if first is None:
                first = left
            else:
                rest[-1] = (rest[-1][0], left)
            rest.append((relation, right))
            left = right
        assert first is not None
        return tree.Compare(first, tuple(rest))

    def _pair(self, left: Node, relation: Relation, right: nodes.Expr) -> tuple[Node, Node]:
        """Both sides of one comparison, made alike."""
        if left.type is Type.LIST:
            raise self._error(right, "a list cannot be compared", "lists stand after: in")
        if relation in ("in", "not in"):
            return self._membership(left, relation, right)
        made, other = self._alike(left, self.value(right), right, "be compared with")
        if made.type is Type.LIST or (relation in _ORDERINGS and made.type is Type.BOOLEAN):
            raise self._error(right, f"{made.type.words} is not more or less than another")
        if relation not in _ORDERINGS:
            self._not_exact(made, other, right)
        return made, other

    def _membership(self, left: Node, relation: Relation, right: nodes.Expr) -> tuple[Node, Node]:
        if not isinstance(right, nodes.List):
            whole = self.value(right)
            if left.type is not Type.TEXT or whole.type is not Type.TEXT:
                hint = "write a list: name in ['a', 'b']; or a part of a text: 'a' in name"
                raise self._error(right, f"{left.type.words} is not in {whole.type.words}", hint)
            return left, whole
        if not right.items:
            raise self._error(right, "the list is empty")
        items = []
        for item in right.items:
            left, made = self._alike(left, self.value(item), item, "be compared with")
            self._not_exact(left, made, item)
            items.append(made)
        return left, tree.ListOf(tuple(items), left.type)

    def _not_exact(self, left: Node, right: Node, where: nodes.Expr) -> None:
        moving = [side for side in (left, right) if side.type is Type.TIME and not isinstance(side, Constant)]
        if moving:
            raise self._error(where, "a time hardly ever equals another", "compare with >= and <")

    def _alike(self, left: Node, right: Node, where: nodes.Expr, how: str) -> tuple[Node, Node]:
        """Both of one type: a quoted date beside a time becomes one. Text and number never meet."""
        if left.type in _TIMES and isinstance(right, Constant) and right.type is Type.TEXT:
            return left, self._moment(right, left.type, where)
        if right.type in _TIMES and isinstance(left, Constant) and left.type is Type.TEXT:
            return self._moment(left, right.type, where), right
        if left.type is right.type or (left.type in _TIMES and right.type in _TIMES):
            return left, right
        raise self._error(where, f"{left.type.words} cannot {how} {right.type.words}", _quotes(left, right))

    def _moment(self, constant: Constant, type: Type, where: nodes.Expr) -> Constant:
        moment = values.moment(constant.value)
        if moment is None:
            hint = "write it like '2026-12-31' or '2026-12-31T10:00:00+01:00'"
            raise self._error(where, f"{values.show(constant.value)} is not a day or a time with a zone", hint)
        return Constant(moment, type)

    # Calculations and filters

    def _add(self, node: nodes.Add) -> Node:
        return self._arithmetic("+", node)

    def _sub(self, node: nodes.Sub) -> Node:
        return self._arithmetic("-", node)

    def _mul(self, node: nodes.Mul) -> Node:
        return self._arithmetic("*", node)

    def _div(self, node: nodes.Div) -> Node:
        return self._arithmetic("/", node)

    def _floordiv(self, node: nodes.FloorDiv) -> Node:
        return self._arithmetic("//", node)

    def _mod(self, node: nodes.Mod) -> Node:
        return self._arithmetic("%", node)

    def _arithmetic(self, operator: Operator, node: nodes.BinExpr) -> Node:
        left, right = self._number(node.left, operator), self._number(node.right, operator)
        if isinstance(left, Constant) and isinstance(right, Constant):
            result = values.calculate(operator, cast(Decimal, left.value), cast(Decimal, right.value))
            if result is not None:
                return Constant(result, Type.NUMBER)
        return tree.Arithmetic(operator, left, right)

    def _neg(self, node: nodes.Neg) -> Node:
        operand = self._number(node.node, "-")
        if isinstance(operand, Constant):
            return Constant(values.negate(cast(Decimal, operand.value)), Type.NUMBER)
        return tree.Negate(operand)

    def _pos(self, node: nodes.Pos) -> Node:
        return self._number(node.node, "+")

    def _number(self, node: nodes.Expr, operator: str) -> Node:
        checked = self.value(node)
        if checked.type is Type.NUMBER:
            return checked
        hint = "texts are joined by ~" if checked.type is Type.TEXT else None
        if checked.type in _TIMES:
            hint = "for the days since a time write: days_since(…)"
        raise self._error(node, f"{operator} calculates with numbers, not with {checked.type.words}", hint)

    def _concat(self, node: nodes.Concat) -> Node:
        return tree.Concat(tuple(self._text(part, "~") for part in node.nodes))

    def _text(self, node: nodes.Expr, what: str) -> Node:
        checked = self.value(node)
        if checked.type is not Type.TEXT:
            raise self._error(node, f"{what} asks for text, not for {checked.type.words}")
        return checked

    def _filter(self, node: nodes.Filter) -> Node:
        name = "default" if node.name == "d" else node.name
        if name not in FILTERS or node.node is None:
            hint = habit(name) or nearest(name, FILTERS) or f"there are: {', '.join(FILTERS)}"
            raise self._error(node, f"unknown filter {name}", hint)
        if node.kwargs or node.dyn_args or node.dyn_kwargs or len(node.args) != (name == "default"):
            many = "one argument" if name == "default" else "no arguments"
            raise self._error(node, f"the filter {name} takes {many}")
        if name == "default":
            operand, instead = self._alike(
                self.value(node.node), self.value(node.args[0]), node.args[0], "stand in for"
            )
            return tree.Default(operand, instead)
        if name == "length":
            counted = self.value(node.node)
            if counted.type not in (Type.TEXT, Type.LIST):
                raise self._error(node, f"{counted.type.words} has no length")
            return tree.Length(counted)
        return tree.TextChange(self._text(node.node, name), cast(Literal["lower", "upper", "trim"], name))

    def _list(self, node: nodes.List) -> Node:
        raise self._error(node, "a list only stands after: in", "write: name in ['a', 'b']")

    def _error(self, node: nodes.Node, problem: str, hint: str | None = None) -> ExpressionError:
        return self._source.error(place(node), problem, hint)


def _flat(node: nodes.And | nodes.Or) -> list[nodes.Expr]:
    """`a and b and c` as one row: a long one must not be a deep one."""
    kind, parts, left = type(node), [], cast(nodes.Expr, node)
    while isinstance(left, kind):
        parts.append(left.right)
        left = left.left
    return [left, *reversed(parts)]


def _quotes(left: Node, right: Node) -> str | None:
    """What to do about quotes, if they are the trouble."""
    for constant, other in ((left, right), (right, left)):
        if not isinstance(constant, Constant):
            continue
        if other.type is Type.NUMBER and values.number(constant.value) is not None:
            return "write the number without quotes"
        if other.type is Type.TEXT and constant.type is Type.NUMBER:
            return "write the text in quotes"
    return None
