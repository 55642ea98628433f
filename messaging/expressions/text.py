"""A tree as text again, in one canonical spelling: reading that text gives the same tree."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import assert_never

from messaging.expressions import tree
from messaging.expressions.tree import Node, Window
from messaging.nouns.consent import ALL_TOPICS

#: How tightly a node binds; what binds less is put in brackets.
_CHOICE, _OR, _AND, _NOT, _COMPARE, _ADD, _CONCAT, _MULTIPLY, _UNARY, _FILTER, _ATOM = range(11)


def to_text(node: Node) -> str:
    """The expression as a person would write it."""
    return _write(node)[0]


def _write(node: Node) -> tuple[str, int]:
    """The text, and how tightly it binds."""
    match node:
        case tree.Or(parts):
            return " or ".join(_in(part, _AND) for part in parts), _OR
        case tree.And(parts):
            return " and ".join(_in(part, _NOT) for part in parts), _AND
        case tree.IsDefined(operand):
            return f"{_in(operand, _ATOM)} is defined", _NOT
        case tree.Not(tree.IsDefined(operand)):
            return f"{_in(operand, _ATOM)} is not defined", _NOT
        case tree.Not(operand):
            return f"not {_in(operand, _NOT)}", _NOT
        case tree.Compare(first, rest):
            return " ".join([_in(first, _ADD), *(f"{how} {_in(other, _ADD)}" for how, other in rest)]), _COMPARE
        case tree.Choice(condition, then, otherwise):
            end = "" if otherwise is None else f" else {_in(otherwise, _CHOICE)}"
            return f"{_in(then, _COMPARE)} if {_in(condition, _OR)}{end}", _CHOICE
        case tree.Arithmetic(operator, left, right):
            level = _ADD if operator in "+-" else _MULTIPLY
            return f"{_in(left, level)} {operator} {_in(right, level + 1)}", level
        case tree.Concat(parts):
            return " ~ ".join(_in(part, _MULTIPLY) for part in parts), _CONCAT
        case tree.Negate(operand):
            return f"-{_in(operand, _ATOM)}", _UNARY
        case tree.TextChange(operand, how):
            return f"{_in(operand, _FILTER)}|{how}", _FILTER
        case tree.Length(operand):
            return f"{_in(operand, _FILTER)}|length", _FILTER
        case tree.Default(operand, instead):
            return f"{_in(operand, _FILTER)}|default({to_text(instead)})", _FILTER
        case tree.Constant(value, _):
            return _constant(value), _UNARY if isinstance(value, Decimal) and value < 0 else _ATOM
        case _:
            return _atom(node), _ATOM


def _in(node: Node, level: int) -> str:
    text, binds = _write(node)
    return text if binds >= level else f"({text})"


def _atom(
    node: tree.ListOf | tree.Field | tree.Now | tree.Fact | tree.DaysSince | tree.DatePart | tree.Affix,
) -> str:
    match node:
        case tree.ListOf(items, _):
            return f"[{', '.join(to_text(item) for item in items)}]"
        case tree.Field(name, _):
            return name
        case tree.Attribute(name, _):
            return name if name.isidentifier() else f"customer[{_quoted(name)}]"
        case tree.Address(channel):
            return f"addresses.{channel}" if channel.isidentifier() else f"addresses[{_quoted(channel)}]"
        case tree.Extra(path, _):
            return ".".join(path)
        case tree.Now():
            return "now"
        case tree.OrdersCount(window):
            return _call("orders.count", window=window, bare=True)
        case tree.OrdersMoney(which, window, currency):
            named = "" if currency is None else f"currency={_quoted(currency)}"
            return _call(f"orders.{which}", named, window=window, bare=True)
        case tree.OrdersMoment(which):
            return f"orders.{which}"
        case tree.Bought(sku, window):
            return _call("bought", _quoted(sku), window=window)
        case tree.Happened(event, window, about):
            return _call("happened", _quoted(event), f"about={_quoted(about)}" if about else "", window=window)
        case tree.Reached(how, message, window):
            return _call(how, "" if message is None else _quoted(message), window=window)
        case tree.Consented(channel, topic):
            return _call("consented", _quoted(channel), "" if topic == ALL_TOPICS else _quoted(topic))
        case tree.Grade(which):
            return f"rfm.{which}"
        case tree.InSegment(name):
            return _call("in_segment", _quoted(name))
        case tree.DaysSince(operand):
            return _call("days_since", to_text(operand))
        case tree.DatePart(operand, part):
            return f"{_in(operand, _ATOM)}.{part}"
        case tree.Affix(operand, how, affix):
            return f"{_in(operand, _ATOM)}.{how}({to_text(affix)})"
        case _:
            assert_never(node)


def _call(function: str, *arguments: str, window: Window | None = None, bare: bool = False) -> str:
    given = [argument for argument in arguments if argument]
    if window is not None:
        given.append(f"{window.unit}={window.number:f}")
    return function if bare and not given else f"{function}({', '.join(given)})"


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _quoted(value.isoformat() if isinstance(value, date) else str(value))


def _quoted(text: str) -> str:
    """Text in quotes, as Jinja2 reads it back."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r") + "'"
