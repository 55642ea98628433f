"""The workspace's templates: read when they change, prepared once per content."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from messaging.errors import MessagingError, NotFound
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.environment import NOTHING, Additions
from messaging.rendering.prepare import prepare
from messaging.workspace.template_files import read_template, template_names

#: Name and size and time of a file: enough to know that it changed.
_Stamp = tuple[tuple[str, int, int], ...]


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
        self._prepared: dict[str, tuple[_Stamp, TemplateVersion]] = {}
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
        """The template prepared for rendering.

        Raises:
            NotFound: there is none of that name.
            TemplateError: it cannot be prepared; says where.
        """
        with self._lock:
            stamp = self._stamp(name)
            known = self._prepared.get(name)
            if known is None or known[0] != stamp:
                version = prepare(
                    self.get(name),
                    self._brand,
                    from_=self._from,
                    reply_to=self._reply_to,
                    additions=self._additions,
                    cache=self._cache,
                )
                self._prepared[name] = known = (stamp, version)
            return known[1]

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
        if name not in self.names():
            near = ", ".join(self.names())
            raise NotFound(f"no template {name!r} in {self._folder}", hint=f"there are: {near}" if near else None)
        folders = [self._folder / name, *(f for f in self._folder.iterdir() if f.name.startswith("_"))]
        stamps = []
        for folder in folders:
            for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
                if path.is_file():
                    facts = path.stat()
                    stamps.append((str(path), facts.st_mtime_ns, facts.st_size))
        return tuple(stamps)
