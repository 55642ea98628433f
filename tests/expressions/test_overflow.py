"""A quotient with more digits than there is room for is missing, not a crash."""

from __future__ import annotations

from decimal import Decimal

import pytest

from messaging.expressions.values import _calculate


@pytest.mark.parametrize("operator", ["//", "%"])
def test_too_many_digits_is_missing(operator: str) -> None:
    assert _calculate(operator, Decimal("1e50"), Decimal("1e-50")) is None
