"""Renders messages from a frozen version. What it needs is in the version; what differs is in the context."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError

from messaging.errors import TemplateError
from messaging.nouns.links import MessageLinks
from messaging.nouns.pieces import Joined, Pieces
from messaging.nouns.template import TemplateVersion
from messaging.rendering.apart import Apart
from messaging.rendering.compiled import Compiled
from messaging.rendering.environment import Missing, Recommended, Sandbox
from messaging.rendering.fallbacks import Fallbacks
from messaging.rendering.finishing import LINES, finished
from messaging.rendering.run import Run

#: Compiled variants that are kept: a version has one per channel and locale.
_KEPT = 256


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    compiled: Compiled
    apart: Apart


@dataclass(frozen=True, slots=True)
class _Variant:
    """One channel and locale of a version, compiled."""

    locale: str
    lines: tuple[_Part, ...]
    bodies: tuple[_Part, ...]
    fallbacks: Fallbacks


class Renderer:
    """Renders parts. Safe in threads; keeps what it compiled, up to a bound."""

    def __init__(
        self,
        *,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        prepare_environment: Callable[[Sandbox], None] | None = None,
        names: Collection[str] = (),
    ) -> None:
        """All of it is the plugins'; `names` are what they add to the context of each message."""
        self._html = Sandbox(html=True, filters=filters, prepare=prepare_environment)
        self._text = Sandbox(html=False, filters=filters, prepare=prepare_environment)
        added = self._text.additions()
        #: What plugins bring.
        self.additions = replace(added, names=(*added.names, *names))
        self._variants: OrderedDict[tuple[str, str, str], _Variant] = OrderedDict()
        self._lock = threading.Lock()

    def render(
        self,
        version: TemplateVersion,
        *,
        channel: str,
        locale: str | None,
        context: Mapping[str, Any],
        links: MessageLinks,
        generic: bool = False,
        pieces: dict[str, Pieces] | None = None,
    ) -> Mapping[str, str]:
        """The parts of one message: email `subject`, `preheader`, `html`, `text`; sms `text`; others `body`.

        Args:
            locale: the customer's; the best match among the version's is taken (de-AT, de, the default).
            context: plain values; `timezone` in it says in which zone times are told.
            generic: replace every value that has a fallback by it: the twin that shows what personalising
            adds.
            pieces: gets each part taken apart; what is returned is joined of them when it is asked for.

        Raises:
            TemplateError: a value is missing, or cannot be shown; names file and line.
            TemplateLimit: the message would cost more than one may.
        """
        variant = self._variant(version, channel, best_locale(version, channel, locale))
        values = variant.fallbacks.apply(context, generic=generic)
        values["brand"] = version.brand
        values.setdefault("locale", locale or version.brand.get("locale") or "en")
        if "unsubscribe_url" not in values:
            values["unsubscribe_url"] = links.unsubscribe()
        if "preferences_url" not in values:
            values["preferences_url"] = links.preferences()
        recommended = values.get("recommended")
        values["recommended"] = Recommended(recommended if isinstance(recommended, list) else ())
        run = _run(version, variant.locale, channel, values, links)
        parts: dict[str, str] = {}
        made = parts if pieces is None else Joined(pieces)

        def render(part: _Part) -> None:
            chunks = part.compiled.chunks(values, run)
            name = "body" if part.name == "json" else part.name
            if pieces is None:
                text = finished(part.name, "".join(chunks), version.template, channel=channel)
                if text:
                    parts[name] = text
                return
            apart = part.apart(chunks)
            if apart:
                pieces[name] = apart

        for part in variant.lines:
            render(part)
        preheader = made["preheader"] if "preheader" in made else ""  # noqa: SIM401 - a Mapping's get raises and catches
        values["preheader"] = preheader
        values["message"] = {**(values.get("message") or {}), "preheader": preheader}
        for part in variant.bodies:
            run.html = part.name == "html"
            render(part)
        return made

    def _variant(self, version: TemplateVersion, channel: str, locale: str) -> _Variant:
        key = (version.version, channel, locale)
        with self._lock:
            found = self._variants.get(key)
            if found is not None:
                self._variants.move_to_end(key)
                return found
        made = self._compile(version, channel, locale)
        with self._lock:
            self._variants[key] = made
            while len(self._variants) > _KEPT:
                self._variants.popitem(last=False)
        return made

    def _compile(self, version: TemplateVersion, channel: str, locale: str) -> _Variant:
        parts: list[_Part] = []
        for part, source in version.parts[channel][locale].items():
            environment = self._html if part == "html" else self._text
            compiled = Compiled(environment, source, f"{version.template} ({channel} {part})")
            parts.append(_Part(part, compiled, Apart(compiled.own, part, version.template, channel)))
        return _Variant(
            locale,
            tuple(part for part in parts if part.name in LINES),
            tuple(part for part in parts if part.name not in LINES),
            Fallbacks(version.fallbacks),
        )


def best_locale(version: TemplateVersion, channel: str, locale: str | None) -> str:
    """The version's locale for a reader of `locale`: de-AT, then de, then the default (empty).

    Raises:
        TemplateError: the version has nothing for this channel.
    """
    variants = version.parts.get(channel)
    if not variants:
        raise TemplateError(f"template {version.template} has no {channel} part")
    best = _best(tuple(variants), locale)
    if best is None:
        raise TemplateError(
            f"template {version.template} has no {channel} part for readers of {locale or 'any language'}",
            hint="write one outside of the locale folders: it is for everybody else",
        )
    return best


@lru_cache(1024)
def _best(locales: tuple[str, ...], locale: str | None) -> str | None:
    known = {name.lower(): name for name in locales}
    wanted = (locale or "").replace("_", "-").lower()
    while wanted and wanted not in known:
        wanted = wanted.rpartition("-")[0]
    return known.get(wanted)


def _run(version: TemplateVersion, variant: str, channel: str, values: Mapping[str, Any], links: MessageLinks) -> Run:
    brand = version.brand
    locale, locale_name, date_locale = _locales(str(values["locale"]), variant or str(brand.get("locale") or "en"))
    return Run(
        links=links,
        locale=locale,
        locale_name=locale_name,
        date_locale=date_locale,
        zone=_zone(str(values.get("timezone") or brand.get("timezone") or "UTC")),
        currency=str(brand.get("currency") or "EUR"),
        channel=channel,
        undefined=Missing,
    )


@lru_cache(512)
def _locales(reader: str, text: str) -> tuple[Locale, str, Locale]:
    """How numbers are written, by what name Babel knows that, and how dates are, for a reader of a text."""
    readers, written = parse_locale(reader), parse_locale(text)
    return readers, str(readers), readers if readers.language == written.language else written


@lru_cache(512)
def parse_locale(text: str) -> Locale:
    """The locale of a BCP 47 tag; its language alone, else English, when nothing is known of it."""
    tag = text.replace("-", "_")
    while tag:
        try:
            return Locale.parse(tag)
        except (ValueError, UnknownLocaleError):
            tag = tag.rpartition("_")[0]
    return Locale("en")


@lru_cache(512)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
