"""What is wrong with a template, with file and line, before anybody gets it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from messaging.errors import TemplateError
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.environment import Sandbox
from messaging.rendering.flatten import flatten
from messaging.rendering.foreign import merge_tag
from messaging.rendering.pieces import Origins, write
from messaging.rendering.prepare import examine
from messaging.rendering.render import Renderer
from messaging.rendering.samples import CUSTOMER, sample_context
from messaging.rendering.schema import schema_for
from messaging.rendering.variables import Variables

#: Gmail shows no more of a message than this, and hides the unsubscribe link with the rest. Bytes.
GMAIL_CLIPS = 102_000

_CONTACT = ("brand.contact_url", "brand.phone", "brand.reply_to", "brand.faq_url", "brand.hours")
_DIRECT = re.compile(r"(?:mailto|tel):\s*\S", re.IGNORECASE)
_STOP = re.compile(r"\bSTOP\b")
_JINJA = re.compile(r"\{[%#{].*?[%#}]\}", re.DOTALL)
#: Written by the machine, for a machine.
_MACHINES = ("webhook",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding. An `error` keeps the template from being sent, a `warning` does not."""

    file: str
    line: int | None
    severity: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}" + (f" ({self.hint})" if self.hint else "")


def check(
    template: Template,
    brand: Mapping[str, Any],
    *,
    from_: str = "shop@example.com",
    reply_to: str | None = None,
    attributes: Collection[str] = (),
    known: Collection[str] = (),
    renderer: Renderer | None = None,
    filters: Collection[str] = (),
    cache: Path | None = None,
) -> list[Problem]:
    """Everything that is wrong with `template`, in order of file and line.

    Args:
        brand: as templates see it.
        attributes: names of the customers' declared attributes.
        known: further names in the context, that plugins bring; filters likewise in `filters`.
        renderer: the workspace's, with what plugins add; a plain one by default.
        cache: see `prepare`.
    """
    checker = _Checker(template, brand, renderer or Renderer())
    checker.merge_tags()
    prepared = examine(template, brand, from_=from_, reply_to=reply_to, filters=filters, cache=cache)
    for error in prepared.problems:
        checker.error(error)
    if not prepared.problems:
        # Only now is it known that working on the sources here does no harm.
        checker.variables(schema_for(template, brand=brand, attributes=attributes, known=known), filters)
        assert prepared.version is not None
        checker.rendered(prepared.version)
    return checker.problems()


class _Checker:
    def __init__(self, template: Template, brand: Mapping[str, Any], renderer: Renderer) -> None:
        self._template = template
        self._brand = brand
        self._renderer = renderer
        self._found: dict[tuple[str, int | None, str], Problem] = {}
        self._settings = f"templates/{template.name}/template.toml"

    def problems(self) -> list[Problem]:
        return sorted(
            self._found.values(),
            key=lambda found: (found.severity, found.file, found.line or 0, found.message),
        )

    def error(self, error: TemplateError) -> None:
        self._add(error.file or self._settings, error.line, "error", error.problem, error.hint)

    def _add(self, file: str, line: int | None, severity: str, message: str, hint: str | None = None) -> None:
        problem = Problem(file=file, line=line, severity=severity, message=message, hint=hint)
        self._found.setdefault((file, line, message), problem)

    def merge_tags(self) -> None:
        """Mailchimp's tags are no error in Jinja2: they would go out as they stand."""
        sources = [(self._template.files[key], source) for key, source in self._template.sources.items()]
        for file, source in (*sources, *self._template.shared.items()):
            match = merge_tag(source)
            if match:
                line = source.count("\n", 0, match.start()) + 1
                self._add(
                    file,
                    line,
                    "error",
                    f"{match[0]} is a merge tag of Mailchimp and would be sent as it stands",
                    "write {{ customer.first_name }}",
                )

    def variables(self, schema: Any, filters: Iterable[str]) -> None:
        """Unknown names, values that may be missing, and what every message must show."""
        environment = Sandbox(html=False, filters=dict.fromkeys(filters, str))
        used: dict[tuple[str, str], set[str]] = {}
        texts: dict[tuple[str, str], str] = {}
        for key, source in self._template.sources.items():
            channel, locale, part = key
            file, line = self._template.files[key], self._template.lines.get(key, 1)
            written = write(flatten(source, file, self._template.shared, line))
            origins = Origins(written)

            def found(
                number: int,
                message: str,
                hint: str | None,
                sure: bool,
                origins: Origins = origins,
                file: str = file,
            ) -> None:
                where, origin = origins.of(number)
                self._add(where or file, origin, "error" if sure else "warning", message, hint)

            walk = Variables(schema, self._template.fallbacks, found)
            walk.walk(environment.parse(written))
            if part not in ("subject", "preheader"):
                used.setdefault((channel, locale), set()).update(walk.used)
                texts[channel, locale] = texts.get((channel, locale), "") + written
        for place, paths in used.items():
            self._must_show(*place, paths, texts[place])

    def _must_show(self, channel: str, locale: str, used: set[str], text: str) -> None:
        if channel in _MACHINES:
            return
        file = next(
            name
            for key, name in self._template.files.items()
            if key[:2] == (channel, locale) and key[2] not in ("subject", "preheader")
        )
        shown = [path for path in _CONTACT if path in used]
        if not shown and not _DIRECT.search(text):
            self._add(
                file,
                None,
                "error",
                "it does not say how to reach a person",
                "show brand.contact_url, brand.phone, brand.hours or brand.faq_url",
            )
        elif not _DIRECT.search(text) and not any(self._brand.get(path.partition(".")[2]) for path in shown):
            self._add(
                "messaging.toml",
                None,
                "warning",
                f"{channel} messages do not say how to reach a person: {' and '.join(shown)} not set",
                "set it in [brand]",
            )
        if self._template.message_class is MessageClass.MARKETING:
            self._marketing(channel, file, used, text)

    def _marketing(self, channel: str, file: str, used: set[str], text: str) -> None:
        """CAN-SPAM 15 U.S.C. 7704(a)(5), GDPR art. 21(4): a way out, and a postal address."""
        if "unsubscribe_url" not in used and not (channel != "email" and _STOP.search(text)):
            self._add(
                file,
                None,
                "error",
                "a marketing message must carry a way to unsubscribe",
                'write <a href="{{ unsubscribe_url }}">Unsubscribe</a>',
            )
        if channel != "email":
            return
        if "brand.address" not in used:
            self._add(
                file,
                None,
                "error",
                "a marketing message must carry the postal address",
                "show {{ brand.address }}",
            )
        elif not self._brand.get("address"):
            self._add(
                "messaging.toml",
                None,
                "warning",
                "marketing messages carry no postal address: brand.address is not set",
                "set it in [brand]",
            )

    def rendered(self, version: TemplateVersion) -> None:
        """What only shows in a rendered message."""
        now = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
        context = {"customer": dict(CUSTOMER), "now": now, **sample_context(self._template, now)}
        context["customer"] = {**CUSTOMER, **self._template.sample.get("customer", {})}
        for channel, locale, file in self._variants(version):
            try:
                parts = self._renderer.render(
                    version, channel=channel, locale=locale, context=context, links=_PlainLinks()
                )
            except TemplateError as error:
                if "is missing" in error.problem and self._warned(error.file, error.line):
                    continue
                self._add(error.file or file, error.line, "error", f"with its sample: {error.problem}", error.hint)
                continue
            if channel == "email":
                self._email(file, version.parts[channel][locale], parts)
            elif not any(parts.values()):
                self._add(file, None, "error", "with its sample it says nothing")

    def _warned(self, file: str | None, line: int | None) -> bool:
        """Whether it was told already that a value may be missing here."""
        return any(found.file == file and found.line == line for found in self._found.values())

    def _variants(self, version: TemplateVersion) -> Iterator[tuple[str, str, str]]:
        for channel, by_locale in version.parts.items():
            for locale in by_locale:
                file = next(
                    (
                        name
                        for key, name in self._template.files.items()
                        if key[:2] == (channel, locale) and key[2] not in ("subject", "preheader")
                    ),
                    self._settings,
                )
                yield channel, locale, file

    def _email(self, file: str, prepared: Mapping[str, str], parts: Mapping[str, str]) -> None:
        if not _JINJA.sub("", prepared.get("text", "")).strip() and not parts.get("text", "").strip():
            self._add(
                file,
                None,
                "error",
                "no text part can be made of it: it shows images only",
                "write email.txt beside it",
            )
        if not parts.get("subject"):
            self._add(file, None, "error", "with its sample the subject is empty")
        size = len(parts.get("html", "").encode())
        if size > GMAIL_CLIPS:
            self._add(
                file,
                None,
                "warning",
                f"the message has {size:,} bytes; Gmail clips at {GMAIL_CLIPS:,} and hides the rest",
                "shorten it, or its styles",
            )


class _PlainLinks:
    """Links as long as real ones."""

    def click(self, slot: int, turn: int, target: str | None) -> str:
        return f"https://links.example/c/{'x' * 60}{slot}.{turn}"

    def pixel(self) -> str:
        return "https://links.example/o/" + "x" * 60

    def unsubscribe(self) -> str:
        return "https://links.example/u/" + "x" * 60

    def preferences(self) -> str:
        return "https://links.example/p/" + "x" * 60
