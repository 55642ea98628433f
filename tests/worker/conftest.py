"""Workers as processes of their own, on PostgreSQL and a broker, with a provider that writes down what it is given."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from messaging.app import Messaging
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.nouns.message import MessageState
from messaging.workspace.folder import Workspace, make_workspace

#: The provider: a line for each message, with who had it sent and when; as slow as `slow` says, in seconds a message;
#: with `leaky` it leaves files open until the system allows no more, but for two: as when a connection ends over it.
LEDGER = """
import os, resource, time
from pathlib import Path
from messaging import Adapter, Receipt, hookimpl

FOLDER = Path(__file__).parents[1]
LEFT_OPEN = []

class Ledger(Adapter):
    name = "ledger"
    channel = "email"
    leaves_the_machine = False
    def deliver(self, messages):
        for message in messages:
            if (FOLDER / "leaky").exists():
                resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
                try:
                    while True:
                        LEFT_OPEN.append(open("/dev/null"))
                finally:
                    del LEFT_OPEN[-2:]
            slow = FOLDER / "slow"
            if slow.exists():
                time.sleep(float(slow.read_text()))
            ledger = os.open(FOLDER / "ledger", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(ledger, f"{message.to} {os.getpid()}\\n".encode())
            os.close(ledger)
            yield Receipt.accepted(message.id)

@hookimpl
def register_adapters():
    return [Ledger]
"""

TEMPLATE = 'class = "{kind}"\ntopic = "news"\nsubject = "Hello"\nchannels = ["email"]\n'
TRIGGER = '[[triggers]]\nevent = "order.placed"\n'
BODY = (
    '<p><a href="{{ brand.contact_url }}">contact</a> {{ brand.address }} <a href="{{ unsubscribe_url }}">leave</a></p>'
)


class Hall:
    """A shop whose workers are elsewhere, and the processes that were started for it."""

    def __init__(self, workspace: Workspace, *, store: str, broker: str, prefix: str) -> None:
        self.workspace = workspace
        self.folder = workspace.root
        (workspace.plugins / "ledger.py").write_text(LEDGER, "utf-8")
        self._template("letter", TEMPLATE.format(kind="marketing"))
        self._template("order", TEMPLATE.format(kind="transactional") + TRIGGER)
        self.settings = {
            "MESSAGING__STORE__URL": store,
            "MESSAGING__QUEUE__USE": "celery",
            "MESSAGING__QUEUE__URL": broker,
            "MESSAGING__QUEUE__PREFIX": prefix,
            "MESSAGING__CHANNELS__EMAIL__ADAPTER": "ledger",
        }
        before = {name: os.environ.get(name) for name in self.settings}
        os.environ.update(self.settings)
        try:
            self.app = Messaging.open(str(self.folder))
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        self.broker, self.prefix = broker, prefix
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = self.folder / "log"
        self.app.triggers.enable("order")

    def _template(self, name: str, toml: str) -> None:
        folder = self.workspace.templates / name
        folder.mkdir()
        (folder / "template.toml").write_text(toml, "utf-8")
        (folder / "email.html").write_text(BODY, "utf-8")

    # Processes.

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """`messaging …`, or another command that this environment has, as a shop starts it."""
        bin = Path(sys.executable).parent
        environment = {**os.environ, **self.settings, "MESSAGING_WORKSPACE": str(self.folder)}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(bin / words[0]), *words[1:]], env=environment, cwd=self.folder, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):  # it is killed then
                process.wait(20)
            if process.poll() is None:
                process.kill()
                process.wait()
        self.app.close()

    # The shop.

    def people(self, number: int, name: str) -> str:
        """So many new customers who agreed, and the segment that has them: its name."""
        now = datetime.now(UTC)
        people = [
            Customer(id=f"{name}-{n}", email=f"{name}-{n}@example.com", created_at=now, last_name=name)
            for n in range(number)
        ]
        self.app.store.customers.put(people)
        self.app.store.addresses.add_consents(
            Consent(channel="email", address=str(one.email), granted=True, at=now, source="test") for one in people
        )
        (self.workspace.segments / f"{name}.toml").write_text(f"where = \"last_name == '{name}'\"\n", "utf-8")
        return name

    def campaign(self, number: int, *, begin: bool = True) -> str:
        """A campaign to so many; begun unless said."""
        name = self.people(number, f"c{secrets.token_hex(4)}")
        self.app.campaigning.create(name, template="letter", segment=name)
        if begin:
            self.app.following.hand_over(name)
        return name

    def order(self) -> str:
        """An order is placed; who is told."""
        name = f"o{secrets.token_hex(4)}"
        self.app.receive(
            {
                "id": f"{name}:placed",
                "type": "order.placed",
                "time": datetime.now(UTC).isoformat(),
                "customer": {"id": name, "email": f"{name}@example.com"},
                "data": {"order": {"id": name, "number": name, "total": "9.90", "currency": "EUR", "items": []}},
            }
        )
        return f"{name}@example.com"

    def slow(self, seconds: float) -> None:
        """How long the provider takes for a message from now on."""
        new = self.folder / "slow.new"
        new.write_text(str(seconds))
        new.rename(self.folder / "slow")

    def ledger(self, name: str = "") -> Counter[str]:
        """How often each address that begins so got something."""
        return Counter(line.split()[0] for line in self.lines() if line.startswith(name))

    def lines(self) -> Sequence[str]:
        try:
            return (self.folder / "ledger").read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []

    def senders(self, name: str) -> set[int]:
        """The processes that sent to addresses that begin so."""
        return {int(line.split()[1]) for line in self.lines() if line.startswith(name)}

    def counts(self, name: str) -> dict[str, int]:
        return {state.value: n for state, n in self.app.store.outbox.counts(name).items() if n}

    def state(self, name: str) -> str:
        return self.app.campaigning.get(name).state.value

    def done(self, name: str) -> None:
        until(lambda: self.state(name) == "done", self.said)

    def unknown(self, name: str) -> set[str]:
        rows = self.app.store.outbox.page(campaign=name, state=MessageState.UNKNOWN, limit=1000)
        return {str(row.address) for row in rows}


def until(done: Callable[[], object], said: Callable[[], str] = lambda: "", seconds: float = 60.0) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"it did not come to that; the log: {said()[-3000:]}"
        time.sleep(0.03)


def make_hall(folder: Path, store: str, broker: str, prefix: str) -> Hall:
    # What the disk does is not ours to try here, and a shop's processes need more than a test's own connections.
    return Hall(make_workspace(folder / "shop"), store=store.replace("pool=4", "pool=8"), broker=broker, prefix=prefix)


@pytest.fixture(scope="module")
def module_store(postgres: str) -> Iterator[str]:
    """The url of a store for a module."""
    import psycopg

    schema = f"test_{secrets.token_hex(8)}"
    yield f"{postgres}?schema={schema}&pool=8&options=-c%20synchronous_commit%3Doff"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture(scope="module")
def hall(
    module_store: str, any_broker: str, module_prefix: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Hall]:
    """A shop with `messaging worker` at work, for all tests of a module, by each broker."""
    made = make_hall(tmp_path_factory.mktemp("hall"), module_store, any_broker, module_prefix)
    made.start("messaging", "worker", "--concurrency", "2")
    yield made
    made.close()


@pytest.fixture
def own_hall(postgres_url: str, redis_broker: str, prefix: str, tmp_path: Path) -> Iterator[Hall]:
    """A shop of a test's own, with nobody at work yet."""
    made = make_hall(tmp_path, postgres_url, redis_broker, prefix)
    yield made
    made.close()
