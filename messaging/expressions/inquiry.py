"""What is asked of a store that can answer for itself: a condition, with all it goes by beside the customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from messaging.expressions.tree import Node
from messaging.rules.rfm import CutPoints


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """Who meets a condition, at one moment."""

    root: Node
    #: Segments that it asks about, directly or not.
    segments: Mapping[str, Node]
    now: datetime
    #: The brand's, ISO 4217.
    currency: str
    #: None before the first grading.
    cuts: CutPoints | None
