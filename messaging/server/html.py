"""Pages: rendered from `pages/`, served so that nothing in them can run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "pages"

#: No script, no frame, nothing from elsewhere; see pages/base.html.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
}

#: Languages that `pages/words.html` has.
LANGUAGES = ("en", "de", "pt")


class Pages:
    """Renders pages with the shop's name on them."""

    def __init__(self, brand: Mapping[str, Any], *, stylesheet: str) -> None:
        """`stylesheet` is its address as the pages see it."""
        self._environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True)
        self.brand = dict(brand)
        self._environment.globals.update(brand=self.brand, stylesheet=stylesheet)

    def render(self, name: str, **values: Any) -> str:
        """The page or piece `name` with `values`."""
        return self._environment.get_template(name).render(values)

    def response(self, name: str, *, status: int = 200, **values: Any) -> Response:
        """The page as an answer."""
        return Response(self.render(name, **values), status, HEADERS, "text/html")


async def stylesheet(request: Request) -> Response:
    """The one style sheet of all pages."""
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(_style(), 200, headers, "text/css")


@cache
def _style() -> bytes:
    return (FOLDER / "style.css").read_bytes()


def language(accepted: str) -> str:
    """The first of our languages that an Accept-Language header names, in its order; else English."""
    for entry in accepted[:200].split(","):
        code = entry.partition(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]
