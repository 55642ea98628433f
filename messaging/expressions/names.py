"""What a name, a path or a call stands for: a node of the tree, or an error that names the nearest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal, cast

from jinja2 import nodes

from messaging.errors import ExpressionError
from messaging.expressions import tree
from messaging.expressions.reading import Source, habit, nearest
from messaging.expressions.schema import (
    ATTRIBUTE_TYPES,
    DATE_PARTS,
    FIELDS,
    FUNCTIONS,
    METHODS,
    ORDERS,
    RFM,
    Schema,
)
from messaging.expressions.tree import Node, Window
from messaging.expressions.values import Type
from messaging.nouns.consent import ALL_TOPICS
from messaging.rules.subjects import SUBJECTS

#: Longest window. A longer one asks for all there is: leave it out.
MAX_DAYS = 36_500

_WINDOW = ("days", "hours")
Check = Callable[[nodes.Expr], Node]


class Names:
    """Resolves names against a schema; `check` turns an operand or argument into a node."""

    def __init__(self, source: Source, schema: Schema, check: Check) -> None:
        self._source = source
        self._schema = schema
        self._check = check

    def name(self, node: nodes.Name) -> Node:
        """A name that stands alone."""
        name = node.name
        if name == "now":
            return tree.Now()
        if name in FUNCTIONS:
            raise self._error(node, f"{name} is a function", f"write it with its arguments: {name}(…)")
        members = self._members(name)
        if members is not None:
            some = ", ".join(f"{name}.{member}" for member in list(members)[:3]) or f"{name}.push"
            raise self._error(node, f"{name} alone is not a value", f"write for example: {some}")
        return self._customer(name, node)

    def attribute(self, owner: nodes.Expr, name: str, node: nodes.Expr) -> Node:
        """`owner.name`."""
        if not isinstance(owner, nodes.Name) or (members := self._members(owner.name)) is None:
            return self._part(self._check(owner), name, node)
        if owner.name == "customer":
            return self._customer(name, node)
        if owner.name == "addresses":
            return tree.Address(name)
        if name not in members:
            raise self._unknown(f"{owner.name} has no {name}", name, members, node)
        if owner.name == "orders":
            return self._orders(name, {}, node)
        if owner.name == "rfm":
            return tree.Grade(cast("Literal['r', 'f', 'm']", name))
        return tree.Extra((owner.name, name), self._schema.extras[owner.name][name])

    def call(self, node: nodes.Call) -> Node:
        """`function(…)`, `orders.count(…)`, `text.endswith(…)`."""
        callee = node.node
        if isinstance(callee, nodes.Getattr):
            if isinstance(callee.node, nodes.Name) and callee.node.name == "orders":
                if callee.attr not in ORDERS:
                    raise self._unknown(f"orders has no {callee.attr}", callee.attr, ORDERS, callee)
                return self._orders(callee.attr, self._arguments(node, (), ("currency", *_WINDOW)), callee)
            return self._method(callee, node)
        if not isinstance(callee, nodes.Name):
            raise self._error(node, "this cannot be called")
        function = callee.name
        if function not in FUNCTIONS:
            if function in self._schema.names():
                raise self._error(callee, f"{function} is not a function", "leave the brackets away")
            raise self._unknown(f"unknown function {function}", function, FUNCTIONS, callee)
        return self._function(function, node)

    def _function(self, function: str, node: nodes.Call) -> Node:
        match function:
            case "days_since":
                operand = self._check(self._arguments(node, ("time",))["time"])
                if operand.type not in (Type.DAY, Type.TIME):
                    raise self._error(node, "days_since asks for a time", "for example: days_since(orders.last_at)")
                return tree.DaysSince(operand)
            case "in_segment":
                return tree.InSegment(self._text(self._arguments(node, ("name",))["name"], "a segment's name"))
            case "consented":
                arguments = self._arguments(node, ("channel",), ("topic",))
                topic = arguments.get("topic")
                return tree.Consented(
                    self._text(arguments["channel"], "a channel"),
                    ALL_TOPICS if topic is None else self._text(topic, "a topic"),
                )
            case "bought":
                arguments = self._arguments(node, ("sku",), _WINDOW)
                return tree.Bought(self._text(arguments["sku"], "an article number"), self._window(arguments))
            case "happened":
                arguments = self._arguments(node, ("type",), ("about", *_WINDOW))
                about = self._about(arguments.get("about"))
                return tree.Happened(self._text(arguments["type"], "an event type"), self._window(arguments), about)
            case _:
                arguments = self._arguments(node, (), ("message", *_WINDOW))
                message = arguments.get("message")
                return tree.Reached(
                    cast("Literal['sent', 'opened', 'clicked']", function),
                    None if message is None else self._text(message, "a template or campaign"),
                    self._window(arguments),
                )

    def _about(self, node: nodes.Expr | None) -> str | None:
        """What an event must have in common with the one that a condition is about."""
        if node is None:
            return None
        if not self._schema.extras:
            raise self._error(node, "about= is for triggers: a segment is about no event")
        about = self._text(node, "what it is about")
        if about not in SUBJECTS:
            raise self._unknown(f"nothing is about {about!r}", about, tuple(SUBJECTS), node)
        return about

    def _orders(self, name: str, arguments: Mapping[str, nodes.Expr], node: nodes.Expr) -> Node:
        currency = arguments.get("currency")
        if name == "count":
            if currency is not None:
                raise self._error(currency, "orders.count counts orders in every currency")
            return tree.OrdersCount(self._window(arguments))
        if name in ("total", "average"):
            code = None if currency is None else self._text(currency, "a currency").upper()
            if currency is not None and (len(code or "") != 3 or not (code or "").isascii()):
                raise self._error(currency, f"{code!r} is no currency", "write its ISO 4217 code, like 'EUR'")
            which = cast("Literal['total', 'average']", name)
            return tree.OrdersMoney(which, self._window(arguments), code)
        if arguments:
            raise self._error(node, f"orders.{name} takes no arguments")
        return tree.OrdersMoment(cast("Literal['first_at', 'last_at', 'last_delivered_at']", name))

    def _method(self, callee: nodes.Getattr, node: nodes.Call) -> Node:
        how = callee.attr
        if how not in METHODS:
            hint = f"write: name|{how}" if how in ("lower", "upper") else nearest(how, METHODS)
            raise self._error(callee, f"unknown function {how}", hint)
        operand = self._check(callee.node)
        affix = self._check(self._arguments(node, ("text",))["text"])
        if operand.type is not Type.TEXT or affix.type is not Type.TEXT:
            raise self._error(callee, f"{how} asks for text on both sides")
        return tree.Affix(operand, cast("Literal['startswith', 'endswith']", how), affix)

    def _part(self, operand: Node, name: str, node: nodes.Expr) -> Node:
        if operand.type not in (Type.DAY, Type.TIME):
            raise self._error(node, f"{operand.type.words} has no {name}")
        if name not in DATE_PARTS:
            raise self._unknown(f"{operand.type.words} has no {name}", name, DATE_PARTS, node)
        return tree.DatePart(operand, cast("Literal['year', 'month', 'day']", name))

    def _customer(self, name: str, node: nodes.Expr) -> Node:
        if name in FIELDS:
            return tree.Field(name, FIELDS[name])
        declared = self._schema.attributes.get(name)
        if declared is not None:
            return tree.Attribute(name, ATTRIBUTE_TYPES[declared])
        known = self._schema.names() if isinstance(node, nodes.Name) else self._schema.customer_names()
        raise self._unknown(f"unknown name {name}", name, known, node)

    def _members(self, name: str) -> tuple[str, ...] | None:
        """What a name that stands for more than one value has; None if it is no such name."""
        if name == "orders":
            return ORDERS
        if name == "rfm":
            return RFM
        if name == "customer":
            return self._schema.customer_names()
        if name == "addresses":
            return ()
        extra = self._schema.extras.get(name)
        return None if extra is None else tuple(extra)

    # Arguments

    def _arguments(
        self, node: nodes.Call, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, nodes.Expr]:
        """The call's arguments by name: windows and `currency` are given so, the others also in order."""
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self._error(node, "* and ** are not part of the language")
        in_order = (*required, *(name for name in optional if name not in (*_WINDOW, "about", "currency")))
        if len(node.args) > len(in_order):
            extra = node.args[len(in_order)]
            names = ", ".join(f"{name}=" for name in optional if name not in in_order)
            raise self._error(extra, "too many arguments", f"these are given by name: {names}" if names else None)
        found = dict(zip(in_order, node.args, strict=False))
        for pair in node.kwargs:
            if pair.key not in (*required, *optional):
                raise self._unknown(f"unknown argument {pair.key}", pair.key, (*required, *optional), pair.value)
            if pair.key in found:
                raise self._error(pair.value, f"{pair.key} is given twice")
            found[pair.key] = pair.value
        for name in required:
            if name not in found:
                raise self._error(node, f"the argument {name} is missing")
        return found

    def _text(self, node: nodes.Expr, what: str) -> str:
        if isinstance(node, nodes.Const) and isinstance(node.value, str) and node.value:
            checked = self._check(node)
            assert isinstance(checked, tree.Constant)
            return cast(str, checked.value)
        raise self._error(node, f"expected {what} in quotes")

    def _window(self, arguments: Mapping[str, nodes.Expr]) -> Window | None:
        given = [name for name in _WINDOW if name in arguments]
        if not given:
            return None
        if len(given) == 2:
            raise self._error(arguments["hours"], "give days or hours, not both")
        unit = given[0]
        node = arguments[unit]
        value = self._check(node)
        if not isinstance(value, tree.Constant) or value.type is not Type.NUMBER:
            raise self._error(node, f"{unit} must be a number", f"for example: {unit}=30")
        number = Decimal(cast(Decimal, value.value))
        limit = MAX_DAYS if unit == "days" else MAX_DAYS * 24
        if not 0 < number <= limit:
            raise self._error(node, f"{unit} must be more than 0 and at most {limit:,}", "for all time leave it away")
        return Window(cast("Literal['days', 'hours']", unit), number)

    # Errors

    def _error(self, node: nodes.Node, problem: str, hint: str | None = None) -> ExpressionError:
        return self._source.error(place(node), problem, hint)

    def _unknown(self, problem: str, name: str, known: tuple[str, ...], node: nodes.Node) -> ExpressionError:
        return self._error(node, problem, habit(name) or nearest(name, known) or _known(known))


def _known(names: tuple[str, ...]) -> str | None:
    return f"there are: {', '.join(names)}" if 0 < len(names) <= 12 else "attributes are declared in messaging.toml"


def place(node: nodes.Node) -> int:
    """Where a person would point to: the name after a dot, the name before a bracket."""
    if isinstance(node, nodes.Getattr):
        return node.lineno + 1
    if isinstance(node, nodes.Call):
        return place(node.node)
    return node.lineno
