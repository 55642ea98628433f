"""How many parts the network makes of a text, and charges for (3GPP TS 23.038 and 23.040).

A part has 140 octets. A text of the GSM 7-bit alphabet fills it with 160 characters; any other is sent as UCS-2, 70 to
a part. A longer text is sent in parts that each give 6 octets away to be joined by: 153 and 67. What takes two places
(a character of the extension table, a surrogate pair) is never split over two parts.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: Each takes an escape and itself.
_EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM_7 = _BASIC | _EXTENSION


@dataclass(frozen=True, slots=True)
class Parts:
    """What the network makes of a text."""

    number: int
    #: Septets, or UTF-16 code units: an emoji is two.
    length: int
    #: The first character that the 7-bit alphabet does not have: it makes the whole text UCS-2.
    because: str | None = None

    @property
    def note(self) -> str | None:
        """What makes it dear, for a person."""
        if self.because is None:
            return None
        shown = f"“{self.because}” " if self.because.isprintable() else ""
        return f"{shown}({_name(self.because)}) leaves 70 characters a part, not 160"


def count(text: str) -> Parts:
    """The parts of a text. An empty one is a part too."""
    letters = set(text)
    if letters <= _GSM_7:
        double, alone, joined, because = letters & _EXTENSION, 160, 153, None
    else:
        double, alone, joined = {letter for letter in letters if letter > "\uffff"}, 70, 67
        because = next(letter for letter in text if letter not in _GSM_7)
    length = len(text) + sum(map(text.count, double))
    if length <= alone:
        return Parts(1, length, because)
    return Parts(_joined(text, double, joined) if double else -(-length // joined), length, because)


def utf16_length(text: str) -> int:
    """Characters as providers count them: UTF-16 code units."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def is_writable(text: str) -> bool:
    """Whether it can be sent at all: no half of a surrogate pair is in it."""
    return not any("\ud800" <= letter <= "\udfff" for letter in set(text))


def _joined(text: str, double: set[str], size: int) -> int:
    """How many parts of `size` places it takes, if a letter of `double` takes two that belong together."""
    number, left = 1, size
    for letter in text:
        places = 2 if letter in double else 1
        if places > left:
            number, left = number + 1, size
        left -= places
    return number


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
