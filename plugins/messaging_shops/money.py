"""Amounts as decimal text, however a shop writes them."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

#: What the envelope takes (docs/events.md).
_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
#: Currencies whose smallest unit is the currency itself, and those of a thousandth; of the others it is a hundredth.
_WHOLE = ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")


def amount(value: object) -> str | None:
    """Decimal text, from text or a number: `"29.35"`, `3`, `16.989999999999998` (a float's idea of 16.99)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    told = value.strip() if isinstance(value, str) else str(value)
    if _AMOUNT.fullmatch(told) is not None and not isinstance(value, float):
        return told
    try:
        number = Decimal(told)
    except ArithmeticError:
        return None
    if not number.is_finite() or abs(number) >= 10**15:
        return None
    # Not more digits than a price has: `3.3333333333333335` is a third of ten.
    return format(number.quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize(), "f")


def currency(value: object) -> str | None:
    """An ISO 4217 code, in upper case."""
    return value.strip().upper() if isinstance(value, str) and _CURRENCY.fullmatch(value.strip()) else None


def from_minor(value: object, code: str | None) -> str | None:
    """Decimal text, from whole smallest units: 2935 and `USD` are `"29.35"`, 500 and `JPY` are `"500"`."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 10**15:
        return None
    digits = 0 if code in _WHOLE else 3 if code in _THOUSANDTHS else 2
    return format(Decimal(value).scaleb(-digits), "f")


def total_of(*parts: object) -> str | None:
    """The sum of amounts; None where there is none."""
    told = [Decimal(each) for each in map(amount, parts) if each is not None]
    return format(sum(told, Decimal(0)), "f") if told else None
