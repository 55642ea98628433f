"""A server beside workers: it answers, takes in and records, sends nothing, and waits for no broker."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from messaging.server.run import make_jobs
from messaging.server.targets import Targets
from tests.worker.conftest import Hall, make_hall

pytestmark = pytest.mark.postgres


@pytest.fixture
def deaf_hall(postgres_url: str, tmp_path: Path) -> Iterator[Hall]:
    """A shop whose broker takes connections and says nothing."""
    pytest.importorskip("celery", reason="the extra `scale` is not installed")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        made = make_hall(tmp_path, postgres_url, f"redis://127.0.0.1:{listening.getsockname()[1]}/0", "test")
        yield made
        made.close()


def test_it_sends_nothing(deaf_hall: Hall) -> None:
    jobs = make_jobs(deaf_hall.app, Targets(deaf_hall.app.store), threading.Event())
    assert {job.name for job in jobs} == {"hits", "links", "store"}


def test_who_tells_of_an_order_does_not_wait_for_a_broker(deaf_hall: Hall) -> None:
    deaf_hall.order()  # all that is made the first time
    began = time.monotonic()
    for _ in range(20):
        deaf_hall.order()
    # Each attempt to reach the broker takes two seconds.
    assert time.monotonic() - began < 15
    assert len(deaf_hall.app.store.outbox.page()) == 21
    began = time.monotonic()
    for number in range(20):
        deaf_hall.app.intake.accept(
            [
                {
                    "id": f"{number}",
                    "type": "cart.updated",
                    "time": datetime.now(UTC).isoformat(),
                    "customer": {"id": "ann"},
                    "data": {"cart": {"id": "c1"}},
                    "source": "api",
                    "shop": "default",
                }
            ]
        )
    assert time.monotonic() - began < 15


def test_a_campaign_is_handed_over_all_the_same(deaf_hall: Hall) -> None:
    began = time.monotonic()
    name = deaf_hall.campaign(5)
    assert time.monotonic() - began < 15
    assert deaf_hall.state(name) == "planning"
