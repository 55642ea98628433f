"""Numbers with their uncertainty."""

from __future__ import annotations

from math import sqrt

#: Two-sided 95 % of the normal distribution.
_Z = 1.959963984540054


def wilson(successes: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a rate (Wilson 1927): where the true rate lies, after `successes` of `n`.

    It stays within 0 and 1, begins at exactly 0 without a success and ends at exactly 1 without a failure.
    Nothing tried says nothing: (0, 1).
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return 0.0, 1.0
    rate, spread = successes / n, _Z * _Z / n
    middle = (rate + spread / 2) / (1 + spread)
    half = _Z * sqrt((rate * (1 - rate) + spread / 4) / n) / (1 + spread)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == n else min(1.0, middle + half)
    return low, high
