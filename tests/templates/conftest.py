"""The starter templates, prepared and rendered as the product does it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.prepare import prepare
from messaging.rendering.render import Renderer
from messaging.rendering.samples import dated
from messaging.settings import Settings
from messaging.workspace.starter import starter
from messaging.workspace.template_files import read_template, template_names

FULL_BRAND: Mapping[str, Any] = {
    "name": "Fern & Field",
    "from": "Fern & Field <orders@shop.example>",
    "address": "12 Orchard Lane, 12345 Sampletown",
    "phone": "+44 20 7946 0123",
    "hours": "Monday to Friday, 9:00 to 17:00",
    "url": "https://shop.example",
    "contact_url": "https://shop.example/contact",
    "faq_url": "https://shop.example/faq",
}
#: What a shop has set that set nothing but the postal address, which marketing needs.
BARE_BRAND: Mapping[str, Any] = {"name": "Shop", "address": "1 Market Street, 12345 Sampletown"}
#: What an event of that kind has at the least.
LEAST: Mapping[str, Any] = {
    "order": {"number": "7"},
    "shipment": {},
    "cart": {"id": "c-7"},
    "refund": {"amount": "5.00"},
    "product": {},
}
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
LOCALES = ("en", "de-AT", "pt-BR")


@dataclass
class Links:
    """Makes addresses that say what they stand for, and remembers where they lead."""

    version: TemplateVersion
    targets: list[str] = field(default_factory=list)

    def click(self, slot: int, turn: int, target: str | None) -> str:
        fixed = next(link.target for link in self.version.links if link.slot == slot)
        self.targets.append(fixed or target or "")
        return f"https://t.example/c/{slot}-{turn}"

    def pixel(self) -> str:
        return "https://t.example/o/1.gif"

    def unsubscribe(self) -> str:
        return "https://t.example/u/1"

    def preferences(self) -> str:
        return "https://t.example/p/1"


@dataclass(frozen=True)
class Rendered:
    parts: Mapping[str, str]
    targets: list[str]


class Starter:
    """The starter templates by name."""

    names = template_names(starter("templates"))
    full_brand, bare_brand, least, locales = FULL_BRAND, BARE_BRAND, LEAST, LOCALES

    def __init__(self) -> None:
        self._renderer = Renderer()

    @cache  # noqa: B019 - one object for the whole run
    def template(self, name: str) -> Template:
        return read_template(starter("templates"), name)

    def brand(self, **values: Any) -> dict[str, Any]:
        given = Settings.model_validate({"brand": values}).brand.model_dump(by_alias=True)
        return {key: "" if value is None else value for key, value in given.items()}

    def version(self, name: str, brand: Mapping[str, Any] = FULL_BRAND) -> TemplateVersion:
        return self._version(name, tuple(sorted(brand.items())))

    @cache  # noqa: B019 - as above
    def _version(self, name: str, brand: tuple[tuple[str, Any], ...]) -> TemplateVersion:
        return self.prepare(self.template(name), dict(brand))

    def prepare(self, template: Template, brand: Mapping[str, Any] = FULL_BRAND) -> TemplateVersion:
        """A template's version, as a workspace of that brand makes it."""
        return prepare(template, self.brand(**brand), from_="shop@shop.example")

    def sample(self, name: str) -> dict[str, Any]:
        """The template's own example data."""
        return copy.deepcopy(dict(dated(self.template(name).sample, NOW)))

    def minimal(self, name: str) -> dict[str, Any]:
        """The example reduced to what an event cannot lack."""
        return {key: copy.deepcopy(LEAST[key]) for key in self.template(name).sample if key in LEAST}

    def render(
        self,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        channel: str = "email",
        locale: str = "en",
        customer: Mapping[str, Any] | None = None,
        timezone: str = "Europe/Vienna",
        brand: Mapping[str, Any] = FULL_BRAND,
        version: TemplateVersion | None = None,
    ) -> Rendered:
        """The parts of one message, and where its links lead."""
        version = version or self.version(name, brand)
        links = Links(version)
        context = {
            **(self.sample(name) if data is None else data),
            "customer": {"first_name": "Ann"} if customer is None else customer,
            "brand": version.brand,
            "message": {"id": "0" * 32, "template": name, "campaign": None},
            "locale": locale,
            "timezone": timezone,
            "now": NOW,
            "unsubscribe_url": links.unsubscribe(),
            "preferences_url": links.preferences(),
        }
        parts = self._renderer.render(version, channel=channel, locale=locale, context=context, links=links)
        return Rendered(parts, links.targets)


@pytest.fixture(scope="session")
def templates() -> Starter:
    return Starter()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `name` runs for each template, one that asks for `locale` for each language."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", Starter.names)
    if "locale" in metafunc.fixturenames:
        metafunc.parametrize("locale", LOCALES)
