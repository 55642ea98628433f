"""The workspace's templates: read when they change, prepared once per content."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from messaging.errors import MessagingError, NotFound, TemplateError
from messaging.ids import is_name
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.duties import Lack, lacks
from messaging.rendering.environment import NOTHING, Additions
from messaging.rendering.fields import Field
from messaging.rendering.prepare import examine
from messaging.workspace.template_files import read_template, template_names

#: Name and size and time of a file: enough to know that it changed.
_Stamp = tuple[tuple[str, int, int], ...]
#: Whether values are there is for `check` to say: here it is asked what is shown.
_ANYTHING = Field(open=True)


class TemplateLibrary:
    """Templates by name, and their versions as of now."""

    def __init__(
        self,
        folder: Path,
        *,
        brand: Mapping[str, Any],
        from_: str,
        reply_to: str | None,
        additions: Additions = NOTHING,
        cache: Path | None = None,
    ) -> None:
        """`additions`: what plugins bring; `cache`: a folder to remember prepared versions in."""
        self._folder = folder
        self._brand = brand
        self._from = from_
        self._reply_to = reply_to
        self._additions = additions
        self._cache = cache
        self._read: dict[str, tuple[_Stamp, Template]] = {}
        self._prepared: dict[str, tuple[_Stamp, TemplateVersion, tuple[Lack, ...]]] = {}
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        """All templates there are."""
        return template_names(self._folder)

    def get(self, name: str) -> Template:
        """The template as written.

        Raises:
            NotFound: there is none of that name.
            TemplateError: it cannot be read; says where.
        """
        with self._lock:
            stamp = self._stamp(name)
            known = self._read.get(name)
            if known is None or known[0] != stamp:
                self._read[name] = known = (stamp, read_template(self._folder, name))
            return known[1]

    def version(self, name: str) -> TemplateVersion:
        """The template prepared for rendering: to look at.

        Raises:
            NotFound: there is none of that name.
            TemplateError: it cannot be prepared; says where.
        """
        return self._examined(name)[0]

    def sendable(self, name: str) -> TemplateVersion:
        """The same, to be sent to customers.

        Raises:
            NotFound: there is none of that name.
            TemplateError: it cannot be prepared, or is a promotion that does not show what it must; says where.
        """
        version, found = self._examined(name)
        if version.message_class is MessageClass.MARKETING:
            for lack in found:
                if lack.severity == "error":
                    raise TemplateError(lack.message, file=lack.file, hint=lack.hint)
        return version

    def warnings(self, name: str) -> list[str]:
        """What a promotion shows, and the shop's settings leave empty; raises what `version` does."""
        version, found = self._examined(name)
        marketing = version.message_class is MessageClass.MARKETING
        told = (f"{lack.message} ({lack.hint})" for lack in found if marketing and lack.severity == "warning")
        return list(dict.fromkeys(told))

    def _examined(self, name: str) -> tuple[TemplateVersion, tuple[Lack, ...]]:
        """The version, and what it does not show."""
        with self._lock:
            stamp = self._stamp(name)
            known = self._prepared.get(name)
            if known is None or known[0] != stamp:
                template = self.get(name)
                prepared = examine(
                    template,
                    self._brand,
                    from_=self._from,
                    reply_to=self._reply_to,
                    additions=self._additions,
                    schema=_ANYTHING,
                    cache=self._cache,
                )
                if prepared.problems:
                    raise prepared.problems[0]
                assert prepared.version is not None
                assert prepared.survey is not None
                found = tuple(lacks(template, prepared.survey, self._brand))
                self._prepared[name] = known = (stamp, prepared.version, found)
            return known[1], known[2]

    def topics(self) -> list[str]:
        """The topics of marketing that templates are about."""
        found = set()
        for name in self.names():
            try:
                template = self.get(name)
            except MessagingError:
                continue  # a broken template has no say, and is found by `check`
            if template.message_class is MessageClass.MARKETING:
                found.add(template.topic)
        return sorted(found)

    def _stamp(self, name: str) -> _Stamp:
        if not (is_name(name) and (self._folder / name / "template.toml").is_file()):
            near = ", ".join(self.names())
            raise NotFound(f"no template {name!r} in {self._folder}", hint=f"there are: {near}" if near else None)
        with os.scandir(self._folder) as entries:
            shared = sorted(entry.path for entry in entries if entry.name.startswith("_") and entry.is_dir())
        return tuple(file for folder in (str(self._folder / name), *shared) for file in sorted(_files(folder)))


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    """All files in a folder, however deep."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path)
            elif entry.is_file():
                facts = entry.stat()
                yield entry.path, facts.st_mtime_ns, facts.st_size
