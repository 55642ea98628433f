"""Celery workers on PostgreSQL: one beside two, orders during a promotion, memory; see `--help`.

    python -m bench.workers two [--messages 20000] [--runs 5]
    python -m bench.workers orders [--messages 1000000] [--seconds 30]
    python -m bench.workers long [--messages 1000000]

`two`: a campaign by one worker and by two, in turns: the ratio of their speeds, and of the processor time a message
takes. `orders`: how long an order message takes from being posted to its receipt, in a system that does nothing else, in
one that makes the list of a promotion, and in one that sends it. `long`: peak memory of every process of ours, and the
last tenth's speed beside the first's.

The database (MESSAGING_TEST_POSTGRES), the broker (MESSAGING_TEST_REDIS), a SendGrid stand-in and all of ours share the
machine's cores. A schema and queues of its own are made and dropped. Durable commits are on.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import psycopg

from bench import message
from bench.events import post
from bench.pipeline import ROOT, standin
from messaging.app import Messaging
from messaging.nouns.campaign import CampaignState
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.nouns.message import MessageState
from messaging.workspace.folder import make_workspace

POSTGRES = os.environ.get("MESSAGING_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/test")
REDIS = os.environ.get("MESSAGING_TEST_REDIS", "redis://127.0.0.1:6379/0")
SCHEMA = "bench_workers"
#: Customers that are made in one commit.
STEP = 5_000
#: How often what goes on is looked at, in seconds.
LOOK = 0.1
SHORT = "it was over before all was measured: more --messages, or fewer --seconds"
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["two", "orders", "long"])
    parser.add_argument("--messages", type=int)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    messages = given.messages or {"two": 20_000, "orders": 1_000_000, "long": 1_000_000}[given.what]
    with shop(messages) as (app, environment):
        if given.what == "two":
            two(app, environment, messages, given.runs)
        elif given.what == "orders":
            orders(app, environment, given.seconds)
        else:
            long(app, environment, messages)


# The three measurements


def two(app: Messaging, environment: dict[str, str], messages: int, runs: int) -> None:
    speeds: dict[int, list[float]] = {1: [], 2: []}
    costs: dict[int, list[float]] = {1: [], 2: []}
    others: list[float] = []
    for run in range(runs):
        for workers in (1, 2):
            with started(app, environment, "worker", "--lane", "campaigns", "--concurrency", str(workers)) as process:
                name = f"two-{workers}-{run}"
                begin(app, name)
                follow(app, name, until=CampaignState.PLANNING)
                before, aside = processor(process.pid), processor_of("postgres")
                begun = time.perf_counter()
                follow(app, name)
                took = time.perf_counter() - begun
                speeds[workers].append(messages / took)
                costs[workers].append((processor(process.pid) - before) / messages)
                others.append((processor_of("postgres") - aside) / messages)
    one, both = (statistics.median(speeds[workers]) for workers in (1, 2))
    cost, costs_both = (statistics.median(costs[workers]) * 1e6 for workers in (1, 2))
    print(f"one worker   {one:6.0f} messages/s  {cost:4.0f} us of processor a message")
    print(
        f"two workers  {both:6.0f} messages/s  {costs_both:4.0f} us   {both / one:.2f} of the speed, {costs_both / cost:.2f} of the processor time"
    )
    print(f"PostgreSQL   {statistics.median(others) * 1e6:.0f} us of processor a message")


def orders(app: Messaging, environment: dict[str, str], seconds: float) -> None:
    with (
        started(app, environment, "worker") as _,
        started(app, environment, "serve", "--port", "0", "--staff-port", "0") as server,
    ):
        assert server.stderr is not None
        said = re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())
        assert said is not None
        tell(app, int(said[1]), "warm", 3.0)
        idle = tell(app, int(said[1]), "idle", seconds)
        begin(app, "promotion")
        planning = tell(app, int(said[1]), "planning", seconds)
        assert app.campaigning.get("promotion").state is CampaignState.PLANNING, SHORT
        follow(app, "promotion", until=CampaignState.PLANNING)
        sending = tell(app, int(said[1]), "sending", seconds)
        sent = app.store.outbox.counts("promotion")[MessageState.SENT]
        assert app.campaigning.get("promotion").state is CampaignState.SENDING, SHORT
        app.campaigning.pause("promotion", "measured")
    usual = _of_hundred(idle, 99)
    for name, took in (("nothing else", idle), ("its list is made", planning), ("it is sent", sending)):
        print(
            f"{name:16} {len(took)} orders, p50 {_of_hundred(took, 50) * 1000:.0f} ms, "
            f"p99 {_of_hundred(took, 99) * 1000:.0f} ms ({_of_hundred(took, 99) / usual:.1f} times), "
            f"most {took[-1] * 1000:.0f} ms"
        )
    print(f"{sent} of the promotion sent meanwhile")


def _of_hundred(ordered: list[float], part: int) -> float:
    return ordered[len(ordered) * part // 100]


def long(app: Messaging, environment: dict[str, str], messages: int) -> None:
    with started(app, environment, "worker", "--lane", "campaigns", "--concurrency", "2") as process:
        begun = time.perf_counter()
        begin(app, "long")
        follow(app, "long", until=CampaignState.PLANNING)
        planned = time.perf_counter()
        marks: list[tuple[float, int]] = []
        follow(app, "long", marks=marks)
        ended = time.perf_counter()
        peak = max(peaks(process.pid))
    tenth = messages // 10
    first, last = (_speed(marks, low, low + tenth) for low in (0, messages - tenth))
    print(
        f"planned in {planned - begun:.0f} s, sent in {ended - planned:.0f} s: {messages / (ended - planned):.0f} messages/s"
    )
    print(f"first tenth {first:.0f} messages/s, last {last:.0f}: {first / last:.2f} times as long")
    print(f"peak memory of one process {peak} MB")


def _speed(marks: list[tuple[float, int]], low: int, high: int) -> float:
    """Messages a second between the first mark from `low` on and the last up to `high`."""
    within = [(at, sent) for at, sent in marks if low <= sent <= high]
    (begun, first), (ended, last) = within[0], within[-1]
    return (last - first) / (ended - begun)


# What they are made of


@contextmanager
def shop(customers: int) -> Iterator[tuple[Messaging, dict[str, str]]]:
    """A workspace with so many people who agreed, and the environment in which its processes run."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "shop"
        workspace = make_workspace(folder)
        message.write_template(workspace.templates)
        (workspace.segments / "all.toml").write_text("where = \"country == 'DE'\"\n", "utf-8")
        environment = {
            "MESSAGING__STORE__URL": f"{POSTGRES}?schema={SCHEMA}",
            "MESSAGING__QUEUE__USE": "celery",
            "MESSAGING__QUEUE__URL": REDIS,
            "MESSAGING__QUEUE__PREFIX": "bench-workers",
            "MESSAGING__CHANNELS__EMAIL__ADAPTER": "sendgrid",
            "MESSAGING__SERVER__ALLOW_INSECURE_LINKS": "true",
            "SENDGRID_API_KEY": "SG.bench",
            "SENDGRID_HOST": f"http://127.0.0.1:{stack.enter_context(standin('sendgrid'))}",
        }
        os.environ.update(environment)
        with psycopg.connect(POSTGRES, autocommit=True) as aside:
            aside.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        stack.callback(_drop)
        app = stack.enter_context(Messaging.open(str(folder)))
        now = datetime.now(UTC)
        for first in range(0, customers, STEP):
            people = [
                Customer(
                    id=f"C{n:07d}", email=f"c{n}@mail.example", first_name=f"Name{n}", city="Sampletown", country="DE"
                )
                for n in range(first, min(first + STEP, customers))
            ]
            with app.store.transaction():
                app.store.customers.put(people)
                app.store.addresses.add_consents(
                    Consent(channel="email", address=str(one.email), granted=True, at=now, source="bench")
                    for one in people
                )
        app.triggers.enable("order-confirmation")
        with psycopg.connect(POSTGRES, autocommit=True, options=f"-c search_path={SCHEMA}") as aside:
            aside.execute("VACUUM ANALYZE")
        yield app, environment


def _drop() -> None:
    with psycopg.connect(POSTGRES, autocommit=True) as aside:
        aside.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


@contextmanager
def started(app: Messaging, environment: dict[str, str], *command: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours, until it is no longer needed; it has said its first line when this begins."""
    process = subprocess.Popen(
        [sys.executable, "-m", "messaging", "-w", str(app.workspace.root), *command],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        if command[0] == "worker":
            assert process.stderr is not None
            process.stderr.readline()
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=120)


def begin(app: Messaging, name: str) -> None:
    """Have workers send a campaign to everybody."""
    app.campaigning.create(name, template="bench", segment="all")
    app.following.hand_over(name)


def follow(
    app: Messaging,
    name: str,
    *,
    until: CampaignState = CampaignState.SENDING,
    marks: list[tuple[float, int]] | None = None,
) -> None:
    """Wait until a campaign is past a state; note how many were sent when."""
    while (state := app.campaigning.get(name).state) in (CampaignState.PLANNING, until):
        time.sleep(LOOK)
        if marks is not None:
            marks.append((time.perf_counter(), app.store.outbox.counts(name)[MessageState.SENT]))
    assert state is not CampaignState.PAUSED, app.campaigning.get(name)


def tell(app: Messaging, port: int, name: str, seconds: float) -> list[float]:
    """Ten orders a second; how long each took from being posted to its receipt, in seconds, sorted."""

    async def all_of_them() -> dict[str, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        posted: dict[str, float] = {}
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            number = len(posted)
            posted[f"{name}-{number}"] = time.time()
            headers = {"Authorization": f"Bearer {app.keys.api_key}", "Content-Type": "application/json"}
            await post(reader, writer, "/events", headers, _order(name, number))
            await asyncio.sleep(max(0.0, begun + len(posted) / 10 - time.monotonic()))
        writer.close()
        return posted

    posted = asyncio.run(all_of_them())
    until = time.monotonic() + 60
    took: dict[str, float] = {}
    while len(took) < len(posted):
        assert time.monotonic() < until, f"{len(took)} of {len(posted)} orders were told of"
        time.sleep(LOOK)
        for key, at in posted.items():
            if key not in took:
                found = app.store.outbox.page(customer_id=f"O-{key}")
                if found and found[0].sent_at is not None:
                    took[key] = found[0].sent_at.timestamp() - at
    return sorted(took.values())


def _order(name: str, number: int) -> bytes:
    return orjson.dumps(
        {
            "id": f"{name}-{number}",
            "type": "order.placed",
            "time": datetime.now(UTC).isoformat(),
            "customer": {"id": f"O-{name}-{number}", "email": f"{name}-{number}@orders.example"},
            "data": {
                "order": {
                    "number": f"{name}-{number}",
                    "total": "10.00",
                    "currency": "EUR",
                    "items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "10.00"}],
                }
            },
        }
    )


# Of processes, as Linux has it


def family(pid: int) -> list[int]:
    """A process and those it started, and so on."""
    found = [pid]
    for each in found:
        try:
            found += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
        except OSError:
            continue
    return found


def processor(pid: int) -> float:
    """Seconds of processor time that a process and those it started have used."""
    return sum(map(_seconds, family(pid)))


def processor_of(command: str) -> float:
    """The same of all processes of that name, with what those that ended used."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return sum(_seconds(pid, ended=True) for pid in pids if _stat(pid)[:1] == [command])


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    name, _, rest = text.partition("(")[2].rpartition(")")
    return [name, *rest.split()]


def _seconds(pid: int, ended: bool = False) -> float:
    fields = _stat(pid)
    return sum(map(int, fields[12 : 16 if ended else 14])) / TICKS if fields else 0.0


def peaks(pid: int) -> list[int]:
    """The most memory that each had at a time, in MB."""
    found = []
    for each in family(pid):
        said = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{each}/status").read_text())
        if said is not None:
            found.append(int(said[1]) // 1024)
    return found


if __name__ == "__main__":
    main()
