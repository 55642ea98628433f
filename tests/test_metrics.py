"""Metrics: what the store knows is true for all processes, what this one did is counted, and no label is a person."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from messaging import Receipt, meters, metrics
from messaging.errors import InputError, SettingsError, StoreError
from messaging.metrics import Metrics
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane
from messaging.rules.resting import Took


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Counted from nothing."""
    metrics._begun.clear()
    yield
    metrics._begun.clear()
    meters.listen(None)


def read(page: bytes) -> dict[tuple[str, ...], float]:
    """What a page says: (name, label values…) -> value. Without buckets and times of making."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_created"))
    }


@pytest.fixture
def scrape(live_shop: Any) -> Any:
    made = Metrics(live_shop.app.store, live_shop.app.clock, live_shop.app.rests, age=0.0)
    return lambda: read(made.page()[0])


def test_what_the_store_knows(live_shop: Any, scrape: Any) -> None:
    app = live_shop.app
    live_shop.add_customers(20)
    live_shop.campaign()
    other = live_shop.open()
    live_shop.pigeon_of(other).answer = lambda messages: (Receipt.accepted(message.id) for message in messages)
    other.send_campaign("spring")  # as another process
    app.campaigning.create("summer", template="letter", segment="all")
    live_shop.due(Lane.ORDER, "ann", "bob")
    live_shop.clock.advance(timedelta(minutes=3))
    app.rests.record("pigeon", Took(well=False, at_once=True, reason="ann@example.com"))
    found = scrape()
    assert found["messaging_messages", "email", "campaign", "sent"] == 20
    assert found["messaging_messages", "email", "order", "planned"] == 2
    assert found["messaging_oldest_due_seconds", "order"] == 180
    assert found["messaging_oldest_due_seconds", "campaign"] == 0
    assert found["messaging_events_waiting",] == 0
    # Those that are over are not read: there are ever more of them.
    assert ("messaging_campaigns", "done") not in found
    assert (found["messaging_campaigns", "draft"], found["messaging_campaigns", "sending"]) == (1, 0)
    assert found["messaging_adapter_resting", "pigeon"] == 1
    assert found["messaging_store_up",] == 1


def test_what_this_process_did(live_shop: Any, scrape: Any) -> None:
    live_shop.add_customers(20)
    live_shop.campaign()
    live_shop.unsubscribe("c0000")
    answers = {"c0001": Receipt.refused, "c0002": Receipt.unknown}

    def verdict(message: Any) -> Receipt:
        name = message.to.partition("@")[0]
        return answers[name](message.id, "no") if name in answers else Receipt.accepted(message.id)

    live_shop.answer(verdict)
    live_shop.app.send_campaign("spring")
    found = scrape()
    assert found["messaging_receipts_total", "pigeon", "accepted"] == 17
    assert found["messaging_receipts_total", "pigeon", "refused"] == 1
    assert found["messaging_receipts_total", "pigeon", "unknown"] == 1
    assert found["messaging_handover_seconds_count", "pigeon"] == 2
    assert found["messaging_render_seconds_count",] == 20
    assert found["messaging_skips_total", "unsubscribed"] == 1


def test_no_label_is_an_address_an_id_or_a_campaign(live_shop: Any, scrape: Any) -> None:
    live_shop.add_customers(5)
    live_shop.campaign("summer-sale")
    live_shop.answer(lambda message: Receipt.refused(message.id, f"no {message.to}"))
    live_shop.due(Lane.ORDER, "ann")
    live_shop.app.send_campaign("summer-sale")
    live_shop.app.dispatcher.run_due()
    values = {value for key in scrape() for value in key[1:]}
    assert not {value for value in values if "@" in value or "summer" in value or len(value) > 30}


def test_campaigns_that_are_over_are_not_read(live_shop: Any, scrape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []
    all = live_shop.app.store.campaigns.all
    monkeypatch.setattr(
        live_shop.app.store.campaigns, "all", lambda states=CampaignState: asked.append(set(states)) or all(states)
    )
    scrape()
    assert asked == [set(CampaignState) - {CampaignState.DONE, CampaignState.CANCELLED}]


def test_it_is_asked_at_most_once_in_a_while(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    app, asked = live_shop.app, []
    totals = app.store.outbox.totals
    monkeypatch.setattr(app.store.outbox, "totals", lambda: asked.append(1) or totals())
    made = Metrics(app.store, app.clock, app.rests, age=3600)
    assert asked == []
    for _ in range(5):
        made.page()
    assert asked == [1]


def test_a_store_that_is_away_is_told_and_what_was_counted_stays(
    live_shop: Any, scrape: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Any:
        raise StoreError("/srv/data: gone")

    monkeypatch.setattr(live_shop.app.store.outbox, "totals", away)
    meters.note("hits", kind="clicked")
    found = scrape()
    assert found["messaging_store_up",] == 0
    assert found["messaging_hits_total", "clicked"] == 1


def test_without_the_package_it_says_what_to_install(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError, match=r"customer-messaging\[metrics\]"):
        Metrics(live_shop.app.store, live_shop.app.clock, live_shop.app.rests)


def test_a_folder_to_share_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(metrics.SHARED, str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"PROMETHEUS_MULTIPROC_DIR: .*none is no folder"):
        metrics.begin()


PROCESS = """
import sys
from messaging import meters, metrics
metrics.begin()
for _ in range(int(sys.argv[1])):
    meters.note("hits", kind="clicked")
meters.note("handover_seconds", 0.5, adapter="smtp")
"""
SERVING = """
import subprocess, sys, urllib.request
from messaging.app import Messaging
from messaging.cli.worker import serving

with Messaging.open(sys.argv[1]) as app, serving(app, "127.0.0.1", int(sys.argv[2])):
    for number in ("2", "3"):
        subprocess.run([sys.executable, "-c", sys.argv[3], number], check=True)
    sys.stdout.write(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/metrics").read().decode())
"""


def test_processes_that_share_a_folder_are_one(live_shop: Any) -> None:
    """As those that `messaging worker --metrics-port` starts do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    live_shop.due(Lane.ORDER, "ann")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-c", SERVING, str(live_shop.workspace.root), str(port), PROCESS]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True, env=environment)
    found = read(done.stdout)
    assert found["messaging_hits_total", "clicked"] == 5
    assert found["messaging_handover_seconds_count", "smtp"] == 2
    assert found["messaging_messages", "email", "order", "planned"] == 1
