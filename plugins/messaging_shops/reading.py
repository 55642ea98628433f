"""Reads what a shop posted, of which nothing is certain: each value as what it should be, or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from messaging import InputError, Request

#: Longest id or number of a thing, in characters: what the envelope takes.
_NAME = 200
#: Longest text that is passed on.
_TEXT = 2_000
#: Rows of a list that are read.
_ROWS = 1_000


def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object that was posted.

    Raises:
        InputError: it is none.
    """
    told = request.json()
    if not isinstance(told, dict):
        raise InputError("the body is no JSON object")
    return told


def table(value: object) -> Mapping[str, Any]:
    """An object; empty where it is none."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [row for row in value[:_ROWS] if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: object, longest: int = _TEXT) -> str | None:
    """Text on one line, or a whole number as text; None where it is empty or something else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # What no store can carry goes: NUL, and halves of surrogate pairs.
    whole = str(value)[: 4 * longest].replace("\x00", " ").encode("utf-8", "replace").decode()
    return " ".join(whole.split())[:longest].strip() or None


def name(*values: object) -> str | None:
    """An id or a number of something, as text: the first of `values` that is one.

    Shops post whole numbers, also beyond 2^53. What is empty, nought (some shops' word for none) or too long is none.
    """
    told = (text(value, _NAME + 1) for value in values)
    return next((each for each in told if each and len(each) <= _NAME and each != "0" and each.isprintable()), None)


def needed(value: object, where: str) -> str:
    """An id or number without which there is nothing to tell.

    Raises:
        InputError: it is not there.
    """
    told = name(value)
    if told is None:
        raise InputError(f"{where}: is missing")
    return told


def instant(value: object, *, utc: bool = False) -> str | None:
    """A time in ISO 8601, in UTC. One that is written without a zone is none, unless it is known to be `utc`."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value.strip())
        if time.tzinfo is None:
            if not utc:
                return None
            time = time.replace(tzinfo=UTC)
        return time.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


def unix(value: object) -> str | None:
    """A time in whole Unix seconds, as ISO 8601 in UTC."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 15:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return datetime.fromtimestamp(value, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def web_address(*values: object) -> str | None:
    """The first of `values` that is an http(s) address; None for any other, since it becomes a link."""
    return next(filter(_is_address, map(text, values)), None)


def _is_address(told: str | None) -> bool:
    if told is None or not told.isprintable() or " " in told:
        return False
    try:
        parts = urlsplit(told)
        return parts.scheme in ("http", "https") and parts.hostname is not None
    except ValueError:
        return False


def filled(**values: Any) -> dict[str, Any]:
    """Those of `values` that say something."""
    return {key: value for key, value in values.items() if value is not None and value != [] and value != {}}


def mark(*values: object) -> str:
    """A short hash of what a happening says, for the id of one that the shop gives none."""
    return sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]
