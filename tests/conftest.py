"""Fixtures for all tests."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from messaging import Receipt, RenderedMessage
from messaging.clock import FrozenClock
from messaging.ids import message_id
from messaging.nouns.campaign import Campaign
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.workspace.folder import Workspace, make_workspace

if TYPE_CHECKING:
    from messaging.app import Messaging

# How long an example takes is the machine's business.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")

SHARED = Path(os.environ.get("MESSAGING_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-services",
        action="store_true",
        help="Fail if a test was skipped because a program it needs is missing.",
    )


#: Marks of tests that need a program beside Python.
_SERVICES = frozenset(["broker", "chromium", "postgres"])
#: Tests that were skipped although this run must have all they need.
_missed: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and not _SERVICES.isdisjoint(report.keywords):
        _missed.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _missed and session.config.getoption("--require-services"):
        print(f"\n{len(_missed)} tests of Chromium, PostgreSQL or a broker were skipped: {_missed[0]} …")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


#: A database for tests, which make a schema of their own in it and drop it.
POSTGRES = os.environ.get("MESSAGING_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")


@pytest.fixture(autouse=True)
def _logs_are_pytests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs within a test leaves logging as it is; one that is a process of its own sets it up."""
    monkeypatch.setattr("messaging.logs.set_up", lambda app, **options: None)


@pytest.fixture(scope="session")
def postgres() -> str:
    """The url of a database to make schemas in; the test is skipped, and says so, where there is none."""
    psycopg = pytest.importorskip("psycopg", reason="the extra `scale` is not installed")
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL at {POSTGRES.rpartition('@')[2]} (set MESSAGING_TEST_POSTGRES): {error}")
    return POSTGRES


#: Brokers for tests, which have queues of a name of their own in them and delete these.
BROKERS = {
    "redis": os.environ.get("MESSAGING_TEST_REDIS", "redis://127.0.0.1:6379/0"),
    "rabbitmq": os.environ.get("MESSAGING_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//"),
}


@pytest.fixture(scope="session", params=BROKERS)
def any_broker(request: pytest.FixtureRequest) -> str:
    """The url of each broker; the test is skipped, and says so, where there is none."""
    return _broker(request.param)


@pytest.fixture(scope="session")
def redis_broker() -> str:
    """The url of Redis."""
    return _broker("redis")


def _broker(name: str) -> str:
    kombu = pytest.importorskip("kombu", reason="the extra `scale` is not installed")
    url = BROKERS[name]
    try:
        with kombu.Connection(url, connect_timeout=3) as connection:
            connection.default_channel  # only then it is made
    except Exception as error:
        pytest.skip(f"no broker at {url.rpartition('@')[2]} (set MESSAGING_TEST_{name.upper()}): {error}")
    return url


@pytest.fixture(scope="module")
def module_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """What names of queues begin with that are a module's own; they are deleted with it, from all brokers."""
    prefix = f"test-{secrets.token_hex(6)}"
    yield prefix
    _delete_queues(prefix)


@pytest.fixture
def prefix() -> Iterator[str]:
    """The same for one test."""
    prefix = f"test-{secrets.token_hex(6)}"
    yield prefix
    _delete_queues(prefix)


def _delete_queues(prefix: str) -> None:
    import kombu

    from messaging.nouns.work import all_work

    for url in BROKERS.values():
        try:
            with kombu.Connection(url, connect_timeout=3) as connection:
                for work in all_work(["email", "sms"]):
                    connection.channel().queue_delete(f"{prefix}.{work.name}")
        except Exception:
            continue  # it is not there, or was never asked


@pytest.fixture
def new_postgres_url(postgres: str) -> Iterator[str]:
    """The url of a store that is not made yet."""
    with _schema(postgres) as schema:
        yield f"{postgres}?schema={schema}&pool=4"


@pytest.fixture(scope="session")
def _made_schema(postgres: str) -> Iterator[str]:
    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.schema import upgrade

    with _schema(postgres) as schema:
        upgrade(read_address(f"{postgres}?schema={schema}"))
        yield schema


@pytest.fixture
def empty_postgres(postgres: str, _made_schema: str) -> Iterator[Callable[[], None]]:
    """Empties the store at `postgres_url`. By DELETE: TRUNCATE makes files."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        names = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename LIKE '%%_counts'"
        tables = [name for (name,) in connection.execute(names, [_made_schema]) if not name.endswith("alembic_version")]
        connection.execute("SET synchronous_commit = off")
        yield lambda: connection.execute(";".join(f"DELETE FROM {name}" for name in tables)) and None


@pytest.fixture
def postgres_url(postgres: str, _made_schema: str, empty_postgres: Callable[[], None]) -> Iterator[str]:
    """The url of an empty store."""
    # What is on the disk is the server's business; for it to wait for the disk is half of the tests' time.
    yield f"{postgres}?schema={_made_schema}&pool=4&options=-c%20synchronous_commit%3Doff"
    empty_postgres()


@contextmanager
def _schema(postgres: str) -> Iterator[str]:
    """A schema's name that nobody else uses; it is dropped afterwards."""
    import psycopg

    schema = f"test_{secrets.token_hex(8)}"
    yield schema
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("data/olist")`: real material beside the checkout; the test is skipped, and says so, where there is none."""

    def find(path: str) -> Path:
        found = SHARED / path
        if not found.exists():
            pytest.skip(f"no shared material: {path} (set MESSAGING_SHARED to its folder)")
        return found

    return find


@pytest.fixture
def clock() -> FrozenClock:
    """A business time that stands still: 2026-03-02, 10:00 UTC, a Monday."""
    return FrozenClock(datetime(2026, 3, 2, 10, 0, tzinfo=UTC))


@pytest.fixture
def letter(clock: FrozenClock) -> Callable[..., Message]:
    """`letter("ann", topic="offers")`: a planned message of the campaign `spring` to her, from `promotion`."""

    def make(name: str = "ann", **fields: Any) -> Message:
        message = Message(
            id=message_id("campaign:spring", name, "email"),
            origin="campaign:spring",
            customer_id=name,
            channel="email",
            address=f"{name}@example.com",
            template="promotion",
            version="ab" * 16,
            message_class=MessageClass.MARKETING,
            topic="offers",
            lane=Lane.CAMPAIGN,
            campaign="spring",
            due_at=clock.now(),
            created_at=clock.now(),
        )
        return replace(message, **fields)

    return make


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting leaks in from the machine."""
    for name in list(os.environ):
        if name.startswith(("MESSAGING", "SENDGRID_", "SMTP_", "TWILIO_")) and name != "MESSAGING_SHARED":
            monkeypatch.delenv(name)


#: A drop-in adapter that does what a test tells it: `deliver` is replaced, `handed` is what it was given.
PIGEON = """
from messaging import Adapter, Capabilities, Receipt, hookimpl

handed = []
found = {}
def answer(messages):
    for message in messages:
        yield Receipt.accepted(message.id, "pigeon-" + message.id)

class Pigeon(Adapter):
    name = "pigeon"
    channel = "email"
    capabilities = Capabilities(lookup=True)
    leaves_the_machine = False
    def deliver(self, messages):
        handed.extend(messages)
        return answer(messages)
    def lookup(self, message_id):
        return found.get(message_id)

@hookimpl
def register_adapters():
    return [Pigeon]
"""

#: The same for SMS.
PARROT = """
class Parrot(Pigeon):
    name = "parrot"
    channel = "sms"
"""


class Shop:
    """A small workspace with customers, a letter, a segment of everybody, and an adapter that does as it is told."""

    def __init__(self, workspace: Workspace, clock: FrozenClock) -> None:
        self.workspace = workspace
        self.clock = clock
        (workspace.plugins / "pigeon.py").write_text(PIGEON, "utf-8")
        text = workspace.settings.read_text("utf-8").replace('adapter = "mailbox"', 'adapter = "pigeon"')
        workspace.settings.write_text(text, "utf-8")
        self.write_template(
            "letter",
            'class = "marketing"\ntopic = "news"\nsubject = "Hello {{ customer.id }}"\nchannels = ["email"]\n',
        )
        self.write_segment("all", "id is defined")
        self.apps: list[Messaging] = []
        self.app = self.open()

    def open(self) -> Messaging:
        """The workspace opened once more, as another process would."""
        from messaging.app import Messaging

        app = Messaging.open(str(self.workspace.root), clock=self.clock)
        self.apps.append(app)
        return app

    @property
    def pigeon(self) -> SimpleNamespace:
        """The adapter's module, as the app has it."""
        return self.pigeon_of(self.app)

    @staticmethod
    def pigeon_of(app: Messaging) -> SimpleNamespace:
        """The adapter's module, as another app has it: each loads its own."""
        return next(plugin.module for plugin in app.plugins.found if plugin.name == "pigeon")

    def write_template(self, name: str, toml: str, html: str | None = None) -> None:
        folder = self.workspace.templates / name
        folder.mkdir(exist_ok=True)
        (folder / "template.toml").write_text(toml, "utf-8")
        body = html or (
            '<p>Dear {{ customer.id }}, <a href="https://shop.example/new">look</a></p><p>{{ brand.address }} '
            '<a href="{{ brand.contact_url }}">contact</a> <a href="{{ unsubscribe_url }}">unsubscribe</a></p>'
        )
        (folder / "email.html").write_text(body, "utf-8")

    def write_segment(self, name: str, where: str) -> None:
        (self.workspace.segments / f"{name}.toml").write_text(f"where = {where!r}\n", "utf-8")

    def add_parrot(self) -> None:
        """Let the adapter deliver SMS too, as `parrot`, and open the workspace anew."""
        plugin = self.workspace.plugins / "pigeon.py"
        plugin.write_text(PIGEON.replace("return [Pigeon]", "return [Pigeon, Parrot]") + PARROT, "utf-8")
        with self.workspace.settings.open("a", encoding="utf-8") as settings:
            settings.write('\n[channels.sms]\nadapter = "parrot"\n')
        folder = self.workspace.templates / "letter"
        toml = (folder / "template.toml").read_text("utf-8")
        (folder / "template.toml").write_text(toml.replace('["email"]', '["email", "sms"]'), "utf-8")
        (folder / "sms.txt").write_text(
            "Hello {{ customer.id }} {{ brand.contact_url }} {{ unsubscribe_url }}", "utf-8"
        )
        self.app = self.open()

    def add_customers(self, number: int, *, consent: bool = True, first: int = 0) -> list[str]:
        """Customers c0000 … with an email address each."""
        now = self.clock.now()
        people = [
            Customer(id=f"c{n:04d}", email=f"c{n:04d}@example.com", created_at=now)
            for n in range(first, first + number)
        ]
        self.app.store.customers.put(people)
        if consent:
            self.app.store.addresses.add_consents(
                Consent(channel="email", address=str(person.email), granted=True, at=now, source="test")
                for person in people
            )
        return [person.id for person in people]

    def unsubscribe(self, customer: str) -> None:
        self.app.store.addresses.add_consents(
            [
                Consent(
                    channel="email",
                    address=f"{customer}@example.com",
                    granted=False,
                    at=self.clock.now(),
                    source="test",
                )
            ]
        )

    def campaign(self, name: str = "spring", **options: object) -> Campaign:
        """A campaign of the letter to everybody, its rows made."""
        self.app.campaigning.create(name, template="letter", segment="all", **options)
        self.app.campaigning.start(name)
        return self.app.campaigning.fill(name)

    def due(self, lane: Lane, *names: str, channel: str = "email") -> None:
        """An event-driven message of the letter to each of those names, due now."""
        version = self.app.library.version("letter")
        self.app.store.put_version(version)
        self.app.store.customers.put([Customer(id=name, created_at=self.clock.now()) for name in names])
        self.app.store.outbox.add(
            [
                Message(
                    id=message_id(f"trigger:letter:{lane}", name, channel),
                    origin=f"trigger:letter:{lane}",
                    customer_id=name,
                    channel=channel,
                    address=f"{name}@example.com",
                    template="letter",
                    version=version.version,
                    message_class=MessageClass.TRANSACTIONAL,
                    topic="news",
                    lane=lane,
                    due_at=self.clock.now(),
                    created_at=self.clock.now(),
                )
                for name in names
            ]
        )

    def counts(self, name: str = "spring") -> dict[str, int]:
        """The campaign's messages by state; those that are none are left out."""
        return {state.value: n for state, n in self.app.store.outbox.counts(name).items() if n}

    def reasons(self, name: str = "spring") -> dict[str, int]:
        return {reason: n for (_, reason), n in self.app.store.outbox.reasons(name).items()}

    def handed(self) -> list[str]:
        """Whom the adapter was given messages for, in order."""
        return [message.to.partition("@")[0] for message in self.pigeon.handed]

    def answer(self, verdict: Callable[[RenderedMessage], Receipt]) -> None:
        """Answer every message so."""
        self.pigeon.answer = lambda messages: (verdict(message) for message in messages)

    def sent(self, campaign: str = "spring") -> Sequence[str]:
        rows = self.app.store.outbox.page(campaign=campaign, state=MessageState.SENT, limit=10_000)
        return sorted(row.customer_id for row in rows)


@pytest.fixture
def fresh_environment(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """A new virtual environment in which a plugin's author works, with all that this one has; runs commands in it.

    What is installed into it is gone with the test. Nothing is fetched: what builds a package must be here.
    """
    for needed in ("pip", "hatchling"):
        pytest.importorskip(needed, reason=f"{needed} is not here: a plugin cannot be installed without a registry")
    home = tmp_path / "environment"
    venv.create(home, symlinks=True)
    packages = Path(sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})["purelib"])
    ours = [path for path in map(Path, sys.path) if path.name == "site-packages"]
    lines = "".join(f"import site; site.addsitedir({str(path)!r})\n" for path in ours)
    (packages / "everything_else.pth").write_text(lines, "utf-8")
    python, command = home / "bin" / "python", home / "bin" / "messaging"
    command.write_text(f"#!{python}\nfrom messaging.cli import main\nmain()\n", "utf-8")
    command.chmod(0o755)
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"

    def run(line: str, *, folder: Path = tmp_path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", **variables}
        return subprocess.run(
            line, shell=True, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    return run


@pytest.fixture
def live_shop(tmp_path: Path, clock: FrozenClock) -> Iterator[Shop]:
    """A whole workspace to try things on."""
    shop = Shop(make_workspace(tmp_path / "shop"), clock)
    yield shop
    for app in shop.apps:
        app.close()
