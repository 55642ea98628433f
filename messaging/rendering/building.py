"""Builds a version from a template: flattens, inlines, derives the text, numbers the links. Pure, and
unprotected: `prepare` runs it in a process of its own, because a source may be made to hurt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from jinja2 import TemplateSyntaxError

from messaging.errors import TemplateError, TemplateLimit
from messaging.ids import digest
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.compiled import Compiled
from messaging.rendering.environment import NOTHING, Additions, Sandbox, stand_in
from messaging.rendering.flatten import flatten
from messaging.rendering.foreign import misread
from messaging.rendering.guard import refuse
from messaging.rendering.inlining import inline_styles, mjml_to_html
from messaging.rendering.linking import Links
from messaging.rendering.pieces import (
    Kind,
    Origins,
    Piece,
    lines_alone,
    source_of,
    syntax_error,
    without_marks,
    write,
    written_in,
)
from messaging.rendering.shelter import Place, Shelter, shelter
from messaging.rendering.survey import Look
from messaging.rendering.texts import text_from_html

Key = tuple[str, str, str]
Problem = Callable[[TemplateError], None]

#: Prepared part -> what it is made of.
_WRITTEN_AS = {"html": ("html", "mjml"), "text": ("text", "html", "mjml"), "json": ("body",)}

#: Shown beside the subject in a list of messages, never in the message. The filler keeps what follows out of
#: it.
_PREHEADER = (
    '<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all">'
    "{}" + "&nbsp;&zwnj;" * 40 + "</div>"
)
_PIXEL = '<img src="{}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
_COMMENT = re.compile(r"<!--(?!\[if|<!|-->)(?!\s*<!\[endif)((?:(?!-->).)*)-->", re.DOTALL)
_DOCUMENT = re.compile(r"<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_JSON_QUOTE = re.compile(r'\\.|"', re.DOTALL)


def build(
    template: Template,
    brand: Mapping[str, Any],
    *,
    from_: str,
    reply_to: str | None,
    additions: Additions = NOTHING,
    problem: Problem,
    look: Look | None = None,
    at: Callable[[str], None] = lambda file: None,
) -> TemplateVersion:
    """The version of `template`.

    Args:
        additions: what plugins bring.
        problem: told of everything that is wrong and can be worked around; the first may be raised from it.
        look: told of each source once it could be read.
        at: told which file is being worked on.

    Raises:
        TemplateError: a part cannot be prepared.
    """
    builder = _Builder(template, brand, additions, problem, look, at)
    parts = {channel: builder.channel(channel) for channel in template.channels}
    builder.compile(parts)
    content = {
        "template": template.name,
        "class": template.message_class.value,
        "topic": template.topic,
        "channels": template.channels,
        "fallbacks": dict(template.fallbacks),
        "parts": {
            channel: {
                locale: {part: without_marks(source) for part, source in by_part.items()}
                for locale, by_part in by_locale.items()
            }
            for channel, by_locale in parts.items()
        },
        "brand": dict(brand),
        "from": template.from_ or from_,
        "reply_to": template.reply_to or reply_to,
    }
    canonical = orjson.dumps(content, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return TemplateVersion(
        version=digest("template", canonical.decode()),
        template=template.name,
        message_class=template.message_class,
        topic=template.topic,
        channels=template.channels,
        fallbacks=dict(template.fallbacks),
        parts=parts,
        links=tuple(builder.links.slots),
        brand=dict(brand),
        from_=template.from_ or from_,
        reply_to=template.reply_to or reply_to,
    )


class _Builder:
    def __init__(
        self,
        template: Template,
        brand: Mapping[str, Any],
        additions: Additions,
        problem: Problem,
        look: Look | None,
        at: Callable[[str], None],
    ) -> None:
        self._template = template
        self._problem = problem
        self._at = at
        self._current = template.name
        self._look = look
        self._html = stand_in(additions, html=True)
        self._text = stand_in(additions, html=False)
        self._flats: dict[Key, list[Piece]] = {}
        #: Shared files that Jinja2 can read.
        self._read: set[str] = set()
        self.links = Links(brand)

    def channel(self, channel: str) -> dict[str, dict[str, str]]:
        """Locale -> part -> prepared source; each locale is whole."""
        locales = sorted({locale for found, locale, _ in self._template.sources if found == channel})
        prepared: dict[str, dict[str, str]] = {}
        for locale in locales:
            try:
                prepared[locale] = self._locale(channel, locale)
            except TemplateLimit:
                raise
            except (RecursionError, MemoryError):
                raise TemplateLimit("it is too large or too deeply nested to be prepared", file=self._current) from None
            except TemplateError as error:
                # What is wrong with the others is worth knowing too.
                self._problem(error)
        return prepared

    def compile(self, parts: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        """Compile everything once: what the compiler chokes on must not get further than this process."""
        for channel, by_locale in parts.items():
            for locale, by_part in by_locale.items():
                for part, source in by_part.items():
                    key = self._nearest(channel, locale, *_WRITTEN_AS.get(part, (part,)))
                    file = self._file(key) if key is not None else self._template.name
                    Compiled(self._html if part == "html" else self._text, source, file)

    def _locale(self, channel: str, locale: str) -> dict[str, str]:
        parts: dict[str, str] = {}
        if channel == "email":
            subject = self._nearest(channel, locale, "subject")
            if subject is None:
                raise TemplateError(
                    "an email needs a subject",
                    file=f"templates/{self._template.name}/template.toml",
                    hint='write subject = "…"',
                )
            parts["subject"] = self._line(subject)
            preheader = self._nearest(channel, locale, "preheader")
            if preheader is not None and self._template.sources[preheader].strip():
                parts["preheader"] = self._line(preheader)
            self._email(locale, parts)
            return parts
        part = "text" if channel == "sms" else "body"
        key = self._nearest(channel, locale, part)
        if key is not None:
            if self._template.files[key].endswith(".json"):
                parts["json"] = self._json(key)
            else:
                parts[part] = self._plain(key, locale)
        return parts

    def _email(self, locale: str, parts: dict[str, str]) -> None:
        """HTML and text. Text that is written in a nearer language than the HTML's is kept; else it is
        derived.
        """
        written = self._nearest("email", locale, "text")
        page = self._nearest("email", locale, "html", "mjml")
        if page is not None:
            parts["html"], derived = self._page(page, locale, "preheader" in parts)
            if written is None or len(written[1]) < len(page[1]):
                parts["text"] = derived
                return
        if written is not None:
            parts["text"] = self._plain(written, locale)

    def _page(self, key: Key, locale: str, has_preheader: bool) -> tuple[str, str]:
        """Prepared HTML, and the text derived from it."""
        file = self._file(key)
        pieces = _stripped(self._flat(key, html=True))
        before, pieces = _outside(pieces)
        text, keeper = shelter(pieces)
        text = mjml_to_html(text, file) if key[2] == "mjml" else _whole(text)
        text = _COMMENT.sub(lambda match: match[0] if keeper.find(match[0]) else "", inline_styles(text, file))
        keeper.verify(text)
        text = self.links.in_html(text, keeper, channel="email", locale=locale, file=file, before=before)
        self._flush_problems()
        plain = write(before) + keeper.back(text_from_html(text, keeper), plain=True)
        text = _with_extras(text, keeper, preheader=has_preheader and not _mentions_preheader(pieces))
        return write(before) + keeper.back(text), plain

    def _plain(self, key: Key, locale: str) -> str:
        file = self._file(key)
        pieces = lines_alone(self._flat(key))
        pieces = self.links.in_text(pieces, channel=key[0], locale=locale, part=key[2], file=file)
        self._flush_problems()
        return write(pieces)

    def _line(self, key: Key) -> str:
        return write(self._flat(key))

    def _json(self, key: Key) -> str:
        """Values go in as JSON, whether they stand for a value or inside a text."""
        pieces: list[Piece] = []
        quoted = False
        for piece in self._flat(key):
            if piece.kind is Kind.DATA:
                for match in _JSON_QUOTE.finditer(piece.text):
                    quoted ^= match[0] == '"'
            elif piece.kind is Kind.OUTPUT:
                form = "_json_text" if quoted else "_json"
                piece = Piece(piece.kind, f"({piece.text}) | {form}", piece.file, piece.line)
            pieces.append(piece)
        return write(pieces)

    def _flat(self, key: Key, *, html: bool = False) -> list[Piece]:
        """The flattened source, looked at for what is not available."""
        file, line = self._file(key), self._template.lines.get(key, 1)
        if key in self._flats:
            return self._flats[key]
        source = self._template.sources[key]
        used: set[str] = set()
        pieces = flatten(source, file, self._template.shared, line, used)
        environment = self._html if html else self._text
        # Flattened, a source that extends another is its blocks alone.
        self._readable(environment, source, file, line)
        for name in sorted(used - self._read):
            self._readable(environment, self._template.shared[name], name, 1)
        self._read |= used
        for piece in pieces:
            other = misread(piece.text) if piece.kind is Kind.OUTPUT else None
            if other is not None:
                raise written_in(other, "", piece.file, piece.line)
        written = write(pieces)
        origins = Origins(written)
        try:
            tree = environment.parse(written)
        except TemplateSyntaxError as error:
            where, number = origins.of(error.lineno)
            raise TemplateError(error.message or "syntax error", file=where or file, line=number or line) from None
        for number, text, hint in refuse(tree, environment):
            where, origin = origins.of(number)
            self._problem(TemplateError(text, file=where or file, line=origin, hint=hint))
        if self._look is not None:
            self._look(key, pieces, tree, written)
        self._flats[key] = pieces
        return pieces

    @staticmethod
    def _readable(environment: Sandbox, source: str, file: str, line: int) -> None:
        """Look at all of a source as it was written.

        Raises:
            TemplateError: Jinja2 cannot read it; with file and line.
        """
        try:
            environment.parse(source)
        except TemplateSyntaxError as error:
            raise syntax_error(error.message or "syntax error", file, error.lineno, source, line) from None
        except (ValueError, OverflowError) as error:
            # Jinja2's lexer makes numbers of digits as it goes.
            number = _line_of_number(source) + line - 1
            raise TemplateError(f"cannot be read: {error}", file=file, line=number) from None

    def _file(self, key: Key) -> str:
        self._current = self._template.files[key]
        self._at(self._current)
        return self._current

    def _nearest(self, channel: str, locale: str, *parts: str) -> Key | None:
        """Where a part is written for `locale`, its language, or everybody."""
        while True:
            for part in parts:
                if (channel, locale, part) in self._template.sources:
                    return (channel, locale, part)
            if not locale:
                return None
            locale = locale.rpartition("-")[0]

    def _flush_problems(self) -> None:
        problems, self.links.problems = self.links.problems, []
        for error in problems:
            self._problem(error)


def _line_of_number(source: str) -> int:
    """Where the first number stands that is too long for Python (4,300 digits)."""
    match = re.search(r"[0-9][0-9_]{4000}", source)
    return source.count("\n", 0, match.start()) + 1 if match else 1


def _stripped(pieces: list[Piece]) -> list[Piece]:
    """Without blank text at both ends."""
    while pieces and pieces[0].kind is Kind.DATA and not pieces[0].text.strip():
        pieces = pieces[1:]
    while pieces and pieces[-1].kind is Kind.DATA and not pieces[-1].text.strip():
        pieces = pieces[:-1]
    return pieces


def _outside(pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
    """What is set before all text, which stands outside of the document; and the rest."""
    start = 0
    while start < len(pieces) and (
        pieces[start].kind is Kind.CODE
        or pieces[start].word == "set"
        or (pieces[start].kind is Kind.DATA and not pieces[start].text.strip())
    ):
        start += 1
    return [piece for piece in pieces[:start] if piece.kind is not Kind.DATA], pieces[start:]


def _whole(text: str) -> str:
    """A document: what has no frame of its own gets one, so that the code at its ends stands inside of it."""
    if _DOCUMENT.search(text):
        return text
    return f"<!doctype html><html><head></head><body>{text}</body></html>"


def _mentions_preheader(pieces: list[Piece]) -> bool:
    return any(piece.kind is not Kind.DATA and "preheader" in source_of(piece) for piece in pieces)


def _with_extras(text: str, keeper: Shelter, *, preheader: bool) -> str:
    """The preheader at the top of the body, if the layout does not show it; the open pixel at its end."""
    pixel = keeper.add(Piece(Kind.OUTPUT, "0 | _pixel", "", 0), Place.ATTRIBUTE)
    end = text.lower().rfind("</body")
    end = len(text) if end < 0 else end
    text = text[:end] + _PIXEL.format(pixel) + text[end:]
    body = re.search(r"<body\b[^>]*>", text, re.IGNORECASE)
    if preheader and body:
        word = keeper.add(Piece(Kind.OUTPUT, "preheader", "", 0), Place.TEXT)
        text = text[: body.end()] + _PREHEADER.format(word) + text[body.end() :]
    return text
