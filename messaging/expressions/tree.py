"""The tree of an expression: a closed set of typed nodes, and nothing else.

Back ends are visitors over it. What a node means is said in `values` (operations) and `facts` (what is asked
about a customer). Nodes that mean the same are equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar, Literal

from messaging.expressions.values import Type, Value


@dataclass(frozen=True, slots=True)
class Window:
    """The last so many days of 24 hours, or hours; a fraction counts."""

    unit: Literal["days", "hours"]
    number: Decimal

    @property
    def length(self) -> timedelta:
        seconds = self.number * (86_400 if self.unit == "days" else 3_600)
        return timedelta(microseconds=int(seconds * 1_000_000))


# What is there: constants and the customer


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant."""

    value: Value
    type: Type


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list as written, for `in`. Its items have one type."""

    items: tuple[Node, ...]
    of: Type
    type: ClassVar[Type] = Type.LIST


@dataclass(frozen=True, slots=True)
class Field:
    """A field that every customer has a place for."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Attribute:
    """What the shop declared beyond that."""

    name: str
    type: Type


@dataclass(frozen=True, slots=True)
class Address:
    """The customer's address on a channel."""

    channel: str
    type: ClassVar[Type] = Type.TEXT


@dataclass(frozen=True, slots=True)
class Extra:
    """A value of the event that a condition is about, by its path: `('order', 'total')`."""

    path: tuple[str, ...]
    type: Type


@dataclass(frozen=True, slots=True)
class Now:
    """The time of evaluation, one for all customers."""

    type: ClassVar[Type] = Type.TIME


# What the history says


@dataclass(frozen=True, slots=True)
class OrdersCount:
    """How many orders were placed (in the window) and not cancelled as a whole."""

    window: Window | None = None
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class OrdersMoney:
    """What they came to in one currency, less refunds: all together, or on average."""

    which: Literal["total", "average"]
    window: Window | None = None
    currency: str | None = None
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class OrdersMoment:
    """When the first or last of them was placed, or the last delivered."""

    which: Literal["first_at", "last_at", "last_delivered_at"]
    type: ClassVar[Type] = Type.TIME


@dataclass(frozen=True, slots=True)
class Bought:
    """Whether one of these orders has the article."""

    sku: str
    window: Window | None = None
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Happened:
    """Whether an event of this type happened; or one about the same thing as the event of the message."""

    event: str
    window: Window | None = None
    #: `order`, `product` …: the window is then around that event.
    about: str | None = None
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether a message (of that template or campaign) was sent, opened or clicked in the window."""

    how: Literal["sent", "opened", "clicked"]
    message: str | None = None
    window: Window | None = None
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Consented:
    """Whether the owner of the customer's address on the channel agreed to the topic."""

    channel: str
    topic: str
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Grade:
    """The customer's grade, 1 to 5, for recency, frequency or money."""

    which: Literal["r", "f", "m"]
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class InSegment:
    """Whether the customer is in another segment."""

    name: str
    type: ClassVar[Type] = Type.BOOLEAN


# What is made of it


@dataclass(frozen=True, slots=True)
class DaysSince:
    """Days of 24 hours from a time until now."""

    operand: Node
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class DatePart:
    """Year, month or day of the month of a time, in UTC."""

    operand: Node
    part: Literal["year", "month", "day"]
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class TextChange:
    """Text in small or capital letters, or without space around it."""

    operand: Node
    how: Literal["lower", "upper", "trim"]
    type: ClassVar[Type] = Type.TEXT


@dataclass(frozen=True, slots=True)
class Length:
    """How many characters or items."""

    operand: Node
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class Default:
    """What stands in for a missing value."""

    operand: Node
    instead: Node

    @property
    def type(self) -> Type:
        return self.operand.type


@dataclass(frozen=True, slots=True)
class Affix:
    """Whether text begins or ends with another; false if one is missing."""

    operand: Node
    how: Literal["startswith", "endswith"]
    affix: Node
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class IsDefined:
    """Whether there is a value."""

    operand: Node
    type: ClassVar[Type] = Type.BOOLEAN


Operator = Literal["+", "-", "*", "/", "//", "%"]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A calculation with two numbers."""

    operator: Operator
    left: Node
    right: Node
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class Negate:
    """A number with the other sign."""

    operand: Node
    type: ClassVar[Type] = Type.NUMBER


@dataclass(frozen=True, slots=True)
class Concat:
    """Texts in a row."""

    parts: tuple[Node, ...]
    type: ClassVar[Type] = Type.TEXT


@dataclass(frozen=True, slots=True)
class Choice:
    """One value or another; without another it may be missing."""

    condition: Node
    then: Node
    otherwise: Node | None

    @property
    def type(self) -> Type:
        return self.then.type


Relation = Literal["==", "!=", "<", "<=", ">", ">=", "in", "not in"]


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison, or a chain of them (`1 < x < 5`): each pair must hold."""

    first: Node
    rest: tuple[tuple[Relation, Node], ...]
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold."""

    parts: tuple[Node, ...]
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Or:
    """One of them holds."""

    parts: tuple[Node, ...]
    type: ClassVar[Type] = Type.BOOLEAN


@dataclass(frozen=True, slots=True)
class Not:
    """It does not hold; what is missing does not hold."""

    operand: Node
    type: ClassVar[Type] = Type.BOOLEAN


#: What is asked about a customer, other than their own fields.
Fact = (
    Attribute
    | Address
    | Extra
    | OrdersCount
    | OrdersMoney
    | OrdersMoment
    | Bought
    | Happened
    | Reached
    | Consented
    | Grade
    | InSegment
)
Node = (
    Constant
    | ListOf
    | Field
    | Now
    | Fact
    | DaysSince
    | DatePart
    | TextChange
    | Length
    | Default
    | Affix
    | IsDefined
    | Arithmetic
    | Negate
    | Concat
    | Choice
    | Compare
    | And
    | Or
    | Not
)


def children(node: Node) -> Iterator[Node]:
    """The nodes right below `node`, in order."""
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)
    elif isinstance(value, Node):
        yield value


def walk(node: Node) -> Iterator[Node]:
    """`node` and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def always_there(node: Node) -> bool:
    """Whether the node can never be missing."""
    match node:
        case Constant() | ListOf() | Now() | OrdersCount():
            return True
        case Default(_, instead):
            return always_there(instead)
        case Choice(_, then, otherwise):
            return otherwise is not None and always_there(then) and always_there(otherwise)
        case Field(name, _):
            return name == "id"
        case Attribute() | Extra():
            return False
        case _:
            return node.type is Type.BOOLEAN
