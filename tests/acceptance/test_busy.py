"""While a command sends a campaign to 50,000 people, order events are answered at once and their letters leave."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from messaging.app import Messaging
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.workspace.folder import make_workspace

pytestmark = [pytest.mark.slow, pytest.mark.alone]

PEOPLE = 50_000
#: Takes everything at once, so that the campaign asks all of the store that it can.
PIGEON = """
from messaging import Adapter, Receipt, hookimpl

class Pigeon(Adapter):
    name = "pigeon"
    channel = "email"
    leaves_the_machine = False
    def deliver(self, messages):
        for message in messages:
            yield Receipt.accepted(message.id)

@hookimpl
def register_adapters():
    return [Pigeon]
"""


def fill(folder: Path) -> None:
    workspace = make_workspace(folder)
    (workspace.plugins / "pigeon.py").write_text(PIGEON, "utf-8")
    now = datetime.now(UTC)
    with Messaging.open(str(folder)) as app:
        for first in range(0, PEOPLE, 5000):
            people = [
                Customer(id=f"c{n:05d}", email=f"c{n}@mail.example", first_name="Ann", created_at=now)
                for n in range(first, first + 5000)
            ]
            with app.store.transaction():
                app.store.customers.put(people)
                app.store.addresses.add_consents(
                    Consent(channel="email", address=str(p.email), granted=True, at=now, source="test") for p in people
                )
        app.campaigning.create("spring", template="promotion", segment="everyone", adapter="pigeon")
        app.triggers.enable("order-confirmation")


def order(number: int) -> dict[str, object]:
    return {
        "id": f"e{number}",
        "type": "order.placed",
        "time": datetime.now(UTC).isoformat(),
        "customer": {"id": f"c{number:05d}"},
        "data": {
            "order": {
                "number": f"A-{number}",
                "total": "10.00",
                "currency": "EUR",
                "items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "10.00"}],
            }
        },
    }


def test_orders_do_not_wait_for_a_campaign(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    fill(folder)
    command = [sys.executable, "-m", "messaging", "-w", str(folder)]
    environment = dict(os.environ)
    server = subprocess.Popen(
        [*command, "serve", "--port", "0", "--staff-port", "0"], stderr=subprocess.PIPE, text=True, env=environment
    )
    campaign = None
    try:
        assert server.stderr is not None
        public = re.search(r"https?://\S+", server.stderr.readline())
        assert public is not None
        key = re.search(r'api_key = "([^"]+)"', (folder / "keys.toml").read_text("utf-8"))
        assert key is not None
        campaign = subprocess.Popen(
            [*command, "campaigns", "send", "spring", "--yes", "--json"], stdout=subprocess.PIPE
        )
        answered: list[float] = []
        posted: dict[str, float] = {}
        with httpx.Client(base_url=public[0], headers={"Authorization": f"Bearer {key[1]}"}) as client:
            while campaign.poll() is None:
                begun = time.time()
                answer = client.post("/events", json=order(len(answered)))
                answered.append(time.time() - begun)
                assert answer.status_code == 202
                posted[f"A-{len(answered) - 1}"] = begun
                time.sleep(0.05)  # the pace of a busy shop, not a wait for anything
        assert campaign.returncode == 0
        deadline = time.monotonic() + 20
        mails = folder / "mailbox"
        while len(list(mails.glob("*.eml"))) < len(posted) and time.monotonic() < deadline:
            time.sleep(0.05)
        left = {}
        for path in mails.glob("*.eml"):
            number = re.search(rb"A-\d+", path.read_bytes())
            assert number is not None
            left[number[0].decode()] = path.stat().st_mtime
        assert set(left) == set(posted)
        waits = sorted(left[number] - posted[number] for number in posted)
        answered.sort()
        assert len(answered) > 100
        print(
            f"{len(answered)} orders: answered p50 {answered[len(answered) // 2] * 1000:.0f} ms, "
            f"p99 {answered[int(len(answered) * 0.99)] * 1000:.0f} ms; left p50 {waits[len(waits) // 2] * 1000:.0f} ms, "
            f"at most {waits[-1] * 1000:.0f} ms"
        )
        assert answered[int(len(answered) * 0.99)] <= 0.2
        assert waits[-1] <= 2.0
    finally:
        for process in (campaign, server):
            if process is not None:
                process.terminate()
                process.communicate(timeout=30)
