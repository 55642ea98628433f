"""Header fields as bytes: guarded, encoded, folded.

Python's own `email` package lets a value such as `=?utf-8?q?Hi=0D=0ABcc:_x=40evil.example?=` become a header
line of its own on many patch levels (CVE-2024-6923, CVE-2026-1299), so it is not used here. Rules: RFC 5322
(fields, folding), RFC 2047 (encoded words), RFC 6532 (UTF-8 in addresses).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache

from messaging import InputError

#: C0, DEL, C1, the line and paragraph separators, and halves of surrogate pairs: nothing of it is text.
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
#: A field as it leaves: its name, and lines of which none is empty or blank.
_FIELD = re.compile(rb"(([A-Za-z][A-Za-z0-9-]*): ?[^\r\n\0]{0,996}\r\n(?:[ \t]+[^\s\0][^\r\n\0]{0,996}\r\n)*)")
_WORDS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
#: RFC 5322 2.1.1: lines should have at most 78 characters and must not have more than 998.
_LINE = 78
_LONGEST_LINE = 998
#: RFC 2047 2: a line with an encoded word has at most 76 characters, the word 75; 12 of them are its frame.
_ENCODED_LINE = 76
_FRAME = len("=?utf-8?B??=")


class Unmailable(InputError):
    """The message cannot be a mail: an address is wrong, a header is not safe, or nothing is in it."""


def guard(text: str) -> str:
    """`text` as one line that no reader takes for more than text.

    What breaks a line or is no text becomes a space; `=?` is parted, since what it decodes to
    can have line breaks again.
    """
    if text.isprintable() and "=?" not in text:
        return text.strip()
    text = _UNFIT.sub(" ", text)
    while "=?" in text:
        text = text.replace("=?", "= ?")
    return text.strip()


def unstructured(name: str, text: str) -> bytes:
    """`Name: text` with its line end, for fields that are prose (Subject)."""
    text = guard(text)
    if text.isascii():
        line = f"{name}: {text}"
        if len(line) <= _LINE:
            return f"{line}\r\n".encode("ascii")
        folded = _fold(line)
        if folded is not None:
            return folded
    return f"{name}: {_encoded(text, len(name) + 2)}\r\n".encode("ascii")


def verbatim(name: str, value: str) -> bytes:
    """`Name: value` with its line end, for fields with a grammar (List-Unsubscribe); folded at spaces only.

    Raises:
        Unmailable: the name is none, or the value cannot stand in a header as it is.
    """
    if not _is_name(name):
        raise Unmailable("the name of a header is not made of letters, digits and dashes")
    if not value.isascii() or not value.isprintable() or "=?" in value:
        raise Unmailable(f"header {name} has characters that a header cannot carry")
    line = f"{name}: {value}"
    if len(line) <= (_LINE if " " in value else _LONGEST_LINE):
        return f"{line}\r\n".encode("ascii")
    folded = _fold(line, longest=_LONGEST_LINE)
    if folded is None:
        raise Unmailable(f"header {name} has more than {_LONGEST_LINE} characters in a line")
    return folded


def mailbox(name: str, display: str, spec: str) -> bytes:
    """`Name: display <spec>` with its line end; `spec` is one checked address, in UTF-8 if it has to be."""
    display = guard(display)
    if not display:
        return f"{name}: {spec}\r\n".encode()
    phrase = _phrase(display)
    if not phrase.isascii() or len(name) + len(": ") + len(phrase) > _LINE:
        phrase = _encoded(display, len(name) + 2)
    # The address may be long: it has a line of its own where it does not fit beside the name.
    longest = _ENCODED_LINE if phrase.startswith("=?") else _LINE
    gap = " " if len(name) + 2 + len(phrase) + len(spec) + 3 <= longest else "\r\n "
    return f"{name}: {phrase}{gap}<{spec}>\r\n".encode()


def names(block: bytes) -> list[str]:
    """The names of the fields in a header block, as a reader of mail finds them.

    Raises:
        Unmailable: the block has a line end that is not CRLF, a control character, or a line that belongs to
        no field.
    """
    fields = _FIELD.findall(block)
    if b"".join(field for field, _ in fields) != block:
        raise Unmailable("the headers are not safe to send")
    return [name.decode("ascii") for _, name in fields]


@lru_cache(256)
def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _phrase(display: str) -> str:
    """`display` as words, or as a quoted string where it has anything else (RFC 5322 3.2.5)."""
    if _WORDS.fullmatch(display):
        return display
    escaped = display.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _fold(line: str, *, longest: int = _LINE) -> bytes | None:
    """`line` broken before spaces; None if a piece stays longer than `longest`."""
    head, *words = line.split(" ")
    if not all(words):
        return None  # runs of spaces: a line of nothing but spaces would end the headers for some readers
    lines = [f"{head} {words[0]}" if words else head]  # never the name alone
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) <= _LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    if max(map(len, lines)) > longest:
        return None
    return "\r\n".join([*lines, ""]).encode("ascii")


def _encoded(text: str, used: int) -> str:
    """`text` as RFC 2047 encoded words, one a line; `used` characters of the first line are taken."""
    words = (f"=?utf-8?B?{b64encode(piece).decode('ascii')}?=" for piece in _pieces(text, used))
    return "\r\n ".join(words)


def _pieces(text: str, used: int) -> Iterator[bytes]:
    """`text` in UTF-8, cut between characters so that each piece fits an encoded word on its line."""
    room = (_ENCODED_LINE - used - _FRAME) // 4 * 3
    piece = bytearray()
    for character in text:
        data = character.encode()
        if len(piece) + len(data) > room:
            yield bytes(piece)
            piece.clear()
            room = (_ENCODED_LINE - 1 - _FRAME) // 4 * 3
        piece += data
    yield bytes(piece)
