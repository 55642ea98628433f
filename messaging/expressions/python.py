"""The Python back end: an expression as one generated function, some tenths of a microsecond a customer.

The source is written from the tree alone: names are ours, constants are bound by name, and no text of the
expression is ever pasted into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from messaging.expressions import tree, values
from messaging.expressions.facts import Subject
from messaging.expressions.parsing import Expression
from messaging.expressions.questions import question
from messaging.expressions.tree import Node, always_there
from messaging.expressions.values import Type

Matcher = Callable[[Subject], bool]


def compile_python(expression: Expression) -> Matcher:
    """A function that tells whether a subject meets the expression."""
    writer = _Writer()
    source = f"def matches(s):\n    return {writer.condition(expression.root)}\n"
    namespace: dict[str, Any] = {**writer.constants, **_HELPERS, "__builtins__": {}}
    exec(compile(source, "<expression>", "exec"), namespace)  # noqa: S102 - written from the closed tree only
    matches: Matcher = namespace["matches"]
    return matches


_HELPERS: dict[str, object] = {
    "calculate": values.calculate,
    "negate": values.negate,
    "among": values.among,
    "join": values.join,
    "days_between": values.days_between,
    "length": len,
    "lower": str.lower,
    "upper": str.upper,
    "trim": str.strip,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "moment": values.moment,
}


class _Writer:
    """Writes nodes as Python expressions over `s`, the subject, and collects their constants."""

    def __init__(self) -> None:
        self.constants: dict[str, object] = {}
        self._variables = 0

    def condition(self, node: Node) -> str:
        """True or false: what is missing is false."""
        match node:
            case tree.And(parts):
                return f"({' and '.join(self.condition(part) for part in parts)})"
            case tree.Or(parts):
                return f"({' or '.join(self.condition(part) for part in parts)})"
            case tree.Not(operand):
                return f"(not {self.condition(operand)})"
            case tree.Choice() | tree.Default() | tree.Attribute() | tree.Extra():
                return f"({self.value(node)} is True)"
            case _:
                return self.value(node)

    def value(self, node: Node) -> str:
        """The value, or None."""
        match node:
            case tree.Constant(value, _):
                return self._constant(value)
            case tree.ListOf(items, _):
                return f"({''.join(self.value(item) + ',' for item in items)})"
            case tree.And() | tree.Or() | tree.Not():
                return self.condition(node)
            case tree.Compare():
                return self._compare(node)
            case tree.Choice(condition, then, otherwise):
                end = "None" if otherwise is None else self.value(otherwise)
                return f"({self.value(then)} if {self.condition(condition)} else {end})"
            case tree.Default(operand, instead):
                name, known = self._known(operand)
                return f"({name} if {known} else {self.value(instead)})"
            case tree.IsDefined(operand):
                return "True" if always_there(operand) else f"({self.value(operand)} is not None)"
            case tree.Arithmetic(operator, left, right):
                return f"calculate({self._constant(operator)}, {self.value(left)}, {self.value(right)})"
            case tree.Negate(operand):
                return f"negate({self.value(operand)})"
            case tree.Concat(parts):
                return f"join(({''.join(self.value(part) + ',' for part in parts)}))"
            case tree.DaysSince(operand):
                return f"days_between({self.value(operand)}, s.now)"
            case tree.DatePart(operand, part):
                return self._guarded(operand, "{}." + part)
            case tree.TextChange(operand, how):
                return self._guarded(operand, how + "({})")
            case tree.Length(operand):
                return self._guarded(operand, "length({})")
            case tree.Affix(operand, how, affix):
                return self._all_known((operand, affix), how + "({}, {})")
            case tree.Field(name, type):
                return f"s.customer.{name}" if type is not Type.DAY else f"moment(s.customer.{name})"
            case tree.Now():
                return "s.now"
            case _:
                answer, arguments = question(node)
                return f"{self._constant(answer)}({', '.join(['s', *map(self._constant, arguments)])})"

    def _compare(self, node: tree.Compare) -> str:
        """Each operand is worked out once, from left to right, as far as it takes."""
        conditions: list[str] = []
        left = self._operand(node.first, conditions)
        for relation, operand in node.rest:
            if isinstance(operand, tree.ListOf):
                conditions.append(self._among(left, relation, operand))
                continue
            right = self._operand(operand, conditions, again=operand is not node.rest[-1][1])
            conditions.append(f"{left} {relation} {right}")
            left = right
        return f"({' and '.join(conditions)})"

    def _operand(self, node: Node, conditions: list[str], *, again: bool = False) -> str:
        """How to write the node's value once `conditions` hold; `again`: it is needed more than once."""
        if isinstance(node, tree.Constant):
            return self._constant(node.value)
        if always_there(node) and not again:
            return self.value(node)
        name, known = self._known(node)
        conditions.append(known)
        return name

    def _known(self, node: Node) -> tuple[str, str]:
        """A name for the node's value, and the condition that gives it and says that the value is there."""
        self._variables += 1
        name = f"v{self._variables}"
        return name, f"({name} := {self.value(node)}) is not None"

    def _among(self, item: str, relation: str, choices: tree.ListOf) -> str:
        if all(isinstance(choice, tree.Constant) for choice in choices.items):
            constants = frozenset(choice.value for choice in choices.items if isinstance(choice, tree.Constant))
            return f"{item} {relation} {self._constant(constants)}"
        return f"among({item}, {self.value(choices)}, wanted={relation == 'in'})"

    def _guarded(self, operand: Node, form: str) -> str:
        name, known = self._known(operand)
        return f"({form.format(name)} if {known} else None)"

    def _all_known(self, operands: Iterable[Node], form: str) -> str:
        conditions: list[str] = []
        names = [self._operand(operand, conditions) for operand in operands]
        return f"({' and '.join([*conditions, form.format(*names)])})"

    def _constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value
        return name
