"""What is so, in words: one phrase for a condition and the values it met."""

from __future__ import annotations

from collections.abc import Callable

from messaging.expressions import tree, values
from messaging.expressions.text import to_text
from messaging.expressions.tree import Node, Relation, Window
from messaging.expressions.values import Type, Value
from messaging.nouns.consent import ALL_TOPICS

Evaluate = Callable[[Node], Value]

_WORDS = {
    "<": "less than {}",
    "<=": "{} or less",
    ">": "more than {}",
    ">=": "{} or more",
}
_TIME_WORDS = {**_WORDS, "<": "before {}", "<=": "{} or before", ">": "after {}", ">=": "{} or after"}
_REACHED = {
    "sent": ("was sent", "was not sent"),
    "opened": ("opened", "did not open"),
    "clicked": ("clicked in", "did not click in"),
}


def phrase(node: Node, evaluate: Evaluate) -> str:
    """Says what is so about `node`, whether that makes it true or false."""
    held = evaluate(node) is True
    match node:
        case tree.Compare():
            return _comparison(node, held, evaluate)
        case tree.IsDefined(operand):
            value = evaluate(operand)
            return f"{to_text(operand)} is {values.show(value)}"
        case tree.Bought(sku, window):
            return f"{'bought' if held else 'did not buy'} {sku}{_lately(window)}"
        case tree.Happened(event, window, None):
            return f"{event} {'happened' if held else 'did not happen'}{_lately(window)}"
        case tree.Happened(event, window, about):
            near = f" within {window.number:f} {window.unit} of it" if window else ""
            return f"{event} {'happened' if held else 'did not happen'} to the same {about}{near}"
        case tree.Reached(how, message, window):
            what = message or ("a message" if held else "any message")
            return f"{_REACHED[how][not held]} {what}{_lately(window)}"
        case tree.Consented(channel, topic):
            about = "" if topic == ALL_TOPICS else f" about {topic}"
            return f"{'agreed' if held else 'did not agree'} to {channel}{about}"
        case tree.InSegment(name):
            return f"is {'in' if held else 'not in'} segment {name}"
        case tree.Affix(operand, how, affix):
            verb = (
                ("starts" if how == "startswith" else "ends") if held else ("start" if how == "startswith" else "end")
            )
            says = f"{verb} with" if held else f"does not {verb} with"
            return f"{_is(operand, evaluate)} and {says} {values.show(evaluate(affix))}"
        case _:
            return f"{to_text(node)} is {values.show(evaluate(node))}"


def _comparison(node: tree.Compare, held: bool, evaluate: Evaluate) -> str:
    operands = [node.first, *(operand for _, operand in node.rest)]
    missing = [to_text(operand) for operand in operands if evaluate(operand) is None]
    if missing:
        return " and ".join(f"{text} is missing" for text in missing)
    if len(node.rest) == 1:
        relation, right = node.rest[0]
        if relation in ("in", "not in") and right.type is Type.TEXT:
            says = "contains" if held is (relation == "in") else "does not contain"
            return f"{_is(right, evaluate)} and {says} {_named(node.first, evaluate)}"
        if not isinstance(node.first, tree.Constant):
            return _single(node.first, relation, right, held, evaluate)
    known = [operand for operand in operands if not isinstance(operand, tree.Constant | tree.ListOf)]
    return "; ".join([*(_is(operand, evaluate) for operand in known), f"{to_text(node)} is {values.show(held)}"])


def _single(left: Node, relation: Relation, right: Node, held: bool, evaluate: Evaluate) -> str:
    """`orders.count is 4 (3 or more)`, `orders.count is 2, not 3 or more`."""
    if isinstance(right, tree.ListOf):
        wanted = "one of " + _some([values.show(evaluate(item)) for item in right.items])
    else:
        words = _TIME_WORDS if left.type in (Type.DAY, Type.TIME) else _WORDS
        wanted = words.get(relation, "{}").format(_named(right, evaluate))
    equal = relation in ("==", "!=") and held is (relation == "==")
    if equal and isinstance(right, tree.Constant):
        return _is(left, evaluate)
    so = held is (relation not in ("!=", "not in"))
    return f"{_is(left, evaluate)} ({wanted})" if so else f"{_is(left, evaluate)}, not {wanted}"


def _is(node: Node, evaluate: Evaluate) -> str:
    return f"{to_text(node)} is {values.show(evaluate(node))}"


def _named(node: Node, evaluate: Evaluate) -> str:
    shown = values.show(evaluate(node))
    return shown if isinstance(node, tree.Constant) else f"{to_text(node)} ({shown})"


def _some(texts: list[str]) -> str:
    return ", ".join(texts) if len(texts) <= 6 else f"{', '.join(texts[:5])} and {len(texts) - 5} more"


def _lately(window: Window | None) -> str:
    if window is None:
        return ""
    number = f"{window.number:f}"
    return f" in the last {number} {window.unit}" if number != "1" else f" in the last {window.unit[:-1]}"
