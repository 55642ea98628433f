"""What is wrong with a template of the workspace, as it stands now."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from messaging.errors import TemplateError
from messaging.nouns.adapter import Measure, RenderedMessage
from messaging.plugins import Plugins
from messaging.rendering.check import Problem, check
from messaging.rendering.render import Renderer
from messaging.services.library import TemplateLibrary


class TemplateCheck:
    """Checks templates with all that the workspace and its plugins bring."""

    def __init__(
        self,
        library: TemplateLibrary,
        plugins: Plugins,
        *,
        brand: Mapping[str, Any],
        from_: str,
        reply_to: str | None,
        attributes: Collection[str],
        renderer: Renderer,
        cache: Path,
        measure: Callable[[RenderedMessage], Measure | None],
        base_url: str,
    ) -> None:
        """As `rendering.check` takes them."""
        self._library = library
        self._plugins = plugins
        self._check = functools.partial(
            check,
            brand=brand,
            from_=from_,
            reply_to=reply_to,
            attributes=attributes,
            renderer=renderer,
            cache=cache,
            measure=measure,
            base_url=base_url,
        )

    def problems(self, name: str) -> list[Problem]:
        """All that is wrong with the template, in order of file and line.

        Raises:
            NotFound: there is none of that name.
        """
        try:
            return self._plugins.watch(functools.partial(self._check, self._library.get(name)))
        except TemplateError as error:
            file = error.file or f"templates/{name}"
            return [Problem(file=file, line=error.line, severity="error", message=error.problem, hint=error.hint)]

    def errors(self, name: str) -> list[str]:
        """Those that are to be mended before anybody gets it, each in a line."""
        return [str(problem) for problem in self.problems(name) if problem.severity == "error"]
