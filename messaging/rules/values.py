"""Typed values out of text: numbers, truths and dates as people and their tools write them.

Used for attributes, whose types messaging.toml declares, and for guessing those types from a file's columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Literal

from messaging.nouns.customer import AttributeValue

AttributeType = Literal["text", "number", "boolean", "date"]
#: Whether 3/4/2026 is a day in April or in March.
SlashOrder = Literal["dmy", "mdy"]

#: Longest text of one value, in characters.
MAX_TEXT = 10_000

_TRUE = frozenset({"true", "yes", "y", "1", "on", "ja", "oui", "si", "sí", "sim"})
_FALSE = frozenset({"false", "no", "n", "0", "off", "nein", "non", "não"})
#: A decimal point, or a decimal comma that cannot be one of thousands.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+|\d+,\d{1,2})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-.](\d{1,2})[-.](\d{4})(?:[ T,]+(\d{1,2}:\d{2}(?::\d{2})?))?")
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ ,]+(\d{1,2}:\d{2}(?::\d{2})?))?")


def read_text(text: str) -> str:
    """The text as it was written, without blanks around it; its lines end in \\n, whatever they ended in.

    Raises:
        ValueError: it has characters that no store can keep, or is too long.
    """
    if "\x00" in text:
        raise ValueError("has a NUL character")
    if len(text) > MAX_TEXT:
        raise ValueError(f"is longer than {MAX_TEXT:,} characters")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("has half of a surrogate pair")
    return text.strip().replace("\r\n", "\n").replace("\r", "\n")


def read_line(text: str) -> str:
    """The text on one line, words a blank apart: for names and places, which have no lines.

    Raises:
        ValueError: as `read_text`.
    """
    return " ".join(read_text(text).split())


def read_number(text: str) -> int | float:
    """`12`, `12.50` or `12,50`; at most 15 digits, as more would be rounded silently."""
    text = text.strip()
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("is not a number: write it like 12.50")
    if sum(character.isdigit() for character in text.lstrip("+-0")) > 15:
        raise ValueError("has more digits than a number keeps: declare it as text")
    text = text.replace(",", ".")
    return float(text) if "." in text else int(text)


def read_boolean(text: str) -> bool:
    """`true`, `yes`, `1` … or `false`, `no`, `0` …; nothing else."""
    word = text.strip().lower()
    if word not in _TRUE and word not in _FALSE:
        raise ValueError("is neither true nor false: write true, false, yes or no")
    return word in _TRUE


def means_yes(text: str) -> bool:
    """Whether it is a clear yes; for consent, everything else ("maybe") is a no."""
    return text.strip().lower() in _TRUE or text.strip().lower() in ("subscribed", "opted in", "active")


def read_date(text: str, *, order: SlashOrder | None = None, zone: tzinfo = UTC) -> date | datetime:
    """A day, or an aware time in UTC, from ISO 8601, `31-12-2026 10:30`, `31.12.2026`, or with slashes.

    Slashes are read by `order`; without one they must leave no doubt. `zone` is that of times that name none.
    """
    text = text.strip().removesuffix(" UTC")
    try:
        if match := _DAY_FIRST.fullmatch(text):
            text = _iso(match[3], match[2], match[1], match[4])
        elif match := _SLASHES.fullmatch(text):
            day_first = order == "dmy" if order else _day_first(int(match[1]), int(match[2]))
            day, month = (match[1], match[2]) if day_first else (match[2], match[1])
            text = _iso(match[3], month, day, match[4])
        if len(text) <= 10:
            return date.fromisoformat(text)
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        if "day or month" in str(error):
            raise
        raise ValueError("is not a date: write it like 2026-12-31") from None


def _iso(year: str, month: str, day: str, clock: str | None) -> str:
    text = f"{year}-{month:0>2}-{day:0>2}"
    return f"{text}T{clock:0>5}" if clock and clock.count(":") == 1 else f"{text}T{clock:0>8}" if clock else text


def _day_first(first: int, second: int) -> bool:
    if first <= 12 and second <= 12 and first != second:
        raise ValueError("may be day or month first: write dates like 2026-12-31, or say --dates dmy or mdy")
    return first > 12


def read_value(
    type: AttributeType, text: str, *, order: SlashOrder | None = None, zone: tzinfo = UTC
) -> AttributeValue:
    """The value of a declared type; a date as ISO text.

    Raises:
        ValueError: says what it is not.
    """
    if type == "number":
        return read_number(text)
    if type == "boolean":
        return read_boolean(text)
    if type == "date":
        return read_date(text, order=order, zone=zone).isoformat()
    return read_text(text)


@dataclass(slots=True)
class Guess:
    """What type a column has, from all its values; what is not surely something else is text."""

    seen: bool = False
    number: bool = True
    boolean: bool = True
    date: bool = True
    #: What the column's own dates say about their slashes.
    order: SlashOrder | None = None
    #: A date that could be read both ways.
    doubtful: bool = False

    def observe(self, text: str) -> None:
        """Take one value into account; an empty one says nothing."""
        text = text.strip()
        if not text:
            return
        self.seen = True
        # Postcodes and article numbers begin with a zero, telephone numbers with a plus that a number would lose.
        self.number = self.number and _is_plain(text) and _reads(read_number, text)
        self.boolean = self.boolean and text.lower() in ("true", "false", "yes", "no")
        self.date = self.date and self._is_date(text)

    def _is_date(self, text: str) -> bool:
        if match := _SLASHES.fullmatch(text):
            first, second = int(match[1]), int(match[2])
            if max(first, second) > 12:
                order: SlashOrder = "dmy" if first > 12 else "mdy"
                if self.order not in (None, order):
                    return False
                self.order = order
                return _reads(lambda text: read_date(text, order=order), text)
            self.doubtful = True
            return _reads(lambda text: read_date(text, order="dmy"), text)
        return _reads(read_date, text)

    @property
    def type(self) -> AttributeType:
        """The type that all values have."""
        if self.number:
            return "number"
        if self.boolean:
            return "boolean"
        if self.date and not (self.doubtful and self.order is None):
            return "date"
        return "text"


def _is_plain(text: str) -> bool:
    digits = text.removeprefix("-")
    return not (text[0] == "+" or (len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()))


def _reads(read: object, text: str) -> bool:
    assert callable(read)
    try:
        read(text)
    except ValueError:
        return False
    return True
