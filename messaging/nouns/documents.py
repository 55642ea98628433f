"""Between nouns and plain JSON documents: the few conversions that all nouns share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

#: What a JSON document is made of.
Document = dict[str, Any]
#: Levels of what others tell that are kept.
_DEEPEST = 100


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


def is_storable(text: str) -> bool:
    """Whether every store can keep the text as it is: it has no U+0000 and no half of a surrogate pair."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(value: Any, depth: int = 0) -> Any:
    """What others told, as it can be kept: a server far away wrote parts of it, and one odd part must not cost what it
    came with. What cannot be text is replaced, a whole number of more than 64 bits becomes text, infinity None,
    and what JSON does not know (a time, bytes) what it looks like.

    Raises:
        ValueError: it is nested too deeply.
    """
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping | list | tuple):
        if depth == _DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(value, Mapping):
            return {storable(str(name)): storable(inner, depth + 1) for name, inner in value.items()}
        return [storable(inner, depth + 1) for inner in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else storable(str(value))
