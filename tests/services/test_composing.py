"""Rendering from frozen versions."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.nouns.message import Lane


def test_versions_in_memory_are_bounded_and_none_is_lost(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.services.composing.VERSIONS", 2)
    composer = live_shop.app.composer
    names = [f"p{number}" for number in range(4)]
    for name in names:
        toml = (live_shop.workspace.templates / "letter" / "template.toml").read_text("utf-8")
        live_shop.write_template(
            "letter", toml, html=f"<p>{name} {{{{ unsubscribe_url }}}} {{{{ brand.address }}}}</p>"
        )
        live_shop.due(Lane.ORDER, name)
    for name in (*names, *names):
        (message,) = live_shop.app.store.outbox.page(customer_id=name)
        (letter,) = composer.compose([message], now=live_shop.clock.now())
        assert name in letter.parts["html"]
    assert len(composer._versions) == 2
