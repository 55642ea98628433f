"""Arithmetic in templates: decimal where money is, bounded, and never between text and number."""

from __future__ import annotations

import operator as functions
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from jinja2 import TemplateRuntimeError, Undefined
from markupsafe import Markup, escape

from messaging.rendering.run import LIGHT, Run, showable, text_of

_FUNCTIONS = {
    "+": functions.add,
    "-": functions.sub,
    "*": functions.mul,
    "/": functions.truediv,
    "//": functions.floordiv,
    "%": functions.mod,
    "**": functions.pow,
}
#: Numbers beyond this are a mistake, and slow to write out.
_LARGEST = 10**60
_LARGEST_POWER = 100


def operate(run: Run, operator: str, left: Any, right: Any) -> Any:
    """`left operator right`.

    Raises:
        TemplateRuntimeError: they do not go together, or the result is too large.
    """
    for value in (left, right):
        if isinstance(value, Undefined):
            raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if _is_number(left) and _is_number(right):
        return _numbers(operator, left, right)
    if operator == "+" and isinstance(left, (str, list, tuple)) and _alike(left, right):
        run.spend((len(left) + len(right)) >> 2)
        return run.bounded(left + right)
    if operator in "+-" and isinstance(left, date) and isinstance(right, (date, timedelta)):
        try:
            return _FUNCTIONS[operator](left, right)
        except (TypeError, OverflowError) as error:
            raise TemplateRuntimeError(f"these times do not go together: {error}") from None
    raise TemplateRuntimeError(
        f"{_kind(left)} {operator} {_kind(right)} has no meaning"
        + (": make the text a number with |decimal" if _is_number(left) != _is_number(right) else "")
    )


def _numbers(operator: str, left: Any, right: Any) -> Any:
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        left, right = decimal(left), decimal(right)
    if operator == "**" and abs(right) > _LARGEST_POWER:
        raise TemplateRuntimeError(f"a power above {_LARGEST_POWER}")
    try:
        result = _FUNCTIONS[operator](left, right)
    except (ArithmeticError, ValueError) as error:
        raise TemplateRuntimeError(f"cannot compute this: {str(error) or type(error).__name__}") from None
    if isinstance(result, complex) or not abs(result) < _LARGEST:
        raise TemplateRuntimeError("the number is too large")
    if isinstance(result, Decimal) and not showable(result):
        raise TemplateRuntimeError("the number is too small")
    return result


def decimal(value: Any) -> Decimal:
    """A number, or text that is one, as a decimal.

    Raises:
        TemplateRuntimeError: it is none.
    """
    if type(value) is str and len(value) <= LIGHT:
        return _read(value)  # prices come again and again
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    return _number(value)


def _number(value: Any) -> Decimal:
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except ArithmeticError:
        raise TemplateRuntimeError(f"{_short(value)} is not a number") from None
    if not showable(number) or abs(number) >= _LARGEST:
        raise TemplateRuntimeError(f"{_short(value)} is not a number a message can show")
    return number


_read = lru_cache(4096)(_number)


def concatenate(run: Run, /, *values: Any) -> str:
    """`a ~ b`."""
    texts = [value if type(value) is Markup else text_of(value) for value in values]
    run.spend(sum(map(len, texts)) >> 2)
    if Markup in map(type, texts):
        return run.bounded(Markup("").join(map(escape, texts)))
    return run.bounded("".join(texts))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal))


def _alike(left: Any, right: Any) -> bool:
    return isinstance(right, str) if isinstance(left, str) else type(left) is type(right)


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if _is_number(value):
        return "number"
    return {type(None): "null", dict: "table", list: "list", tuple: "list"}.get(type(value), type(value).__name__)


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value) if _is_number(value) else f"a {_kind(value)}"
    return text if len(text) <= 40 else text[:39] + "…"
