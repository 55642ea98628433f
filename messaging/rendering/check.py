"""What is wrong with a template, with file and line, before anybody gets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.adapter import Measure, RenderedMessage
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.duties import body_file, lacks
from messaging.rendering.prepare import examine
from messaging.rendering.render import Renderer
from messaging.rendering.samples import CUSTOMER, sample_context
from messaging.rendering.schema import schema_for
from messaging.rendering.survey import Survey
from messaging.rules import short_links

#: Gmail shows no more of a message than this, and hides the unsubscribe link with the rest. Bytes.
GMAIL_CLIPS = 102_000
#: Parts of a text message that nobody wonders at.
FEW_PARTS = 2

_JINJA = re.compile(r"\{[%#{].*?[%#}]\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One finding. An `error` is to be mended before anybody gets it, a `warning` to be looked at."""

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
    renderer: Renderer | None = None,
    cache: Path | None = None,
    measure: Callable[[RenderedMessage], Measure | None] = lambda message: None,
    base_url: str = "https://links.example",
) -> list[Problem]:
    """Everything that is wrong with `template`, in order of file and line.

    Args:
        brand: as templates see it.
        attributes: names of the customers' declared attributes.
        renderer: the workspace's, with what plugins add; a plain one by default.
        cache: see `prepare`.
        measure: what a message comes to on its channel.
        base_url: what links begin with.
    """
    renderer = renderer or Renderer()
    checker = _Checker(template, brand, renderer, measure, base_url)
    added = renderer.additions
    schema = schema_for(template, brand=brand, attributes=attributes, known=added.names)
    # All work on the sources is done in the limited process; what is rendered here is bounded as every message is.
    prepared = examine(template, brand, from_=from_, reply_to=reply_to, additions=added, schema=schema, cache=cache)
    for error in prepared.problems:
        checker.error(error)
    if prepared.survey is not None:
        checker.surveyed(prepared.survey, whole=not prepared.problems)
    if prepared.version is not None and not prepared.problems:
        checker.rendered(prepared.version)
    return checker.problems()


class _Checker:
    def __init__(
        self,
        template: Template,
        brand: Mapping[str, Any],
        renderer: Renderer,
        measure: Callable[[RenderedMessage], Measure | None],
        base_url: str,
    ) -> None:
        self._template = template
        self._brand = brand
        self._renderer = renderer
        self._measure = measure
        self._base_url = base_url
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
        # What is quoted may have line breaks of its own; a finding is one line.
        message, hint = " ".join(message.split()), " ".join(hint.split()) if hint else None
        problem = Problem(file=file, line=line, severity=severity, message=message, hint=hint)
        self._found.setdefault((file, line, message), problem)

    def surveyed(self, survey: Survey, *, whole: bool) -> None:
        """Names there are not, values that may be missing, other languages; and, if the `whole` template could be
        read, what every message must show.
        """
        for finding in survey.findings:
            self._add(*finding)
        for lack in lacks(self._template, survey, self._brand) if whole else ():
            self._add(lack.file, None, lack.severity, lack.message, lack.hint)

    def rendered(self, version: TemplateVersion) -> None:
        """What only shows in a rendered message."""
        now = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
        context = {"customer": dict(CUSTOMER), "now": now, **sample_context(self._template, now)}
        context["customer"] = {**CUSTOMER, **self._template.sample.get("customer", {})}
        for channel, locale in [(channel, locale) for channel, found in version.parts.items() for locale in found]:
            file = body_file(self._template, channel, locale)
            try:
                parts = self._renderer.render(
                    version, channel=channel, locale=locale, context=context, links=_PlainLinks(self._base_url, channel)
                )
            except TemplateError as error:
                if self._told(error):
                    continue
                self._add(error.file or file, error.line, "error", f"with its sample: {error.problem}", error.hint)
                if isinstance(error, TemplateLimit):
                    # The other languages would take as long.
                    break
                continue
            if channel == "email":
                self._email(file, version.parts[channel][locale], parts)
            elif not any(parts.values()):
                self._add(file, None, "error", "with its sample it says nothing")
            else:
                self._other(file, version, channel, parts)

    def _told(self, error: TemplateError) -> bool:
        """Whether it is about a name of which the survey said all there is to say."""
        name, missing, _ = error.problem.partition(" is missing")
        if missing and any(f"{name}.".startswith(f"{known}.") for known in self._renderer.additions.names):
            # It is a plugin's to bring, which no sample does.
            return True
        if not missing and "there is no function" not in error.problem:
            return False
        return any(found.file == error.file and found.line == error.line for found in self._found.values())

    def _other(self, file: str, version: TemplateVersion, channel: str, parts: Mapping[str, str]) -> None:
        name = str(self._brand.get("name") or "")
        marketing = version.message_class is MessageClass.MARKETING
        if channel == "sms" and marketing and name.casefold() not in parts.get("text", "").casefold():
            self._add(file, None, "warning", "it does not say who writes", "begin with {{ brand.name }}:")
        measure = self._measure(
            RenderedMessage(
                id="0" * 32,
                channel=channel,
                to="",
                message_class=version.message_class,
                template=version.template,
                parts=parts,
            )
        )
        if measure is not None and (measure.units > FEW_PARTS or (measure.units > 1 and measure.note)):
            why = f": {measure.note}" if measure.note else ""
            self._add(file, None, "warning", f"with its sample it counts as {measure.units} parts{why}")

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

    def __init__(self, base_url: str, channel: str) -> None:
        short = channel in short_links.CHANNELS
        self._link = f"{base_url.rstrip('/')}/" + ("s/" + "x" * short_links.LENGTH if short else "c/" + "x" * 60)

    def click(self, slot: int, turn: int, target: str | None) -> str:
        return self._link

    def pixel(self) -> str:
        return self._link

    def unsubscribe(self) -> str:
        return self._link

    def preferences(self) -> str:
        return self._link
