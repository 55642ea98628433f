"""Requests are timed by the route that they are for; `/metrics` is for staff only."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from messaging import meters, metrics
from messaging.server.timing import Timed


@pytest.fixture
def told() -> Iterator[queue.SimpleQueue[tuple[str, ...]]]:
    found: queue.SimpleQueue[tuple[str, ...]] = queue.SimpleQueue()

    def sink(name: str, value: float, labels: Any) -> None:
        if name == "request_seconds":
            assert value > 0
            found.put(tuple(labels.values()))

    meters.listen(sink)
    yield found
    meters.listen(None)
    metrics._begun.clear()


def test_by_route_whatever_a_stranger_asks_for(site: Any, visit: Callable[[Any], Any], told: Any) -> None:
    client = visit(Timed(site.public, "public", site.public.routes))
    links = site.message()
    client.get(links.click(1, 0, None))
    for number in range(20):
        client.get(f"/stranger-{number}")
        client.get(f"/c/forged-{number}")
    client.get("/healthz")
    client.post("/events", content=b"{}")
    # Told once the answer is through, which the client may hear of before.
    assert {told.get(timeout=30) for _ in range(43)} == {
        ("public", "/c/{token}", "3xx"),
        ("public", "/c/{token}", "4xx"),
        ("public", "other", "4xx"),
        ("public", "/healthz", "2xx"),
        ("public", "/events", "4xx"),
    }
    assert told.empty()


def test_metrics_are_on_the_staff_door_only(site: Any, staff: Any, public: Any) -> None:
    metrics._begun.clear()
    site.message()
    page = staff.get("/metrics")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    assert 'messaging_messages{channel="email",lane="campaign",state="sent"} 1.0' in page.text
    assert public.get("/metrics").status_code == 404
    assert public.post("/metrics").status_code == 404


def test_where_the_package_is_missing_the_page_says_so(site: Any, staff: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    answer = staff.get("/metrics")
    assert answer.status_code == 501
    assert 'pip install "customer-messaging[metrics]"' in answer.text
