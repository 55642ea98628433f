"""Where links lead, out of a memory that is bounded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from messaging.errors import NotFound
from messaging.ids import digest
from messaging.nouns.template import LinkSlot
from messaging.rules.tokens import Purpose, Token
from messaging.server import targets as module
from messaging.server.targets import Targets


@pytest.fixture
def versions(site: Any) -> list[str]:
    """The references of four versions, the oldest first; the link of each leads to a page of its own."""
    (model,) = site.store.versions()
    names = [digest("version", str(number)) for number in range(4)]
    for number, name in enumerate(names):
        link = LinkSlot(
            slot=1, channel="email", locale="", part="html", label="", target=f"https://shop.example/{number}"
        )
        site.store.put_version(replace(model, version=name, links=(link,)))
    return [module._reference(version) for version in site.store.versions()][1:]


def token(version: str, slot: int = 1) -> Token:
    return Token(purpose=Purpose.CLICK, message_id="0" * 32, version=version, slot=slot)


def test_the_latest_are_kept_and_older_ones_are_found(
    site: Any, versions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VERSIONS", 2)
    targets = Targets(site.store)
    for _ in range(2):
        targets.load()
        known = [targets.known(token(version)) for version in versions]
        assert known == [None, None, "https://shop.example/2", "https://shop.example/3"]
    for number, version in enumerate(versions):
        assert targets.find(token(version)) == f"https://shop.example/{number}"
    assert len(targets._known) == 2


def test_what_is_nowhere_leads_nowhere(site: Any, versions: list[str]) -> None:
    targets = Targets(site.store)
    for lost in (token("0" * 14), token(versions[0], slot=7)):
        with pytest.raises(NotFound, match="leads nowhere"):
            targets.find(lost)
