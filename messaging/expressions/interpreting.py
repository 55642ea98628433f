"""The language, evaluated plainly: for `explain`, and as the yardstick of what is compiled."""

from __future__ import annotations

from typing import cast

from messaging.expressions import tree, values
from messaging.expressions.facts import Subject
from messaging.expressions.questions import question
from messaging.expressions.tree import Node
from messaging.expressions.values import Number, Value


def holds(node: Node, s: Subject) -> bool:
    """Whether a condition is true of the subject; a missing value is not."""
    return evaluate(node, s) is True


def evaluate(node: Node, s: Subject) -> Value:
    """The node's value for the subject; None if it is missing."""
    match node:
        case tree.Constant(value, _):
            return value
        case tree.ListOf(items, _):
            return tuple(evaluate(item, s) for item in items)
        case tree.And(parts):
            return all(holds(part, s) for part in parts)
        case tree.Or(parts):
            return any(holds(part, s) for part in parts)
        case tree.Not(operand):
            return not holds(operand, s)
        case tree.Compare():
            return _compare(node, s)
        case tree.Choice(condition, then, otherwise):
            chosen = then if holds(condition, s) else otherwise
            return None if chosen is None else evaluate(chosen, s)
        case tree.Default(operand, instead):
            value = evaluate(operand, s)
            return evaluate(instead, s) if value is None else value
        case tree.IsDefined(operand):
            return evaluate(operand, s) is not None
        case tree.Arithmetic(operator, left, right):
            return values.calculate(operator, _number(left, s), _number(right, s))
        case tree.Negate(operand):
            return values.negate(_number(operand, s))
        case tree.Concat(parts):
            return values.join(_text(part, s) for part in parts)
        case tree.TextChange(operand, how):
            return values.change(how, _text(operand, s))
        case tree.Affix(operand, how, affix):
            return values.affixed(how, _text(operand, s), _text(affix, s))
        case tree.Length(operand):
            return values.length(evaluate(operand, s))
        case tree.DaysSince(operand):
            return values.days_between(values.moment(evaluate(operand, s)), s.now)
        case tree.DatePart(operand, part):
            return values.part_of(values.moment(evaluate(operand, s)), part)
        case tree.Field(name, type):
            field = getattr(s.customer, name)
            return None if field is None else values.READERS[type](field)
        case tree.Now():
            return s.now
        case _:
            answer, arguments = question(node)
            return answer(s, *arguments)


def _compare(node: tree.Compare, s: Subject) -> bool:
    left = evaluate(node.first, s)
    for relation, operand in node.rest:
        right = evaluate(operand, s)
        if relation in ("in", "not in"):
            wanted = relation == "in"
            if isinstance(operand, tree.ListOf):
                held = values.among(left, cast("tuple[Value, ...]", right), wanted=wanted)
            else:
                held = values.within(cast("str | None", left), cast("str | None", right), wanted=wanted)
        else:
            held = values.compare(relation, left, right)
        if not held:
            return False
        left = right
    return True


def _number(node: Node, s: Subject) -> Number | None:
    return cast("Number | None", evaluate(node, s))


def _text(node: Node, s: Subject) -> str | None:
    return cast("str | None", evaluate(node, s))
