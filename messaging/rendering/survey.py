"""What a template's sources ask for and show, found while a version is built: the walk behind `check`.

It runs in the limited process, so that a source which is made to hurt hurts nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from messaging.nouns.template import Template
from messaging.rendering.fields import Field, near
from messaging.rendering.foreign import silent
from messaging.rendering.pieces import Kind, Origins, Piece
from messaging.rendering.variables import Variables

#: File, line, severity, message, hint.
Finding = tuple[str, int | None, str, str, str | None]
#: Told of each source: its key, its flattened pieces, their syntax tree, and the source that was parsed.
Look = Callable[[tuple[str, str, str], Sequence[Piece], nodes.Template, str], None]

_LINES = ("subject", "preheader")
_COMMENT = re.compile(r"<!--(?!\[if).*?-->", re.DOTALL)
_WHOLE_LINK = re.compile(r"""\bhref\s*=\s*["']?\Z""", re.IGNORECASE)
_DIRECT = re.compile(r"(?:mailto|tel):\s*\S", re.IGNORECASE)
#: What a text may tell its readers to answer, in capitals, to hear no more. Adapters that take answers know them all.
WAYS_OUT = (
    *("STOP", "STOPP", "UNSUBSCRIBE", "ABMELDEN", "ARRÊT", "ARRET", "BAJA", "SAIR", "PARAR", "CANCELLA", "STOPPEN"),
    *("AFMELDEN", "AVSLUTA", "LOPETA", "WYPISZ", "ODHLÁSIT", "СТОП", "ΣΤΟΠ", "İPTAL", "停止", "退订", "退訂"),
)
_WAY_OUT = re.compile("|".join(rf"\b{word}\b" if word < "\u2e80" else word for word in WAYS_OUT))


@dataclass(slots=True)
class Shown:
    """What the body of one channel and locale shows."""

    channel: str
    locale: str
    #: Paths into the context.
    used: set[str] = field(default_factory=set)
    #: Whether there is an address to write to or a number to call.
    direct: bool = False
    #: Whether it says STOP, or such a word, which ends text messages.
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Survey:
    """All of a template's sources."""

    findings: tuple[Finding, ...]
    shown: tuple[Shown, ...]

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Survey:
        """What `Surveyor.document` made."""
        shown = ((channel, locale, set(used), *more) for channel, locale, used, *more in document["shown"])
        return cls(tuple(map(tuple, document["findings"])), tuple(Shown(*values) for values in shown))


class Surveyor:
    """Looks at one source after the other."""

    def __init__(self, template: Template, schema: Field) -> None:
        self._template = template
        self._schema = schema
        self._findings: list[Finding] = []
        self._shown: dict[tuple[str, str], Shown] = {}

    def look(self, key: tuple[str, str, str], pieces: Sequence[Piece], tree: nodes.Template, written: str) -> None:
        """See `Look`."""
        file = self._template.files[key]
        origins = Origins(written)

        def found(number: int, message: str, hint: str | None, sure: bool) -> None:
            where, line = origins.of(number)
            self._findings.append((where or file, line, "error" if sure else "warning", message, hint))

        walk = Variables(self._schema, self._template.fallbacks, found)
        walk.walk(tree)
        self._other_languages(pieces)
        channel, locale, part = key
        if part not in _LINES:
            shown = self._shown.setdefault((channel, locale), Shown(channel, locale))
            shown.used |= walk.used
            shown.direct |= _DIRECT.search(written) is not None
            said = "".join(piece.text for piece in pieces if piece.kind is Kind.DATA)
            shown.stop |= _WAY_OUT.search(said) is not None

    def _other_languages(self, pieces: Sequence[Piece]) -> None:
        told: set[tuple[str, str]] = set()
        for piece in pieces:
            if piece.kind is not Kind.DATA or not piece.line:
                continue
            text = (
                _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), piece.text)
                if "<!" in piece.text
                else piece.text
            )
            for foreign, match in silent(text):
                if (piece.file, foreign.language) in told:
                    continue
                told.add((piece.file, foreign.language))
                if _WHOLE_LINK.search(text, max(0, match.start() - 20), match.start()):
                    # As a link that leads nowhere it is an error already, and says so.
                    continue
                line = piece.line + text.count("\n", 0, match.start())
                severity = "error" if foreign.sure else "warning"
                name = match.groupdict().get("name")
                meant = near(self._schema, name.split(".")) if name else []
                ours = f"{{{{ {meant[0]} }}}}" if meant else foreign.ours
                message = f"{match[0]} is written in {foreign.language} and would be sent as it stands"
                self._findings.append((piece.file, line, severity, message, f"write {ours}"))

    def document(self) -> dict[str, Any]:
        """All that was found, as JSON."""
        return {
            "findings": self._findings,
            "shown": [
                [shown.channel, shown.locale, sorted(shown.used), shown.direct, shown.stop]
                for shown in self._shown.values()
            ],
        }
