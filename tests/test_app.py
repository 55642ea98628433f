"""The app takes events in one call, from any thread, whoever is first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from messaging.errors import Conflict, InputError


def placed(number, total="5.00"):
    return {
        "id": f"{number}:placed",
        "type": "order.placed",
        "time": "2026-03-02T09:00:00Z",
        "customer": {"id": f"c{number}", "email": f"c{number}@example.com"},
        "data": {"order": {"number": str(number), "total": total, "currency": "EUR"}},
    }


def test_receive(live_shop):
    live_shop.app.triggers.enable("order-confirmation")
    accepted = live_shop.app.receive(placed(1))
    assert (accepted.state, accepted.new, accepted.customer_id, accepted.planned) == ("done", True, "c1", 1)
    assert not live_shop.app.receive(placed(1)).new
    with pytest.raises(Conflict):
        live_shop.app.receive(placed(1, "6.00"))
    with pytest.raises(InputError):
        live_shop.app.receive({"id": "2"})


def test_many_threads_at_once_on_an_app_that_did_nothing_yet(live_shop):
    app = live_shop.open()
    with ThreadPoolExecutor(16) as pool:
        states = [accepted.state for accepted in pool.map(app.receive, map(placed, range(64)))]
    assert states == ["done"] * 64
    assert app.store.events.count() == 64
    assert live_shop.app.store.events.count() == 64
