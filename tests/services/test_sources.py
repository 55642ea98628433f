"""What a source may know of what its shop told before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from messaging.errors import Erased

if TYPE_CHECKING:
    from tests.conftest import Shop

SOURCE = """
from messaging import EventSource, hookimpl

class Kiosk(EventSource):
    name = "kiosk"
    def verify(self, request): ...
    def events(self, request): ...

@hookimpl
def register_event_sources():
    return [Kiosk]
"""


def test_a_source_looks_up_what_its_own_shop_told(live_shop: Shop) -> None:
    (live_shop.workspace.plugins / "kiosk.py").write_text(SOURCE, "utf-8")
    with live_shop.workspace.settings.open("a", encoding="utf-8") as settings:
        settings.write("\n[sources.kiosk.main]\n[sources.kiosk.other]\n")
    app = live_shop.open()
    event = {
        "id": "1",
        "type": "order.placed",
        "time": "2026-03-02T09:00:00Z",
        "customer": {"id": "ann"},
        "data": {"order": {"number": "1001"}},
    }
    app.intake.receive({**event, "source": "kiosk", "shop": "main"})
    found = app.sources.get("kiosk", "main").context.told("1")
    assert found is not None
    assert (found.customer_id, found.data) == ("ann", event["data"])
    assert app.sources.get("kiosk", "main").context.told("2") is None
    assert app.sources.get("kiosk", "other").context.told("1") is None
    app.eraser.erase("ann")
    with pytest.raises(Erased):
        app.sources.get("kiosk", "main").context.told("1")
