"""Pages: rendered from `pages/`, served so that nothing in them can run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import Response

from messaging.rules.colors import text_on

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
        self._style = (FOLDER / "style.css").read_text("utf-8")
        if color := self.brand.get("color"):
            self._style += f":root {{ --brand: {color}; --on-brand: {text_on(color)}; }}\n"

    def render(self, name: str, **values: Any) -> str:
        """The page or piece `name` with `values`."""
        return self._environment.get_template(name).render(values)

    def response(self, name: str, *, status: int = 200, **values: Any) -> Response:
        """The page as an answer."""
        return Response(self.render(name, **values), status, HEADERS, "text/html")

    async def style(self, request: Request) -> Response:
        """The one style sheet of all pages, with the shop's colour."""
        headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
        return Response(self._style, 200, headers, "text/css")


def language(*wanted: str | None) -> str:
    """The first of our languages in `wanted`, locales and Accept-Language headers in their order; else English."""
    for entry in ",".join(text[:200] for text in wanted if text).split(","):
        code = entry.partition(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]
