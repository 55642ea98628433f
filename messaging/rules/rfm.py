"""RFM: grades 1 to 5 for how recently, how often and for how much a customer buys.

They are quantiles of all who bought. Only the cut points are kept; a grade is worked out from them when it is
asked for. So a new order moves its customer at once, the grade for recency falls as days go by, and frequency and
money of all others stay comparable until the next grading.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from messaging.nouns.documents import Document, money_to_text, time_to_text

GRADES = 5

#: The greatest value of each grade but the last, ascending; empty if there was nobody to grade.
Cuts = tuple[Decimal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPoints:
    """What a grading leaves behind."""

    #: Recency, as minus the days since the last order: greater is better, as with the others.
    r: Cuts
    #: Orders.
    f: Cuts
    #: Their total, in `currency` or the customer's only one.
    m: Cuts
    graded_at: datetime
    #: How many had an order.
    customers: int
    currency: str

    def to_document(self) -> Document:
        return {
            **{name: [money_to_text(cut) for cut in getattr(self, name)] for name in ("r", "f", "m")},
            "graded_at": time_to_text(self.graded_at),
            "customers": self.customers,
            "currency": self.currency,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> CutPoints:
        values = dict(document)
        for name in ("r", "f", "m"):
            values[name] = tuple(Decimal(cut) for cut in values[name])
        values["graded_at"] = datetime.fromisoformat(values["graded_at"])
        return cls(**values)


def cut_points(values: Sequence[Decimal]) -> Cuts:
    """The quintiles of `values`: the k-th is the least value that k fifths do not exceed."""
    ordered = sorted(values)
    count = len(ordered)
    return tuple(ordered[-(-k * count // GRADES) - 1] for k in range(1, GRADES)) if count else ()


def grade(value: Decimal, cuts: Cuts) -> int | None:
    """1 (least) to 5: one more than the number of cut points below `value`, so that ties share one grade.

    None if nobody was graded.
    """
    return 1 + bisect_left(cuts, value) if cuts else None
