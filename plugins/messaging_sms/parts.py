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
        return f"“{self.because}” ({_name(self.because)}) leaves 70 characters a part, not 160"


def count(text: str) -> Parts:
    """The parts of a text. An empty one is a part too."""
    because = next((character for character in text if character not in _GSM_7), None)
    if because is None:
        double = [character in _EXTENSION for character in text]
        return Parts(_number(double, alone=160, joined=153), len(double) + sum(double))
    double = [character > "\uffff" for character in text]
    return Parts(_number(double, alone=70, joined=67), len(double) + sum(double), because)


def utf16_length(text: str) -> int:
    """Characters as providers count them: UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _number(double: list[bool], *, alone: int, joined: int) -> int:
    places = len(double) + sum(double)
    if places <= alone:
        return 1
    number, left = 1, joined
    for is_double in double:
        size = 2 if is_double else 1
        if size > left:
            number, left = number + 1, joined
        left -= size
    return number


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
