"""Finds the links of a part and makes each a numbered slot, so that every place of every link is told apart.

An address that is known now goes into the slot; one that is known only per message is handed over when it is
rendered. Mail, telephone and in-page links, unsubscribe and preferences are left as they are.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.template import LinkSlot
from messaging.rendering.addresses import MAX_ADDRESS, is_direct, is_web
from messaging.rendering.constants import Constants
from messaging.rendering.foreign import silent
from messaging.rendering.pieces import Kind, Piece, source_of
from messaging.rendering.shelter import Place, Shelter, Sheltered, number_of
from messaging.rules.tokens import MAX_SLOT

_ATTRIBUTES = r"""(?:[^\s=>"'/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']+))?[\s/]*)*"""
_TAG = re.compile(rf"<([A-Za-z][\w:-]*)\s+({_ATTRIBUTES})>")
_ADDRESS = re.compile(
    r"""(?<![\w-])(href|srcset|src|background|action|formaction|data|poster)(\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE
)
#: Their addresses are loaded or completed, not clicked: only looked at, as those of images are.
_NOT_FOLLOWED = ("link", "base")
_WEB_TEXT = re.compile(r"https?://[^\s<>\"'()\[\]{}]+", re.IGNORECASE)
_PUNCTUATION = ".,;:!?"
#: An output that is nothing but a path to an address: `order.url`, `shipment.tracking_url`.
_URL_NAME = re.compile(r"(?:\w+\.)*(?:\w+_)?url")
_OWN = ("unsubscribe_url", "preferences_url")
_BRAND = re.compile(r"brand\.(\w+)")


@dataclass(frozen=True, slots=True)
class _Address:
    """An address as written: literal text and code in turn."""

    parts: tuple[str | Sheltered, ...]

    @property
    def code(self) -> list[Sheltered]:
        return [part for part in self.parts if isinstance(part, Sheltered)]

    def known(self, brand: Mapping[str, Any]) -> str | None:
        """The address, if all of it is known now: literal, or the brand's, which the version freezes."""
        texts = []
        for part in self.parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            match = _BRAND.fullmatch(part.piece.text) if part.piece.kind is Kind.OUTPUT else None
            value = brand.get(match[1]) if match else None
            if not isinstance(value, str):
                return None
            texts.append(value)
        return "".join(texts)

    def expression(self) -> str | None:
        """A Jinja2 expression for the address; None: it has statements in it."""
        if any(code.piece.kind is not Kind.OUTPUT for code in self.code):
            return None
        terms = (f"({part.piece.text})" if isinstance(part, Sheltered) else _literal(part) for part in self.parts)
        return " ~ ".join(terms)


class Links:
    """Gives numbers to the links of a version, part by part."""

    def __init__(self, brand: Mapping[str, Any]) -> None:
        self.slots: list[LinkSlot] = []
        #: (where, what is wrong): addresses that lead nowhere a mail client would go.
        self.problems: list[TemplateError] = []
        self._brand = brand

    def in_html(
        self,
        text: str,
        keeper: Shelter,
        *,
        channel: str,
        locale: str,
        file: str,
        before: Sequence[Piece] = (),
    ) -> str:
        """`text` with a word of `keeper` for every address to follow; `before` is code in front of it."""
        constants = Constants(text, keeper, self._brand)
        constants.learn(before)

        def tag(match: re.Match[str]) -> str:
            name = match[1].lower()

            def attribute(found: re.Match[str]) -> str:
                if found[1].lower() == "data" and name != "object":
                    return found[0]
                value = found[3][1:-1]
                address = _read(value, keeper)
                if found[1].lower() != "href" or name in _NOT_FOLLOWED:
                    word = self._image(address, keeper, several=found[1].lower() == "srcset")
                else:
                    constants.read_to(match.start())
                    label = _label(text, match.end(), keeper, constants) if name == "a" else ""
                    word = self._link(address, keeper, label, channel=channel, locale=locale, part="html", file=file)
                return found[0] if word is None else f'{found[1]}{found[2]}"{word}"'

            return f"<{match[1]} {_ADDRESS.sub(attribute, match[2])}>"

        return _TAG.sub(tag, text)

    def in_text(self, pieces: Sequence[Piece], *, channel: str, locale: str, part: str, file: str) -> list[Piece]:
        """The pieces of a plain text, cut into lines, with a call for every address to be followed."""
        keeper = Shelter(pieces)
        texts = [piece.text if piece.kind is Kind.DATA else keeper.add(piece, Place.TEXT) for piece in pieces]
        ends = list(accumulate(map(len, texts)))
        where: dict[str, Any] = {"channel": channel, "locale": locale, "part": part, "file": file}

        def web(match: re.Match[str]) -> str:
            address, rest = _ending(match[0], keeper)
            line = pieces[bisect_right(ends, match.start())].line
            word = self._link(_read(address, keeper, plain=True), keeper, "", **where, line=line)
            return match[0] if word is None else word + rest

        def alone(match: re.Match[str]) -> str:
            item = keeper.items[number_of(match)]
            if item.piece.kind is not Kind.OUTPUT or not _URL_NAME.fullmatch(item.piece.text):
                return match[0]
            return self._link(_Address((item,)), keeper, "", **where) or match[0]

        text = keeper.pattern.sub(alone, _WEB_TEXT.sub(web, "".join(texts)))
        return _pieces(text, keeper, file)

    def _link(
        self,
        address: _Address,
        keeper: Shelter,
        label: str,
        *,
        channel: str,
        locale: str,
        part: str,
        file: str,
        line: int | None = None,
    ) -> str | None:
        """The word for a link's call; None: it stays as it is."""
        code = address.code
        if len(code) == len(address.parts) == 1 and code[0].piece.text in _OWN:
            return None
        first = address.parts[0] if address.parts else ""
        target = address.known(self._brand)
        if (isinstance(first, str) and is_direct(first)) or (target is not None and is_direct(target)):
            return None
        wrong = target if not code else first if isinstance(first, str) and not is_web(first + "x") else None
        if wrong is not None and not is_web(wrong):
            place = (code[0].piece.file, code[0].piece.line) if code else self._place(wrong, keeper) or (file, line)
            self.problems.append(_not_web(wrong, *place))
            return None
        if target is not None and not is_web(target):
            target = None
        if len(self.slots) == MAX_SLOT:
            raise TemplateLimit(
                f"a template may have {MAX_SLOT:,} links, all its channels and languages together",
                file=file,
                hint="take out what nobody would click, or make two templates of it",
            )
        slot = len(self.slots) + 1
        written = "".join(part if isinstance(part, str) else source_of(part.piece) for part in address.parts)
        self.slots.append(
            LinkSlot(
                slot=slot,
                channel=channel,
                locale=locale,
                part=part,
                label=label or target or written,
                target=target,
            )
        )
        return _call(f"{slot} | _click", None if target is not None else address, keeper)

    @staticmethod
    def _place(address: str, keeper: Shelter) -> tuple[str, int] | None:
        """Where the next link to `address` stands in the source."""
        places = keeper.addresses.get(address)
        return places.pop(0) if places else None

    def _image(self, address: _Address, keeper: Shelter, *, several: bool) -> str | None:
        # A literal beginning decides where an image is from; in a list of them, only where the first is.
        if not address.code or (isinstance(address.parts[0], str) and not several):
            return None
        guard = "_images" if several else "_image"
        expression = address.expression()
        if expression is not None:
            return _output(f"({expression}) | {guard}", address.code[0].piece, keeper)
        return _captured(address, f"_h | {guard}", keeper)


def _call(call: str, address: _Address | None, keeper: Shelter) -> str:
    if address is None:
        return _output(call, None, keeper)
    expression = address.expression()
    if expression is not None:
        return _output(f"{call}({expression})", address.code[0].piece, keeper)
    return _captured(address, f"{call}(_h)", keeper)


def _output(code: str, origin: Piece | None, keeper: Shelter) -> str:
    return keeper.add(_at(origin, code), Place.ATTRIBUTE)


def _captured(address: _Address, call: str, keeper: Shelter) -> str:
    """An address with statements in it: written into a variable first."""
    forms = []
    for escape in (html.escape, str):
        body = "".join(escape(part) if isinstance(part, str) else source_of(part.piece) for part in address.parts)
        forms.append(f"{{% set _h %}}{body}{{% endset %}}{{{{ {call} }}}}")
    return keeper.add(_at(address.code[0].piece, call), Place.ATTRIBUTE, html=forms[0], text=forms[1])


def _at(origin: Piece | None, code: str) -> Piece:
    return Piece(Kind.OUTPUT, code, origin.file if origin else "", origin.line if origin else 0)


def _read(value: str, keeper: Shelter, *, plain: bool = False) -> _Address:
    parts: list[str | Sheltered] = []
    position = 0
    for match in keeper.pattern.finditer(value):
        parts.append(value[position : match.start()])
        parts.append(keeper.items[number_of(match)])
        position = match.end()
    parts.append(value[position:])
    read = parts if plain else [html.unescape(part) if isinstance(part, str) else part for part in parts]
    for end, strip in ((0, str.lstrip), (-1, str.rstrip)):
        outer = read[end]
        if isinstance(outer, str) and not plain:
            read[end] = strip(outer)
    return _Address(tuple(part for part in read if part != ""))


def _label(text: str, start: int, keeper: Shelter, constants: Constants) -> str:
    """What a reader sees of the link that begins before `start`: its text, or its image's."""
    end = text.lower().find("</a", start)
    inner = text[start : end if end >= 0 else start]
    inner = keeper.pattern.sub(lambda match: _shown(keeper.items[number_of(match)], constants), inner)
    alts = re.findall(r"""<img\b[^>]*?\salt\s*=\s*["']([^"']*)""", inner, re.IGNORECASE)
    words = html.unescape(re.sub(r"<[^>]*>", " ", inner)).split() or " ".join(map(html.unescape, alts)).split()
    return " ".join(words)[:80]


def _shown(item: Sheltered, constants: Constants) -> str:
    if item.piece.kind is not Kind.OUTPUT:
        return ""
    known = constants.value(item.piece.text)
    return html.escape(known if isinstance(known, str) else source_of(item.piece))


def _ending(address: str, keeper: Shelter) -> tuple[str, str]:
    """An address found in text, cut before a statement and before the punctuation of its sentence."""
    end = len(address)
    for match in keeper.pattern.finditer(address):
        if keeper.items[number_of(match)].piece.kind is not Kind.OUTPUT:
            end = match.start()
            break
    stripped = address[:end].rstrip(_PUNCTUATION)
    return stripped, address[len(stripped) :]


def _pieces(text: str, keeper: Shelter, file: str) -> list[Piece]:
    pieces: list[Piece] = []
    position = 0
    for match in keeper.pattern.finditer(text):
        item = keeper.items[number_of(match)]
        pieces.append(Piece(Kind.DATA, text[position : match.start()], file, 0))
        whole = item.text != source_of(item.piece)
        pieces.append(Piece(Kind.CODE, item.text, item.piece.file, item.piece.line) if whole else item.piece)
        position = match.end()
    return [*pieces, Piece(Kind.DATA, text[position:], file, 0)]


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _not_web(address: str, file: str, line: int | None) -> TemplateError:
    if len(address) > MAX_ADDRESS:
        problem = f"the link {address[:60] + '…'!r} has {len(address):,} characters; {MAX_ADDRESS:,} are the most"
        return TemplateError(problem, file=file, line=line)
    other = next(silent(address), None)
    problem = f"the link {address[:60]!r} is " + (f"written in {other[0].language}" if other else "not http(s)")
    hint = f"write {other[0].ours}" if other else "write the whole address: https://…; mailto: and tel: work too"
    return TemplateError(problem, file=file, line=line, hint=hint)
