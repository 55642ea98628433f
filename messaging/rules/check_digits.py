"""The check digits of tracking numbers: each takes the number's body and its check character, in capitals.

Published by who issues the numbers: GS1 (weights 3 and 1), UPU S10, ISO/IEC 7812 (Luhn), DPD's parcel label
specification (modulo 37, 36), UPS, FedEx, DHL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

#: Whether a check character is that of a body.
Check = Callable[[str, str], bool]

_S10 = (8, 6, 4, 2, 3, 5, 9, 7)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def alternating(first: int, second: int, *, begins: str = "") -> Check:
    """Digits times `first` and `second` in turn, summed up to a multiple of ten. A letter counts as UPS has it.

    `begins`: what the body is taken to begin with, where it is left out in print.
    """

    def holds(body: str, check: str) -> bool:
        whole = body if body.startswith(begins) else begins + body
        total = sum(_value(sign) * (second if place % 2 else first) for place, sign in enumerate(whole))
        return -total % 10 == int(check)

    return holds


def _value(sign: str) -> int:
    return int(sign) if sign.isdigit() else (ord(sign) - 3) % 10


def weighted(*weights: int) -> Check:
    """FedEx: the weighted sum modulo 11, of that the last digit."""

    def holds(body: str, check: str) -> bool:
        return _sum(body, weights) % 11 % 10 == int(check)

    return holds


def modulo_7(body: str, check: str) -> bool:
    """DHL Express."""
    return int(body) % 7 == int(check)


def luhn(body: str, check: str) -> bool:
    """Every second digit from the right is doubled."""
    doubled = (sum(divmod(int(digit) * (1 if place % 2 else 2), 10)) for place, digit in enumerate(reversed(body)))
    return -sum(doubled) % 10 == int(check)


def s10(body: str, check: str) -> bool:
    """Postal items between countries."""
    rest = 11 - _sum(body, _S10) % 11
    return {10: 0, 11: 5}.get(rest, rest) == int(check)


def modulo_37_36(body: str, check: str) -> bool:
    """DPD: ISO/IEC 7064, digits and letters."""
    rest = 36
    for sign in body:
        rest = (rest + _DIGITS.index(sign)) % 36 or 36
        rest = rest * 2 % 37
    return _DIGITS[(37 - rest) % 36] == check


def _sum(body: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(body, weights, strict=True))
