"""What the embedded store costs: time as it grows, memory, start-up, and a request beside a campaign.

    python -m bench.store [--customers 10000 --customers 50000] [--url postgresql://…/database]

With a url it measures a database instead, in a schema of its own that is dropped afterwards.

Each size runs in processes of its own. Customers and messages are added a thousand at a time, messages
claimed 500, begun and settled 50 at a time; `begin` is on the disk when it returns.
"""

from __future__ import annotations

import argparse
import json
import platform
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from messaging.clock import Clock
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event
from messaging.nouns.history import HistoryNeeds
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class Watch:
    """Seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Any:
        begun = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - begun


def megabytes() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def customer(number: int) -> Customer:
    return Customer(
        id=f"customer-{number:07}",
        email=f"customer{number}@example.com",
        first_name="Ann",
        last_name="Miller",
        locale="de-AT",
        timezone="Europe/Vienna",
        country="AT",
        city="Wien",
        attributes={"tier": "gold", "points": number},
        created_at=NOW,
        updated_at=NOW,
    )


def message(number: int) -> Message:
    return Message(
        id=f"{number:032x}",
        origin="campaign:spring",
        customer_id=f"customer-{number:07}",
        channel="email",
        address=f"customer{number}@example.com",
        template="promotion",
        version="0" * 32,
        message_class=MessageClass.MARKETING,
        topic="news",
        lane=Lane.CAMPAIGN,
        campaign="spring",
        due_at=NOW,
        created_at=NOW,
    )


def send_all(store: Store, watch: Watch) -> None:
    """What a sender asks of the store for each message of a campaign."""
    worker = store.enlist()
    while True:
        with watch("claim"):
            messages = store.outbox.claim(worker, now=NOW, limit=500, campaign="spring")
        if not messages:
            return
        for start in range(0, len(messages), 50):
            ids = [message.id for message in messages[start : start + 50]]
            with watch("begin"):
                store.outbox.begin(worker, ids, now=NOW)
            sent = [
                Outcome(
                    message_id=id,
                    state=MessageState.SENT,
                    adapter="smtp",
                    provider_id=f"<{id}@example.com>",
                    sent_at=NOW,
                )
                for id in ids
            ]
            with watch("settle"):
                store.outbox.settle(sent)


def fill(path: Path, size: int) -> dict[str, float]:
    """A campaign to `size` customers: microseconds of each step a message."""
    watch = Watch()
    before = megabytes()
    store = TinyStore(path, clock=Clock())
    result = fill_store(store, size, watch)
    result["file MB"] = path.stat().st_size / 1e6
    result["MB per 1,000"] = (megabytes() - before) / size * 1000
    with watch("compact"):
        store.compact()
    store.close()
    return {**result, "compaction s": watch.seconds["compact"]}


def fill_store(store: Store, size: int, watch: Watch) -> dict[str, float]:
    """The same on any store."""
    for start in range(0, size, 1000):
        batch = [customer(number) for number in range(start, min(start + 1000, size))]
        with watch("customer"):
            store.customers.put(batch)
    for start in range(0, size, 1000):
        rows = [message(number) for number in range(start, min(start + 1000, size))]
        with watch("add"):
            store.outbox.add(rows)
    send_all(store, watch)
    ids = [customer.id for customer in store.customers.page(limit=5000)]
    with watch("history"):
        store.customers.histories(ids, HistoryNeeds(orders=True, messages=True, addresses=True))
    watch.seconds["history"] *= size / len(ids)
    result = {f"{name} us": seconds / size * 1e6 for name, seconds in watch.seconds.items()}
    result["message us"] = sum(result[f"{name} us"] for name in ("add", "claim", "begin", "settle"))
    return result


def database(url: str, size: int) -> dict[str, float]:
    """The same on PostgreSQL, and what a message costs where many were sent before."""
    import psycopg

    from messaging.stores.postgres.address import read_address
    from messaging.stores.postgres.store import PostgresStore

    schema = f"bench_{secrets.token_hex(4)}"
    store = PostgresStore(read_address(f"{url}?schema={schema}"))
    try:
        result = fill_store(store, size, Watch())
        one = Watch()
        for number in range(200):
            with one("one event us"):
                store.events.add([Event(id=str(number), type="order.placed", time=NOW, customer={}, data={})])
            with one("one message us"):
                store.outbox.add([message(size + number)])
        result.update({name: seconds / 200 * 1e6 for name, seconds in one.seconds.items()})
        result["database MB"] = store.health()["bytes"] / 1e6
    finally:
        store.close()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")
    return result


def start(path: Path) -> dict[str, float]:
    """Opening it anew."""
    before, begun = megabytes(), time.perf_counter()
    store = TinyStore(path, clock=Clock())
    seconds = time.perf_counter() - begun
    size = store.customers.count()
    return {"start s": seconds, "MB per 1,000 after start": (megabytes() - before) / size * 1000}


def campaign(path: Path, size: int) -> None:
    """The other process: plans and sends a campaign."""
    store = TinyStore(path, clock=Clock())
    for begin in range(0, size, 1000):
        store.outbox.add([message(number) for number in range(begin, min(begin + 1000, size))])
    send_all(store, Watch())


def beside(path: Path, size: int) -> dict[str, float]:
    """How long a server takes to keep an event while another process runs a campaign."""
    store = TinyStore(path, clock=Clock())
    store.put_note("open", True)
    other = subprocess.Popen(
        [sys.executable, "-m", "bench.store", "campaign", str(path), str(size)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    waits: list[float] = []
    while other.poll() is None:
        begun = time.perf_counter()
        with store.transaction():
            event = Event(id=str(len(waits)), type="order.placed", time=NOW, customer={}, data={}, received_at=NOW)
            store.events.add([event])
        waits.append(time.perf_counter() - begun)
        time.sleep(0.01)
        store.refresh()
    waits.sort()
    counts = store.outbox.counts("spring")
    assert counts[MessageState.SENT] == size, counts
    return {
        "requests": len(waits),
        "p50 ms": waits[len(waits) // 2] * 1e3,
        "p99 ms": waits[len(waits) * 99 // 100] * 1e3,
    }


STEPS: dict[str, Callable[..., dict[str, float] | None]] = {
    "fill": fill,
    "start": start,
    "campaign": campaign,
    "beside": beside,
}


def step(name: str, *arguments: object) -> dict[str, float]:
    """Run one step in a process of its own."""
    command = [sys.executable, "-m", "bench.store", name, *map(str, arguments)]
    result: dict[str, float] = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return result


def main() -> None:
    """Measure each size and print them beside each other."""
    if len(sys.argv) > 1 and sys.argv[1] in STEPS:
        name, file, *numbers = sys.argv[1:]
        print(json.dumps(STEPS[name](Path(file), *map(int, numbers))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, action="append", help="how many customers, each with a message")
    parser.add_argument("--url", help="measure a database, like postgresql://user@host/name")
    arguments = parser.parse_args()
    sizes = arguments.customers or [10_000, 50_000]
    if arguments.url:
        show(sizes, [database(arguments.url, size) for size in sizes])
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / str(size) / "store.jsonl"
            results.append({**step("fill", path, size), **step("start", path)})
        largest = step("beside", Path(folder) / "beside" / "store.jsonl", sizes[-1])
    show(sizes, results)
    print(
        f"keeping an event beside a campaign of {sizes[-1]:,}: " + ", ".join(f"{k} {v:.1f}" for k, v in largest.items())
    )


def show(sizes: list[int], results: list[dict[str, float]]) -> None:
    """The sizes beside each other."""
    print(f"Python {platform.python_version()}")
    print(f"{'':28}" + "".join(f"{size:>12,}" for size in sizes))
    for name in results[0]:
        print(f"{name:28}" + "".join(f"{result[name]:12.2f}" for result in results))
    ratio = results[-1]["message us"] / results[0]["message us"]
    print(f"a message costs {ratio:.2f} times as much at {sizes[-1]:,} as at {sizes[0]:,}")


if __name__ == "__main__":
    main()
