"""The SQL back end: a condition as PostgreSQL text over the rows of one customer.

The text is written from the closed tree: every constant is a parameter. SQL cannot say all that Python says, and of
some customers not as exactly (`|lower` of what is not ASCII, a number that is text in foreign digits), so a condition
becomes two: who may meet it, and who surely does. Whoever is between the two is for the Python function to judge; most
conditions have nobody there. So both back ends give one answer, whatever SQL can say.

What is missing is NULL; a condition that is NULL does not hold. Where the facts are kept is a subclass's business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from messaging.expressions import tree, values
from messaging.expressions.inquiry import Inquiry
from messaging.expressions.tree import Fact, Node, always_there
from messaging.expressions.values import DIGITS, Type
from messaging.nouns.documents import is_storable

#: Longest text of a condition: what is longer is left to Python.
LONGEST = 20_000
#: What `str.strip` takes away.
SPACE = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_KINDS = {Type.TEXT: "text", Type.NUMBER: "numeric", Type.BOOLEAN: "boolean"}
RELATIONS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATED: dict[tree.Relation, tree.Relation] = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND


class NotSaid(Exception):
    """SQL has no words for it."""


@dataclass(frozen=True, slots=True)
class Said:
    """A value in SQL."""

    text: str
    #: Conditions under which it is not to be trusted.
    doubts: tuple[str, ...] = ()
    #: Of a number: how many digits it may have before and behind the point.
    digits: int = 0
    places: int = 0
    #: Of a number that is 0 where there is no row for it: the column, which is NULL there, and its type.
    column: tuple[str, str] | None = None
    #: That there is the row without which that number is 0, or less if it is in doubt. Of a condition: what is so of
    #: such a row wherever the condition holds, that there is one or that there is none.
    row: str | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL: everybody who meets it is in `possible`, nobody else in `certain`."""

    possible: str
    certain: str
    #: What `Said.row` says of everybody who may meet it.
    rows: frozenset[str] = frozenset()

    @property
    def exact(self) -> bool:
        """Whether nobody is left to judge."""
        return self.possible == self.certain


_UNKNOWN = Condition("true", "false")


class Writer(ABC):
    """Writes an inquiry's condition, and collects its parameters."""

    def __init__(self, inquiry: Inquiry) -> None:
        self.inquiry = inquiry
        self.parameters: dict[str, Any] = {}

    def write(self) -> Condition:
        """The whole condition."""
        return self.condition(self.inquiry.root)

    @abstractmethod
    def fact(self, node: Fact | tree.Field) -> Said:
        """What is asked about a customer. Raises NotSaid."""

    def attribute(self, node: tree.Attribute, relation: str, constant: object) -> Condition | None:
        """An attribute beside a constant, if that can be said shorter than by its value."""
        return None

    # Conditions

    def condition(self, node: Node) -> Condition:
        """Never fails: of what cannot be said nothing is certain and all is possible."""
        try:
            condition = self._condition(node)
        except NotSaid:
            return _UNKNOWN
        return condition if len(condition.possible) + len(condition.certain) <= LONGEST else _UNKNOWN

    def _condition(self, node: Node) -> Condition:
        match node:
            case tree.And(parts):
                return _joined("AND", [self.condition(part) for part in parts])
            case tree.Or(parts):
                return _joined("OR", [self.condition(part) for part in parts])
            case tree.Not(tree.Compare(tree.OrdersCount() as count, ((relation, tree.Constant() as edge),))):
                return self.condition(tree.Compare(count, ((_NEGATED[relation], edge),)))  # it is never missing
            case tree.Not(operand):
                inner = self.condition(operand)
                return Condition(untrue(inner.certain), untrue(inner.possible))
            case tree.InSegment(name):
                return self.condition(self.inquiry.segments[name])
            case tree.Compare(first, ((relation, tree.Constant(constant)),)) if isinstance(first, tree.Attribute):
                return self.attribute(first, relation, constant) or trusted(self._compare(node))
            case tree.Compare():
                return trusted(self._compare(node))
            case tree.IsDefined(operand):
                if always_there(operand):
                    return Condition("true", "true")
                said = self.value(operand)
                return trusted(Said(f"({said.text} IS NOT NULL)", said.doubts))
            case tree.Affix(operand, how, affix):
                whole, part = self.value(operand), self.value(affix)
                if how == "startswith":
                    text = f"starts_with({whole.text}, {part.text})"
                else:
                    text = f"(right({whole.text}, char_length({part.text})) = {part.text})"
                return trusted(Said(text, whole.doubts + part.doubts))
            case _:
                return trusted(self.value(node))

    def _compare(self, node: tree.Compare) -> Said:
        if len(node.rest) == 1:
            for short in (self._days_since, self._of_row):
                if (said := short(node.first, *node.rest[0])) is not None:
                    return said
        texts: list[str] = []
        left = self.value(node.first)
        doubts = left.doubts
        for relation, operand in node.rest:
            if isinstance(operand, tree.ListOf):
                right = self._among(left.text, relation, operand)
                texts.append(right.text)
            else:
                right = self.value(operand)
                if relation in ("in", "not in"):
                    sign = "<>" if relation == "in" else "="
                    texts.append(f"strpos({right.text}, {left.text}) {sign} 0")
                else:
                    order = ' COLLATE "C"' if operand.type is Type.TEXT and relation not in ("==", "!=") else ""
                    texts.append(f"{left.text} {RELATIONS[relation]} {right.text}{order}")
            doubts += right.doubts
            left = right
        return Said(f"({' AND '.join(texts)})", doubts)

    def _among(self, item: str, relation: str, choices: tree.ListOf) -> Said:
        constants = [choice for choice in choices.items if isinstance(choice, tree.Constant)]
        if len(constants) == len(choices.items):
            kind = _kind(choices.of)
            array = self.parameter([_exact(choice.value) for choice in constants], f"{kind}[]")
            return Said(f"{item} = ANY({array})" if relation == "in" else f"{item} <> ALL({array})")
        said = [self.value(choice) for choice in choices.items]
        text = f"{item} IN ({', '.join(choice.text for choice in said)})"
        doubts = tuple(doubt for choice in said for doubt in choice.doubts)
        return Said(text if relation == "in" else f"({item} IS NOT NULL AND {untrue(text)})", doubts)

    def _days_since(self, left: Node, relation: str, right: Node) -> Said | None:
        """Days since a time beside a constant are that time beside another: so no row is calculated with."""
        if isinstance(left, tree.Constant) and isinstance(right, tree.DaysSince) and relation in _TURNED:
            left, relation, right = right, _TURNED[relation], left
        if not (isinstance(left, tree.DaysSince) and isinstance(right, tree.Constant)):
            return None
        if relation not in ("<", "<=", ">", ">="):
            return None
        try:
            edge = self.inquiry.now - _first(right.value, above=relation in (">", "<=")) * _MICROSECOND
        except (OverflowError, TypeError):
            return None
        said = self.value(left.operand)
        sign = "<=" if relation in (">", ">=") else ">"
        return Said(f"({said.text} {sign} {self.parameter(edge, 'timestamptz')})", said.doubts)

    def _of_row(self, left: Node, relation: str, right: Node) -> Said | None:
        """A number beside a constant that 0 does not meet needs its row: so only rows that meet it are joined.

        A count beside a constant that 0 alone meets needs that there is no row: so nothing is counted.
        """
        if isinstance(left, tree.Constant) and relation in _TURNED:
            left, relation, right = right, _TURNED[relation], left
        if not (isinstance(left, Fact) and isinstance(right, tree.Constant)):
            return None
        said, number = self.value(left), right.value
        if said.column is None or relation not in RELATIONS or not isinstance(number, Decimal):
            return None
        column, kind = said.column
        # What 0, 1 and 2 meet tells of all that are more.
        met = [values.compare(relation, Decimal(count), number) for count in range(3)]
        if said.row and kind == "bigint" and met == [True, False, False]:
            none = untrue(said.row)
            return Said(none, row=none)
        if met[0] or (kind == "bigint" and not _is_bigint(number)):
            return None
        value = int(number) if kind == "bigint" else number
        row = said.row if not said.doubts or (relation in ("==", ">", ">=") and number >= 0) else None
        return Said(f"({column} {RELATIONS[relation]} {self.parameter(value, kind)})", said.doubts, row=row)

    # Values

    def value(self, node: Node) -> Said:
        """The node's value. Raises NotSaid."""
        said = self._value(node)
        if len(said.text) > LONGEST or said.digits + said.places > DIGITS:
            raise NotSaid
        return said

    def _value(self, node: Node) -> Said:
        match node:
            case tree.Constant(value, type):
                return self._constant(value, type)
            case tree.Now():
                return Said(self.parameter(self.inquiry.now, "timestamptz"))
            case tree.Choice(condition, then, otherwise):
                return self._choice(self.condition(condition), then, otherwise)
            case tree.Default(operand, instead):
                first, second = self.value(operand), self.value(instead)
                return _either(f"coalesce({first.text}, {second.text})", first, second)
            case tree.Arithmetic(operator, left, right):
                return _calculated(operator, self.value(left), self.value(right))
            case tree.Negate(operand):
                number = self.value(operand)
                return _either(f"(- {number.text})", number)
            case tree.Concat(parts):
                said = [self.value(part) for part in parts]
                return _either(f"({' || '.join(part.text for part in said)})", *said)
            case tree.TextChange(operand, how):
                return self._changed(self.value(operand), how)
            case tree.Length(operand) if operand.type is Type.TEXT:
                said_text = self.value(operand)
                return Said(f"char_length({said_text.text})::numeric", said_text.doubts, 10)
            case tree.DaysSince(operand):
                moment = self.value(operand)
                return Said(self.days_since(moment.text), moment.doubts, 7, 12)
            case tree.DatePart(operand, part):
                moment = self.value(operand)
                return Said(f"extract({part} FROM {moment.text} AT TIME ZONE 'UTC')", moment.doubts, 4)
            case tree.And() | tree.Or() | tree.Not() | tree.Compare() | tree.IsDefined() | tree.Affix():
                return self._truth(self.condition(node))
            case tree.InSegment():
                return self._truth(self.condition(node))
            case tree.ListOf() | tree.Length():
                raise NotSaid
            case _:
                return self.fact(node)

    def _truth(self, condition: Condition) -> Said:
        doubts = () if condition.exact else (f"({condition.possible} AND {untrue(condition.certain)})",)
        return Said(f"({condition.certain} IS TRUE)", doubts)

    def _choice(self, condition: Condition, then: Node, otherwise: Node | None) -> Said:
        first = self.value(then)
        second = first if otherwise is None else self.value(otherwise)
        end = "" if otherwise is None else f" ELSE {second.text}"
        said = _either(f"CASE WHEN {condition.certain} THEN {first.text}{end} END", first, second)
        return Said(f"({said.text})", said.doubts + self._truth(condition).doubts, said.digits, said.places)

    def _changed(self, said: Said, how: str) -> Said:
        if how == "trim":
            return Said(f"btrim({said.text}, {self.parameter(SPACE, 'text')})", said.doubts)
        foreign = f"(octet_length({said.text}) <> char_length({said.text}))"
        return Said(f'{how}({said.text} COLLATE "C")', (*said.doubts, foreign))

    def days_since(self, moment: str) -> str:
        """See `values.days_between`. Thirty places are more than two times can tell apart."""
        now = self.parameter(self.inquiry.now, "timestamptz")
        return quotient(f"extract(epoch FROM {now} - {moment})", "86400", 30)

    def _constant(self, value: object, type: Type) -> Said:
        value = _exact(value)
        text = self.parameter(value, _kind(type))
        return Said(text, (), *_size(value)) if isinstance(value, Decimal) else Said(text)

    def parameter(self, value: Any, kind: str) -> str:
        """A place for a value from outside. Raises NotSaid for text that no database takes."""
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and not is_storable(each):
                raise NotSaid
        name = f"c{len(self.parameters)}"
        self.parameters[name] = value
        return f"%({name})s::{kind}"


def quotient(dividend: str, divisor: str, places: int = DIGITS) -> str:
    """`values.calculate("/", …)`: 12 places, half up; `places` are enough to tell on which side of a half it lies."""
    return f"trim_scale(round(round({dividend}, {places}) / nullif({divisor}, 0), 12))"


def _calculated(operator: str, a: Said, b: Said) -> Said:
    """Numbers of a size at which nothing is rounded, or only as Python rounds it."""
    doubts, places = a.doubts + b.doubts, max(a.places, b.places)
    if operator in ("+", "-"):
        return Said(f"({a.text} {operator} {b.text})", doubts, max(a.digits, b.digits) + 1, places)
    if operator == "*":
        return Said(f"({a.text} * {b.text})", doubts, a.digits + b.digits, a.places + b.places)
    fraction = max(0, a.places - b.places - 12)
    if a.digits + b.places + fraction > 45 or b.digits + b.places + fraction > 45:
        raise NotSaid  # the 60 digits that Python has might not tell on which side of a half it lies
    if operator == "/":
        return Said(quotient(a.text, b.text), doubts, a.digits + b.places, 12)
    known = f"nullif({b.text}, 0)"
    remainder = f"mod({a.text}, {known})"
    other = f"{remainder} <> 0 AND ({remainder} < 0) <> ({b.text} < 0)"
    if operator == "//":
        text = f"(div({a.text}, {known}) - CASE WHEN {other} THEN 1 ELSE 0 END)"
        return Said(text, doubts, a.digits + b.places + 1)
    return Said(f"({remainder} + CASE WHEN {other} THEN {b.text} ELSE 0 END)", doubts, b.digits + 1, places)


def _either(text: str, *said: Said) -> Said:
    doubts = tuple(dict.fromkeys(doubt for each in said for doubt in each.doubts))
    return Said(text, doubts, max(each.digits for each in said), max(each.places for each in said))


def trusted(said: Said) -> Condition:
    """A value that is a condition: without its doubts possible, and with none of them certain."""
    rows = frozenset([said.row] if said.row else ())
    if not said.doubts:
        return Condition(said.text, said.text, rows)
    doubt = " OR ".join(dict.fromkeys(said.doubts))
    possible = f"({said.text} OR {doubt})"
    if said.row:
        possible = f"({said.row} AND {possible})"
    return Condition(possible, f"({said.text} AND {untrue(doubt)})", rows)


def _joined(word: str, parts: Sequence[Condition]) -> Condition:
    of_each = [part.rows for part in parts]
    rows = frozenset.union(*of_each) if word == "AND" else frozenset.intersection(*of_each)
    if all(part.exact for part in parts):
        text = f"({f' {word} '.join(part.possible for part in parts)})"
        return Condition(text, text, rows)
    parts = sorted(parts, key=lambda part: not part.exact)  # what is said in fewer words is asked first
    return Condition(
        f"({f' {word} '.join(part.possible for part in parts)})",
        f"({f' {word} '.join(part.certain for part in parts)})",
        rows,
    )


def untrue(text: str) -> str:
    """That a condition does not hold: it is false, or NULL."""
    if text.startswith("EXISTS ("):  # alone: it is never NULL, and only so the database sees that it can join
        return f"(NOT {text})"
    return f"(({text}) IS NOT TRUE)"


def _kind(type: Type) -> str:
    return _KINDS.get(type, "timestamptz")


def _is_bigint(value: Decimal) -> bool:
    return value == value.to_integral_value() and abs(value) < 2**63


def _exact(value: object) -> object:
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _size(value: Decimal) -> tuple[int, int]:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise NotSaid
    return max(0, value.adjusted() + 1), max(0, -exponent)


def _first(days: Any, *, above: bool) -> int:
    """The least whole number of microseconds that is so many days, or more than that (`above`)."""
    guess = int(Decimal(days) * _DAY) - 2
    while (known := values.calculate("/", guess, _DAY)) is not None and (known <= days if above else known < days):
        guess += 1
    return guess


def since(now: datetime, window: timedelta) -> datetime:
    """When a window that ends now begins."""
    try:
        return now - window
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
