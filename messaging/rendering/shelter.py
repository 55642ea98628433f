"""Shelters Jinja2 code in HTML while tools that do not know it work on the HTML, and puts it back after.

In content a piece of code becomes a comment, in attribute values, styles and comments a word: forms that an
HTML parser and a CSS inliner carry along. Afterwards every one must be there again, in its order: if a tool
moved or lost one, the message would say something else, so that is an error with file and line.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from messaging.errors import TemplateError
from messaging.rendering.pieces import Kind, Piece, Writer, quote, source_of, write


class Place(Enum):
    """Where in the HTML a piece of code stands."""

    CONTENT = "content"
    ATTRIBUTE = "attribute"
    STYLE = "style"  # in a <style> element: it may go into many tags, or none
    TEXT = "text"  # in <title>, or inside a comment


@dataclass(frozen=True, slots=True)
class Sheltered:
    """A piece of code, where it stands, and what is put back for it: in HTML, and in plain text."""

    piece: Piece
    place: Place
    #: Which attribute value it is part of; 0: none.
    value: int
    html: str
    text: str


_TAG_NAME = re.compile(r"[A-Za-z][^\s/>]*")
_ATTRIBUTE = re.compile(r"\s*([^\s=>/\"']+)(\s*=\s*)?|\s*(/?>)|\s*([\"'=/])")
_BARE_VALUE = re.compile(r"[^\s>\"']+")
_OPEN_TAG = re.compile(r"</?\Z")
#: Elements whose content is text, not markup.
_TEXT_ELEMENTS = ("style", "script", "title", "textarea", "noscript", "xmp", "iframe", "noembed", "noframes")


class Shelter:
    """The code of one source, by number."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.items: list[Sheltered] = []
        #: Addresses of links without code in them -> the files and lines where they stand.
        self.addresses: dict[str, list[tuple[str, int]]] = {}
        self._word = "jt"
        data = "".join(piece.text for piece in pieces if piece.kind is Kind.DATA).lower()
        while re.search(rf"{self._word}\d", data):
            self._word += "t"
        #: Finds a sheltered piece in any of its forms: comment, whole style, word.
        self.pattern = re.compile(
            rf"<!--{self._word}(?P<comment>\d+)z-->"
            rf"|--{self._word}(?P<style>\d+)z:\s*0"
            rf"|{self._word}(?P<word>\d+)z"
        )

    def add(
        self, piece: Piece, place: Place, value: int = 0, *, html: str | None = None, text: str | None = None
    ) -> str:
        """Take in a piece; returns the word that stands for it."""
        html = source_of(piece) if html is None else html
        self.items.append(Sheltered(piece, place, value, html, html if text is None else text))
        return f"{self._word}{len(self.items) - 1}z"

    def find(self, text: str) -> list[int]:
        """The numbers of the pieces in `text`, in order."""
        return [number_of(match) for match in self.pattern.finditer(text)]

    def back(self, text: str, *, plain: bool = False) -> str:
        """`text` with the code in its places again, as HTML or as plain text."""
        writer = Writer()
        parts: list[str] = []
        position = 0
        for match in self.pattern.finditer(text):
            item = self.items[number_of(match)]
            # Text that became `{{` on the way (a character reference) stays text.
            parts.append(quote(text[position : match.start()]))
            parts.append(writer.code(item.piece, item.text if plain else item.html))
            position = match.end()
        return "".join([*parts, quote(text[position:])])

    def verify(self, text: str) -> None:
        """Check that all code came through.

        Raises:
            TemplateError: a piece is gone, doubled, or no longer between the same two statements.
        """
        found = self.find(text)
        wanted = [number for number in range(len(self.items)) if self._steers(number)]
        steering = [number for number in found if self._steers(number)]
        for number, expected in zip_longest(steering, wanted):
            if number != expected:
                raise self._moved(min(value for value in (number, expected) if value is not None))
        before = dict(self._statement_before(range(len(self.items))))
        for number, statement in self._statement_before(found):
            if before[number] != statement:
                raise self._moved(number)
        times = Counter(found)
        for number, item in enumerate(self.items):
            once = item.place is Place.CONTENT or item.piece.kind is not Kind.OUTPUT
            if item.place is not Place.STYLE and (times[number] == 0 or (once and times[number] > 1)):
                raise self._moved(number)
        self._verify_values(found)

    def _verify_values(self, found: Sequence[int]) -> None:
        """The pieces of one attribute's value stay in their order."""
        last: dict[int, int] = {}
        for number in found:
            item = self.items[number]
            if item.value and item.piece.kind is not Kind.OUTPUT and last.get(item.value, -1) > number:
                raise self._moved(number)
            if item.value:
                last[item.value] = number

    def _statement_before(self, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Each piece that has a place, with the statement in content that was last before it."""
        last = -1
        for number in numbers:
            if self._steers(number):
                last = number
            elif self.items[number].place is not Place.STYLE:
                yield number, last

    def _steers(self, number: int) -> bool:
        """Whether what comes after depends on it: statements in content. Attributes of a tag may change
        places.
        """
        item = self.items[number]
        return item.piece.kind is not Kind.OUTPUT and item.place is Place.CONTENT

    def _moved(self, number: int) -> TemplateError:
        piece = self.items[number].piece
        return TemplateError(
            f"{source_of(piece)[:60]} does not keep its place when the HTML is read",
            file=piece.file,
            line=piece.line,
            hint="it stands where HTML allows no text, or around half of an element",
        )


def number_of(match: re.Match[str]) -> int:
    """The number of the piece that a match of `Shelter.pattern` stands for."""
    return int(match["comment"] or match["style"] or match["word"])


def shelter(pieces: Sequence[Piece]) -> tuple[str, Shelter]:
    """The pieces as HTML without code, and the code.

    Raises:
        TemplateError: code stands inside a tag but not in a quoted value, or a statement in a style sheet.
    """
    keeper = Shelter(pieces)
    return _Scanner(keeper).scan(pieces), keeper


class _Scanner:
    """Walks through HTML far enough to know what kind of place it is in."""

    def __init__(self, keeper: Shelter) -> None:
        self._keeper = keeper
        self._out: list[str] = []
        #: "content", "comment", "tag", "value", or the name of a text element.
        self._state = "content"
        self._tag = ""
        self._attribute = ""
        self._after_equals = False
        self._quote = ""
        #: Pieces of the attribute value that is open.
        self._value: list[Piece] = []
        self._values = 0
        self._kept_style = False
        #: File and line where the attribute's value begins.
        self._place = ("", 0)
        #: The text that is read, a position in it, and the line there.
        self._counted: tuple[Piece | None, int, int] = (None, 0, 0)

    def scan(self, pieces: Sequence[Piece]) -> str:
        for piece in pieces:
            if piece.kind is Kind.DATA:
                self._data(piece)
            else:
                self._code(piece)
        self._close_value()
        return "".join(self._out)

    def _code(self, piece: Piece) -> None:
        if self._state == "value":
            self._value.append(piece)
        elif self._state == "tag" or (self._state == "content" and _OPEN_TAG.search("".join(self._out[-2:]))):
            if self._after_equals:
                raise _error("a value without quotes around it", piece, f'write {self._attribute}="…"')
            raise _error(
                "code inside a tag, outside of an attribute's value",
                piece,
                'put it into the value: class="{% if … %}a{% endif %}"',
            )
        elif self._state == "content":
            self._out.append(f"<!--{self._keeper.add(piece, Place.CONTENT)}-->")
        elif self._state == "style":
            if piece.kind is not Kind.OUTPUT and not self._kept_style:
                raise _error(
                    "a statement in a style sheet cannot be moved into the tags",
                    piece,
                    'put it into a style attribute, or mark the sheet <style data-css-inline="keep">',
                )
            self._out.append(self._keeper.add(piece, Place.TEXT if self._kept_style else Place.STYLE))
        else:
            self._out.append(self._keeper.add(piece, Place.TEXT))

    def _data(self, piece: Piece) -> None:
        text, position, length = piece.text, 0, len(piece.text)
        while position < length:
            step = getattr(self, f"_in_{self._state}", self._in_text)
            position = step(text, position, piece)

    def _until(self, text: str, position: int, end: str) -> tuple[int, bool]:
        """Copy up to and with `end`; whether it was there."""
        found = text.lower().find(end, position)
        stop = len(text) if found < 0 else found + len(end)
        self._out.append(text[position:stop])
        return stop, found >= 0

    def _in_content(self, text: str, position: int, piece: Piece) -> int:
        found = text.find("<", position)
        if found < 0:
            self._out.append(text[position:])
            return len(text)
        self._out.append(text[position:found])
        if text.startswith("<!--", found):
            self._state = "comment"
            self._out.append("<!--")
            return found + 4
        closing = text.startswith("</", found)
        match = _TAG_NAME.match(text, found + 1 + closing)
        if match is None:
            self._out.append("<")
            return found + 1
        self._tag = "" if closing else match[0].lower()
        self._state, self._after_equals, self._kept_style = "tag", False, False
        self._out.append(text[found : match.end()])
        return match.end()

    def _in_comment(self, text: str, position: int, piece: Piece) -> int:
        stop, closed = self._until(text, position, "-->")
        if closed:
            self._state = "content"
        return stop

    def _in_tag(self, text: str, position: int, piece: Piece) -> int:
        bare = _BARE_VALUE.match(text, position) if self._after_equals else None
        if bare is not None:
            self._place = self._place_of(text, position, piece)
            self._out.append(bare[0])
            self._address([Piece(Kind.DATA, bare[0], *self._place)])
            # At the end of the text it may go on with code.
            self._after_equals = bare.end() == len(text)
            return bare.end()
        match = _ATTRIBUTE.match(text, position)
        if match is None:
            self._out.append(text[position:])
            return len(text)
        self._out.append(match[0])
        if match[3]:
            self._state = self._tag if self._tag in _TEXT_ELEMENTS else "content"
        elif match[4] in ("'", '"') and self._after_equals:
            self._state, self._quote = "value", match[4]
            self._place = self._place_of(text, match.end(), piece)
            self._out[-1] = match[0][:-1]
        elif match[1] and not self._after_equals:
            self._attribute = match[1].lower()
            self._after_equals = match[2] is not None
        else:
            self._after_equals = False
        return match.end()

    def _in_value(self, text: str, position: int, piece: Piece) -> int:
        found = text.find(self._quote, position)
        stop = len(text) if found < 0 else found
        if stop > position:
            self._value.append(Piece(Kind.DATA, text[position:stop], piece.file, piece.line))
        if found < 0:
            return stop
        self._close_value()
        self._state, self._after_equals = "tag", False
        return found + 1

    def _close_value(self) -> None:
        if self._state != "value":
            return
        pieces, self._value = self._value, []
        self._values += 1
        self._address(pieces)
        if self._attribute == "style" and any(piece.kind is Kind.STATEMENT for piece in pieces):
            value = f"--{self._whole(pieces)}:0"
        else:
            value = "".join(piece.text if piece.kind is Kind.DATA else self._in_quotes(piece) for piece in pieces)
        if self._attribute == "data-css-inline" and value.lower() == "keep":
            self._kept_style = True
        self._out.append(f"{self._quote}{value}{self._quote}")

    def _address(self, value: Sequence[Piece]) -> None:
        """Keep where the address of a link stands: what the HTML tools make of it has no lines."""
        if self._attribute == "href" and all(piece.kind is Kind.DATA for piece in value):
            address = html.unescape("".join(piece.text for piece in value)).strip()
            self._keeper.addresses.setdefault(address, []).append(self._place)

    def _place_of(self, text: str, position: int, piece: Piece) -> tuple[str, int]:
        last, start, line = self._counted
        if last is not piece:
            start, line = 0, piece.line
        line += text.count("\n", start, position)
        self._counted = (piece, position, line)
        return piece.file, line

    def _in_quotes(self, piece: Piece) -> str:
        """Code in an attribute's value: what it shows must not end the value."""
        safe = source_of(_unquoting(piece))
        return self._keeper.add(piece, Place.ATTRIBUTE, self._values, html=safe, text=source_of(piece))

    def _whole(self, pieces: list[Piece]) -> str:
        """A style with statements in it as one declaration: CSS has no place for parts of declarations."""
        first = next(piece for piece in pieces if piece.kind is not Kind.DATA)
        code = write(
            Piece(piece.kind, piece.text.replace('"', "&quot;"), piece.file, piece.line)
            if piece.kind is Kind.DATA
            else _unquoting(piece)
            for piece in pieces
        )
        whole = Piece(Kind.OUTPUT, "…", first.file, first.line)
        return self._keeper.add(whole, Place.ATTRIBUTE, self._values, html=code, text="")

    def _in_text(self, text: str, position: int, piece: Piece) -> int:
        found = text.lower().find(f"</{self._state}", position)
        stop = len(text) if found < 0 else found
        self._out.append(text[position:stop])
        if found >= 0:
            self._state = "content"
        return stop


def _unquoting(piece: Piece) -> Piece:
    """An output whose quotes are escaped: those of captured markup and of JSON are not otherwise."""
    if piece.kind is not Kind.OUTPUT:
        return piece
    return Piece(piece.kind, f"({piece.text}) | _quoted", piece.file, piece.line)


def _error(message: str, piece: Piece, hint: str) -> TemplateError:
    return TemplateError(f"{source_of(piece)[:60]}: {message}", file=piece.file, line=piece.line, hint=hint)
