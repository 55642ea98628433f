"""Parts: counted as the network does, against a slow encoder that makes the very octets."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.testing.standins.twilio_rules import segments
from messaging_sms.parts import count, utf16_length

#: 3GPP TS 23.038, 6.2.1, by septet; its escape is no character.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
#: Octets of a part, and those that joining takes.
PART, HEADER = 140, 6


def septets(character: str) -> list[int] | None:
    """A character in the 7-bit alphabet; None if it has none."""
    if character in EXTENSION:
        return [0x1B, EXTENSION[character]]
    place = ALPHABET.find(character)
    return None if place < 0 or character == "\x1b" else [place]


def packed(codes: list[int]) -> bytes:
    """Septets in octets (6.1.2.1): bits one after the other, the lowest first."""
    bits = "".join(format(code, "07b")[::-1] for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))


def encode(text: str) -> list[bytes]:
    """The user data of each part, by trying what still fits."""
    seven = [septets(character) for character in text]
    if all(code is not None for code in seven):
        units: list[list[int]] = [code for code in seven if code is not None]

        def octets(codes: list[int]) -> bytes:
            return packed(codes)
    else:
        units = [list(character.encode("utf-16-be")) for character in text]
        octets = bytes
    whole = octets([code for unit in units for code in unit])
    if len(whole) <= PART:
        return [whole]
    parts: list[list[int]] = [[]]
    for unit in units:
        # The 7-bit alphabet begins on a septet after the header: 48 bits and one to fill.
        if len(octets(parts[-1] + unit)) > PART - HEADER or (seven and octets is not bytes and full(parts[-1], unit)):
            parts.append([])
        parts[-1] += unit
    return [octets(codes) for codes in parts]


def full(codes: list[int], unit: list[int]) -> bool:
    """Whether 7 bits each and the fill bit after the header do not go into the part."""
    return (len(codes) + len(unit)) * 7 + 1 > (PART - HEADER) * 8


texts = st.text(st.sampled_from("aZ 0\n@èÄ€[|\f") | st.sampled_from("aZ€łé😀–中"), max_size=400)


@given(texts)
@example("a" * 160)
@example("a" * 161)
@example("a" * 152 + "€" + "a" * 10)
@example("😀" * 35)
@example("😀" * 36)
@example("ł" + "😀" * 100)
def test_as_many_as_an_encoder_makes(text: str) -> None:
    assert count(text).number == len(encode(text)) == segments(text).parts


@given(st.text(max_size=300))
def test_any_text_is_counted(text: str) -> None:
    counted = count(text)
    assert counted.number == segments(text).parts
    assert (counted.because is None) == all(septets(character) is not None for character in text)
    assert utf16_length(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize(
    ("text", "number", "length", "because"),
    [
        ("", 1, 0, None),
        ("a" * 160, 1, 160, None),
        ("a" * 161, 2, 161, None),
        ("a" * 306, 2, 306, None),
        ("a" * 307, 3, 307, None),
        ("€" * 80, 1, 160, None),
        ("€" * 81, 2, 162, None),
        ("€" * 152, 2, 304, None),
        ("€" * 153, 3, 306, None),  # 76 to a part: the last septet cannot hold half of one
        ("é" * 160, 1, 160, None),
        ("ê" * 70, 1, 70, "ê"),
        ("ê" * 71, 2, 71, "ê"),
        ("a" * 69 + "ł", 1, 70, "ł"),
        ("ê" * 134, 2, 134, "ê"),
        ("ê" * 135, 3, 135, "ê"),
        ("😀" * 35, 1, 70, "😀"),
        ("😀" * 66, 2, 132, "😀"),  # 33 to a part: no pair is split
        ("😀" * 67, 3, 134, "😀"),
        ("`", 1, 1, "`"),
        ("ç", 1, 1, "ç"),
        ("\t", 1, 1, "\t"),
        ("’", 1, 1, "’"),
    ],
)
def test_at_the_borders(text: str, number: int, length: int, because: str | None) -> None:
    counted = count(text)
    assert (counted.number, counted.length, counted.because) == (number, length, because)


def test_says_which_character_is_dear() -> None:
    note = count("Naïve’s").note
    assert note == "“ï” (U+00EF LATIN SMALL LETTER I WITH DIAERESIS) leaves 70 characters a part, not 160"
    assert count("plain").note is None
