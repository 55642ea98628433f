"""Templates without files, prepared in this process: the child process has tests of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from messaging.errors import TemplateError
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering import prepare, probe
from messaging.rendering.building import build
from messaging.rendering.check import Problem, check
from messaging.rendering.environment import Additions
from messaging.rendering.prepare import Prepared
from messaging.rendering.render import Renderer

BRAND = {
    "name": "Tea & Co",
    "address": "1 High Street, Sampletown",
    "phone": "+44 7700 900123",
    "hours": "",
    "url": "https://shop.example",
    "contact_url": "https://shop.example/contact",
    "faq_url": "",
    "logo_url": "",
    "color": "#1f5eff",
    "currency": "EUR",
    "locale": "en",
    "timezone": "UTC",
}


class Links:
    """Readable addresses: what was asked for stands in them."""

    def click(self, slot: int, turn: int, target: str | None) -> str:
        return f"https://links.example/c/{slot}-{turn}" + (f"?to={target}" if target is not None else "")

    def pixel(self) -> str:
        return "https://links.example/o"

    def unsubscribe(self) -> str:
        return "https://links.example/u"

    def preferences(self) -> str:
        return "https://links.example/p"


@pytest.fixture(scope="session")
def links() -> Links:
    return Links()


@pytest.fixture(scope="session")
def brand() -> dict[str, Any]:
    return dict(BRAND)


@pytest.fixture(scope="session")
def template() -> Callable[..., Template]:
    """`template(html=…, subject=…, de_html=…)`: parts by name, with a locale before it if it has one."""

    def make(
        *,
        shared: Mapping[str, str] | None = None,
        sms: str | None = None,
        json: str | None = None,
        **more: Any,
    ) -> Template:
        sources: dict[tuple[str, str, str], str] = {}
        for name in [name for name in more if name.split("_")[-1] in ("html", "mjml", "text", "subject", "preheader")]:
            locale, _, part = name.rpartition("_")
            sources["email", locale.replace("_", "-"), part] = more.pop(name)
        if sms is not None:
            sources["sms", "", "text"] = sms
        if json is not None:
            sources["webhook", "", "body"] = json
        if any(channel == "email" for channel, _, _ in sources):
            sources.setdefault(("email", "", "subject"), "Hello")
        files = {}
        for channel, locale, part in sources:
            ending = {"text": "txt", "body": "json"}.get(part, part)
            name = "template.toml" if part in ("subject", "preheader") else f"{channel}.{ending}"
            files[channel, locale, part] = "/".join(["templates/t", *filter(None, [locale]), name])
        values: dict[str, Any] = {"name": "t", "message_class": MessageClass.TRANSACTIONAL, "topic": "orders"}
        values["channels"] = tuple(dict.fromkeys(channel for channel, _, _ in sources))
        return Template(**{**values, "sources": sources, "files": files, "shared": shared or {}, **more})

    return make


@pytest.fixture(scope="session")
def prepared(template: Callable[..., Template]) -> Callable[..., TemplateVersion]:
    """`prepared(html=…)`: the version; the first problem is raised."""

    def make(*, brand: Mapping[str, Any] = BRAND, filters: tuple[str, ...] = (), **parts: Any) -> TemplateVersion:
        def problem(error: TemplateError) -> None:
            raise error

        return build(
            template(**parts),
            brand,
            from_="shop@example.com",
            reply_to=None,
            additions=Additions(filters=filters),
            problem=problem,
        )

    return make


@pytest.fixture(scope="session")
def render(prepared: Callable[..., TemplateVersion], links: Links) -> Callable[..., dict[str, str]]:
    """`render(html=…, context={…})`: prepare and render."""
    renderer = Renderer()

    def make(
        *,
        context: Mapping[str, Any] | None = None,
        locale: str | None = None,
        generic: bool = False,
        channel: str | None = None,
        **parts: Any,
    ) -> dict[str, str]:
        version = prepared(**parts)
        values = {"customer": {}, "now": datetime(2026, 3, 2, 10, tzinfo=UTC), **(context or {})}
        return renderer.render(
            version,
            channel=channel or version.channels[0],
            locale=locale,
            context=values,
            links=links,
            generic=generic,
        )

    return make


@pytest.fixture
def found(
    template: Callable[..., Template], brand: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[Problem]]:
    """`found(html=…)`: the problems. Prepared in this process: the child has tests of its own."""

    def in_this_process(name: str, request: bytes) -> tuple[Prepared, None]:
        return prepare._read(orjson.dumps(probe.answer(orjson.loads(request)), option=orjson.OPT_NON_STR_KEYS)), None

    monkeypatch.setattr(prepare, "_in_child", in_this_process)

    def run(
        *,
        attributes: tuple[str, ...] = (),
        values: dict[str, Any] | None = None,
        renderer: Renderer | None = None,
        **parts: Any,
    ) -> list[Problem]:
        prepare._remembered.clear()
        return check(template(**parts), {**brand, **(values or {})}, attributes=attributes, renderer=renderer)

    return run
