"""A shop to prove it on: a workspace with customers and a campaign, its processes, and somebody who places orders."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from messaging.app import Messaging
from messaging.errors import PartlyFailed
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.workspace.folder import make_workspace
from tests.proving.clocks import Clocks
from tests.proving.provider import Provider
from tests.proving.services import free_port
from tests.proving.tether import MARK

CAMPAIGN = "spring"
#: What a command exits with that did what it should, though not for all.
PARTLY = PartlyFailed.exit_code
#: Orders a second.
PACE = 10.0

#: Messages that go in one request.
BATCH = 50

SETTINGS = {
    "CHANNELS__EMAIL__ADAPTER": "sendgrid",
    "ADAPTERS__SENDGRID__TIMEOUT": "3",
    "ADAPTERS__SENDGRID__BATCH": str(BATCH),
    "SENDING__ATTEMPTS": "100",
    "SENDING__BACKOFF": "1 second",
    "SENDING__BACKOFF_MAX": "2 seconds",
    "SENDING__REST": "1 second",
    "SENDING__REST_MAX": "2 seconds",
    "SENDING__TIMEOUT": "10 seconds",
    "SERVER__ALLOW_INSECURE_LINKS": "true",
}


class Shop:
    """`people` customers, a campaign to all of them, and order confirmations."""

    def __init__(
        self, folder: Path, people: int, *, store: str, queue: str | None, seconds: float, unknown: str
    ) -> None:
        """`seconds`: how long the campaign is to take, if nothing got in its way."""
        self.folder = folder
        self.people = people
        self.workers = queue is not None
        make_workspace(folder)
        self.provider = Provider()
        self.provider.start()
        self.port = free_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MESSAGING_")},
            **self.provider.environment(),
            **{f"MESSAGING__{name}": value for name, value in SETTINGS.items()},
            "MESSAGING__STORE__URL": store,
            # Three quarters of the rate are the campaign's.
            "MESSAGING__SENDING__RATE": json.dumps({"sendgrid": round(people / seconds / 0.75, 1)}),
            "MESSAGING__SENDING__UNKNOWN": unknown,
            "PYTHONUNBUFFERED": "1",
            MARK: str(folder.parent),
        }
        if queue is not None:
            self.environment |= {"MESSAGING__QUEUE__USE": "celery", "MESSAGING__QUEUE__URL": queue}
        self._fill()
        #: The last of each name.
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._started: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.clocks = Clocks(folder.parent)
        #: By how many seconds the clock of the next process of a name is off.
        self.off: dict[str, int] = {}

    def open(self) -> Messaging:
        """The workspace opened here, as its processes do."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            return Messaging.open(str(self.folder))
        finally:
            os.environ.clear()
            os.environ.update(before)

    def _fill(self) -> None:
        now = datetime.now(UTC)
        with self.open() as app:
            for first in range(0, self.people, 5000):
                people = [
                    Customer(id=f"c{n:05d}", email=f"c{n:05d}@mail.example", first_name="Ann", created_at=now)
                    for n in range(first, min(first + 5000, self.people))
                ]
                with app.store.transaction():
                    app.store.customers.put(people)
                    app.store.addresses.add_consents(
                        Consent(channel="email", address=str(p.email), granted=True, at=now, source="test")
                        for p in people
                    )
            app.campaigning.create(CAMPAIGN, template="promotion", segment="everyone")
            app.triggers.enable("order-confirmation")

    # Its processes.

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Run a command as process `name`; what it says is in a file of that name."""
        off = self.off.pop(name, 0)
        clock = self.clocks.off(off) if off else {}
        with (self.folder.parent / f"{name}.log").open("ab") as log:
            process = self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "messaging", "-w", str(self.folder), *arguments],
                env={**self.environment, **clock},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append((name, process))
        return process

    def start_server(self) -> None:
        self.start("server", "serve", "--port", str(self.port), "--staff-port", "0")

    def start_sender(self, name: str = "sender") -> None:
        arguments = ["--no-wait"] if self.workers else []
        self.start(name, "campaigns", "send", CAMPAIGN, "--yes", "--json", *arguments)

    def start_worker(self) -> None:
        self.start("worker", "worker", "--concurrency", "2")

    def alive(self, name: str) -> bool:
        process = self.processes.get(name)
        return process is not None and process.poll() is None

    def is_through(self, name: str) -> bool:
        """Whether a command came to the end of what it does: nothing was left of it, or some are refused or unknown."""
        process = self.processes.get(name)
        return process is not None and process.poll() in (0, PARTLY)

    def under_way(self) -> bool:
        """Whether anything of the campaign is still to be handed over."""
        return len({id for id, _ in self.provider.ledger}) < self.people

    def kill(self, name: str) -> bool:
        """As `kill -9` does: it, and nobody who belongs to it; whether it was alive."""
        process = self.processes.get(name)
        if process is None or process.poll() is not None:
            return False
        process.kill()
        process.wait(30)
        return True

    def said(self, text: str) -> int:
        """How often its processes have said so."""
        return sum(log.read_text("utf-8", "replace").count(text) for log in self.folder.parent.glob("*.log"))

    def children(self, name: str) -> list[int]:
        """The processes that one has started."""
        process = self.processes[name]
        try:
            return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        except OSError:
            return []

    def stop(self) -> dict[str, int]:
        """End all in good order, or by force; return what they exited with."""
        running = [(name, process) for name, process in self._started if process.poll() is None]
        for _, process in running:
            process.terminate()
        codes = {}
        for name, process in running:
            try:
                codes[name] = process.wait(60)
            except subprocess.TimeoutExpired:
                self.end(process)
                codes[name] = -signal.SIGKILL
        return codes

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """With all that belongs to it."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(30)

    def close(self) -> None:
        for _, process in self._started:
            self.end(process)
        self.provider.stop()

    def command(self, *arguments: str) -> tuple[int, Any]:
        """Run a command that answers in JSON, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "messaging", "-w", str(self.folder), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, json.loads(done.stdout) if done.stdout.strip().startswith(("{", "[")) else done.stderr


class Orders:
    """A shop's own server: posts order events at a steady pace, each until it is accepted."""

    def __init__(self, shop: Shop, first: int = 0) -> None:
        self._shop = shop
        self._stop = threading.Event()
        self._waiting: deque[int] = deque()
        self._next = first
        #: When each order number was accepted.
        self.accepted: dict[str, float] = {}
        #: Answers that were neither a yes nor "later".
        self.refused: list[str] = []
        self.tries = 0
        key = re.search(r'api_key = "([^"]+)"', (shop.folder / "keys.toml").read_text("utf-8"))
        assert key is not None
        self._headers = {"Authorization": f"Bearer {key[1]}"}
        self._threads = [threading.Thread(target=self._post, daemon=True)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float) -> bool:
        """Place no more; whether all that were placed are accepted in time."""
        self._stop.set()
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _post(self) -> None:
        begun = time.monotonic()
        with httpx.Client(base_url=f"http://127.0.0.1:{self._shop.port}", headers=self._headers, timeout=10) as client:
            while not self._stop.is_set():
                number = self._next
                self._next += 1
                if not self._one(client, number):
                    return
                self._stop.wait(max(0.0, begun + len(self.accepted) / PACE - time.monotonic()))

    def _one(self, client: httpx.Client, number: int) -> bool:
        event = order(number, self._shop.people)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            self.tries += 1
            try:
                answer = client.post("/events", json=event)
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code < 300:
                self.accepted[event["data"]["order"]["number"]] = time.monotonic()
                return True
            if answer is not None and answer.status_code < 500 and answer.status_code != 429:
                self.refused.append(f"{event['id']}: {answer.status_code} {answer.text[:200]}")
                return True
            time.sleep(0.1)  # as a shop does: again a little later
        self.refused.append(f"{event['id']}: not taken for two minutes")
        return False


def customer_of(address: str) -> str:
    """The id of whose it is."""
    return address.partition("@")[0]


def order(number: int, people: int) -> dict[str, Any]:
    return {
        "id": f"e{number}",
        "type": "order.placed",
        "time": (datetime.now(UTC) - timedelta(seconds=1)).isoformat(),
        "customer": {"id": f"c{number % people:05d}"},
        "data": {
            "order": {
                "number": f"A-{number}",
                "total": "10.00",
                "currency": "EUR",
                "items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "10.00"}],
            }
        },
    }
