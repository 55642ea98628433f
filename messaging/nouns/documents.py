"""Between nouns and plain JSON documents: the few conversions that all nouns share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

#: What a JSON document is made of.
Document = dict[str, Any]


def time_to_text(value: datetime | None) -> str | None:
    """ISO 8601 in UTC; texts of two times sort as the times do."""
    return None if value is None else value.astimezone(UTC).isoformat()


def time_from_text(text: str | None) -> datetime | None:
    """The aware time that `time_to_text` wrote."""
    return None if text is None else datetime.fromisoformat(text)


def money_to_text(value: Decimal | None) -> str | None:
    """The decimal without an exponent."""
    return None if value is None else format(value, "f")


def money_from_text(text: str | None) -> Decimal | None:
    """The decimal that `money_to_text` wrote."""
    return None if text is None else Decimal(text)


def without_empty(document: Mapping[str, Any]) -> Document:
    """`document` without what says nothing (None, empty text, empty collections): smaller rows, same meaning."""
    return {
        key: value
        for key, value in document.items()
        if value is not None and value != "" and value != {} and value != []
    }
