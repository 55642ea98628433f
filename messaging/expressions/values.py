"""What values are and what is done with them: the meaning of the language, stated once.

Every back end means this: the interpreter behind `explain` calls these functions, the Python compiler
writes the same out, a SQL back end translates it.

- A missing value is `None`. It makes a comparison false, a calculation missing, a condition false.
- Numbers are decimal: sums and products have 60 digits, quotients 12 places; what does not fit, and x/0, is
  missing.
- Text compares by code point, case and accents matter.
- A day is its midnight in UTC, so that days and times compare.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from operator import eq, ge, gt, le, lt, ne
from typing import Any

#: A value of the language; None is missing, a tuple is a list that only has a length.
Value = str | int | Decimal | bool | datetime | tuple[object, ...] | None
Number = int | Decimal


class Type(StrEnum):
    """The type of a value, known before any customer is looked at."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DAY = "day"
    TIME = "time"
    LIST = "list"

    @property
    def words(self) -> str:
        """What a person calls one of it."""
        return {"text": "text", "boolean": "true or false"}.get(self.value, f"a {self.value}")


#: Significant digits of a number.
DIGITS = 60
# Traps nothing: what cannot be calculated comes back as NaN or infinity, and does not fit.
_ARITHMETIC = decimal.Context(prec=DIGITS, rounding=decimal.ROUND_HALF_UP, traps=[])
_PLACES = Decimal("1E-12")
_DAY = timedelta(days=1) // timedelta(microseconds=1)


def number(value: Any) -> Decimal | int | None:
    """The number that `value` is or, as decimal text, stands for; None if it is none or too large."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**DIGITS else None
    try:
        result = Decimal(repr(value) if isinstance(value, float) else value)
    except (decimal.InvalidOperation, TypeError, ValueError):
        return None
    return result if _fits(result) else None


def _fits(value: Decimal) -> bool:
    return value.is_finite() and len(value.as_tuple().digits) <= DIGITS and abs(value.adjusted()) <= DIGITS


def text(value: object) -> str | None:
    """Text as it is, a whole number as its digits (article numbers arrive as either)."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and number(value) is not None else None


def boolean(value: object) -> bool | None:
    """True or false as such; everything else is missing."""
    return value if isinstance(value, bool) else None


def moment(value: object) -> datetime | None:
    """An aware time, a day as its midnight in UTC, or ISO 8601 text of either; None if it is none."""
    if isinstance(value, str):
        try:
            # Only the form that people write: Python also reads 20261231 and 2026-W53-4.
            value = datetime.fromisoformat(value) if len(value) > 10 else _day(value)
            if isinstance(value, datetime):
                return value.astimezone(UTC) if value.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else None
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def _day(value: str) -> date | None:
    return date.fromisoformat(value) if value[4:5] == value[7:8] == "-" else None


def items(value: object) -> tuple[object, ...] | None:
    """A list as it is; everything else is missing."""
    return tuple(value) if isinstance(value, list | tuple) else None


#: How a value from outside becomes one of the declared type.
READERS = {
    Type.TEXT: text,
    Type.NUMBER: number,
    Type.BOOLEAN: boolean,
    Type.DAY: moment,
    Type.TIME: moment,
    Type.LIST: items,
}


def calculate(operator: str, left: Number | None, right: Number | None) -> Decimal | None:
    """`left operator right` for `+ - * / // %`.

    `//` rounds down and `%` has the sign of `right`, as Jinja2 means them.
    """
    if left is None or right is None:
        return None
    result = _calculate(operator, Decimal(left), Decimal(right))
    return result if result is not None and _fits(result) else None


def _calculate(operator: str, a: Decimal, b: Decimal) -> Decimal | None:
    if operator == "+":
        return _ARITHMETIC.add(a, b)
    if operator == "-":
        return _ARITHMETIC.subtract(a, b)
    if operator == "*":
        return _ARITHMETIC.multiply(a, b)
    if not b:
        return None
    if operator == "/":
        return _ARITHMETIC.normalize(_ARITHMETIC.quantize(_ARITHMETIC.divide(a, b), _PLACES))
    quotient, remainder = _ARITHMETIC.divmod(a, b)  # towards zero
    if quotient.is_nan() or remainder.is_nan():
        return None  # more digits than there is room for
    if remainder and (remainder < 0) is not (b < 0):
        quotient, remainder = _ARITHMETIC.subtract(quotient, Decimal(1)), _ARITHMETIC.add(remainder, b)
    return quotient if operator == "//" else remainder


def negate(value: Number | None) -> Number | None:
    """`-value`."""
    return None if value is None else _ARITHMETIC.minus(value) if isinstance(value, Decimal) else -value


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def compare(relation: str, left: Value, right: Value) -> bool:
    """`left relation right` for `== != < <= > >=`, of values of one type; false if one is missing."""
    return left is not None and right is not None and _COMPARISONS[relation](left, right)


def among(item: Value, choices: Iterable[Value], *, wanted: bool) -> bool:
    """`item in choices` (`wanted`) or `item not in choices`; false if the item is missing.

    Missing choices are none.
    """
    if item is None:
        return False
    return any(choice is not None and item == choice for choice in choices) is wanted


def within(part: str | None, whole: str | None, *, wanted: bool) -> bool:
    """`part in whole` (`wanted`) or `part not in whole` for text; false if one is missing."""
    return part is not None and whole is not None and (part in whole) is wanted


def join(parts: Iterable[str | None]) -> str | None:
    """`a ~ b`: missing if a part is."""
    known = list(parts)
    return None if None in known else "".join(part for part in known if part is not None)


def change(how: str, value: str | None) -> str | None:
    """Text in small letters (`lower`) or capitals (`upper`), or without space around it (`trim`)."""
    if value is None:
        return None
    return value.lower() if how == "lower" else value.upper() if how == "upper" else value.strip()


def affixed(how: str, value: str | None, affix: str | None) -> bool:
    """Whether text `startswith` or `endswith` another; false if one is missing."""
    if value is None or affix is None:
        return False
    return value.startswith(affix) if how == "startswith" else value.endswith(affix)


def length(value: Value) -> int | None:
    """How many characters or items there are."""
    return len(value) if isinstance(value, str | tuple) else None


def part_of(value: datetime | None, part: str) -> int | None:
    """The `year`, `month` or `day` of a time, in UTC."""
    if value is None:
        return None
    return value.year if part == "year" else value.month if part == "month" else value.day


def days_between(earlier: datetime | None, later: datetime) -> Decimal | None:
    """How many days of 24 hours lie between, with their fraction; negative if `earlier` is the later one."""
    if earlier is None:
        return None
    return calculate("/", (later - earlier) // timedelta(microseconds=1), _DAY)


def show(value: Value) -> str:
    """The value for a person to read."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return repr(value) if len(value) <= 80 else repr(value[:77] + "…")
    if isinstance(value, datetime):
        midnight = value.hour == value.minute == value.second == 0
        return f"{value.astimezone(UTC):%Y-%m-%d}" if midnight else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Decimal):
        rounded = value.quantize(Decimal("0.01")) if abs(value.adjusted()) < 20 else value
        shown = format(rounded if rounded else value, "f")
        return shown.rstrip("0").rstrip(".") if "." in shown and shown.endswith(".00") else shown
    return str(value) if isinstance(value, int) else f"{len(value)} items"


def plain(value: Value) -> object:
    """The value for a JSON document: numbers with a fraction and times as text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value
