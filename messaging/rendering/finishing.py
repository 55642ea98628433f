"""What is done to a part after it was rendered, to its text and to its pieces alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import orjson

from messaging.errors import TemplateError
from messaging.nouns.pieces import Pieces

#: Prepared parts that one line is made of.
LINES = ("subject", "preheader")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ufeff]+")
_BLANK_LINES = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_HALVES = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")
_NO_BREAK = re.compile("[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]")
#: Inside of `=?`.
_ENCODED_WORD = re.compile(r"(?<==)(?=\?)")

#: A span of a text, and what shall stand there.
Edit = tuple[int, int, str]


def finished(part: str, text: str, template: str, *, channel: str = "email") -> str:
    """The text of a part as it goes out.

    In a text message a space is a space: one that does not break is not in the alphabet of the network, and would leave
    70 characters to a part instead of 160.

    Raises:
        TemplateError: it shall be JSON, and is none.
    """
    if part in LINES:
        return one_line(text)
    text = _encodable(text)
    if part == "json":
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise TemplateError(
                f"template {template}: the result is not JSON: {error}",
                hint="write {{ value }} without quotes for a value, inside quotes for text",
            ) from None
        return text
    if part in ("text", "body"):
        if channel == "sms":
            text = _NO_BREAK.sub(" ", text)
        return _BLANK_LINES.sub("\n\n", text).strip("\n") if "\n" in text else text.strip()
    return text


def one_line(text: str) -> str:
    """Text as a header can carry it: one line, no control characters, nothing that reads as an encoded word.

    RFC 2047: what looks like `=?charset?q?…?=` would be decoded by the reader's client, and by some Python
    versions' own mail library into line breaks.
    """
    return " ".join(_CONTROL.sub(" ", _encodable(text)).split()).replace("=?", "= ?")


def inert(part: str, values: Sequence[str], *, channel: str = "email") -> bool:
    """Whether such values surely go out as they are, and what stands around them as it would around letters."""
    joined = "".join(values)
    if part == "json" or _encodable(joined) != joined:
        return False
    if part in LINES:
        bare = joined.isprintable() and "=" not in joined and "?" not in joined
        return bare and all(values) and all(" ".join(value.split()) == value for value in values)
    if part in ("text", "body"):
        if "\n" in joined or (channel == "sms" and not joined.isascii()):
            return False
        return all(values) and list(map(str.strip, values)) == list(values)
    return True


def finished_pieces(part: str, raw: Pieces, text: str, *, channel: str = "email") -> Pieces:
    """The pieces of `text`, which `finished` made of what those of `raw` join to."""
    whole = raw.text
    if whole == text:
        return raw
    flat = [""] * (len(raw.skeleton) + len(raw.values))
    flat[::2], flat[1::2] = raw.skeleton, raw.values
    flat = _replaced(flat, _HALVES, "?")
    if part in LINES:
        flat = _replaced(flat, _CONTROL, " ")
        flat = _replaced(_stripped(flat, None), _SPACES, " ")
        flat = _replaced(flat, _ENCODED_WORD, " ")
    elif part in ("text", "body"):
        if channel == "sms":
            flat = _replaced(flat, _NO_BREAK, " ")
        flat = _stripped(_replaced(flat, _BLANK_LINES, "\n\n"), "\n" if "\n" in whole else None)
    return Pieces(tuple(flat[::2]), tuple(flat[1::2]))


def _encodable(text: str) -> str:
    """The text without halves of surrogate pairs, which no encoding can carry."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _replaced(flat: list[str], pattern: re.Pattern[str], replacement: str) -> list[str]:
    matches = pattern.finditer("".join(flat))
    return _edited(flat, [(match.start(), match.end(), replacement) for match in matches])


def _stripped(flat: list[str], characters: str | None) -> list[str]:
    text = "".join(flat)
    begin = len(text) - len(text.lstrip(characters))
    end = max(begin, len(text.rstrip(characters)))
    return _edited(flat, [(first, last, "") for first, last in ((0, begin), (end, len(text))) if first < last])


def _edited(flat: list[str], edits: Iterable[Edit]) -> list[str]:
    """`flat` after `edits` of what it joins to, in order; what is put in goes to the piece where its span begins."""
    left = iter(edits)
    edit = next(left, None)
    if edit is None:
        return flat
    made: list[str] = []
    start = taken = 0
    for piece in flat:
        end = start + len(piece)
        kept: list[str] = []
        while edit is not None and edit[0] < end:
            kept += (piece[taken - start : edit[0] - start], edit[2])
            taken = edit[1]
            edit = next(left, None)
        if taken < end:
            kept.append(piece[taken - start :])
            taken = end
        made.append("".join(kept))
        start = end
    return made
