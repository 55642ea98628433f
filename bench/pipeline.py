"""From segment to recorded receipts, against stock Jinja2 that only renders the same parts.

    python -m bench.pipeline [--customers 10000] [--adapter sendgrid --adapter smtp] [--url postgresql://…/DATABASE]

Both run in this process in turns, five times: a campaign, then as many messages rendered by stock Jinja2. The ratio of
their processor seconds, of all threads of this process, is what to trust; the wall clock also counts the receiving end,
a process of its own that reads, counts and throws away, and the database. Durable commits are on.

With a url the store is PostgreSQL, in a database of its own beside the named one, dropped afterwards; without, the
embedded store. A last round, which counts for nothing else, shows where the processor time goes.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import psycopg
from sqlalchemy.engine import make_url

from bench import message
from bench.stages import Stages
from messaging.app import Messaging
from messaging.nouns.message import MessageState
from messaging.rendering.render import Renderer
from messaging.services.audience import Audience
from messaging.services.campaign_rows import Rows
from messaging.services.composing import Composer
from messaging.services.handover import Handover
from messaging.services.rechecking import Rechecks
from messaging.services.sending import Sender
from messaging.services.settling import Settling
from messaging.stores.base import Store
from messaging_email import sendgrid, sendgrid_client, smtp, smtp_session

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5


def places(store: Store) -> dict[tuple[object, str], str]:
    """What belongs to which stage; of a call inside another only the inner one's counts."""
    outbox, customers, addresses, campaigns = map(
        type, (store.outbox, store.customers, store.addresses, store.campaigns)
    )
    return {
        (Audience, "ids"): "segment",
        (campaigns, "put_members"): "store: member list",
        (Rows, "fill"): "planning",
        (outbox, "add"): "store: add rows",
        (Sender, "send_campaign"): "sending: all else",
        (outbox, "claim"): "store: lock",
        (customers, "get"): "store: customers",
        (addresses, "status"): "store: consent",
        (Rechecks, "ready"): "rules, asked again",
        (Rechecks, "refused"): "rules, asked again",
        (Composer, "compose"): "context, headers",
        # Its links too: to measure each would take as long as to make it.
        (Renderer, "render"): "render, links",
        (outbox, "begin"): "store: mark",
        (sendgrid, "letter_of"): "JSON",
        (sendgrid, "loads"): "JSON",
        (sendgrid, "request_body"): "JSON",
        (sendgrid_client.Client, "send"): "HTTP",
        (smtp, "write_letter"): "MIME",
        (smtp_session.Session, "send"): "SMTP",
        (Handover, "_run"): "adapter: all else",
        (Settling, "receipts"): "receipts",
        (outbox, "settle"): "store: receipts",
    }


@contextmanager
def standin(kind: str) -> Iterator[int]:
    """A receiving end in a process of its own; yields its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"bench.standins.{kind}", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


@contextmanager
def database(url: str | None) -> Iterator[str | None]:
    """The url of a new database beside that of `url`; it is dropped afterwards."""
    if url is None:
        yield None
        return
    name = f"bench_pipeline_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as aside:
        aside.execute(f"CREATE DATABASE {name}")
        try:
            yield make_url(url).set(database=name).render_as_string(hide_password=False)
        finally:
            aside.execute(f"DROP DATABASE {name} WITH (FORCE)")


def messaging(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "messaging", "-w", str(folder), *arguments],
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        check=True,
    )


@contextmanager
def shop(customers: int, adapter: str, url: str | None) -> Iterator[Messaging]:
    """A workspace with so many customers who agreed, opened in this process."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        standin({"smtp": "smtp_sink", "sendgrid": "sendgrid"}[adapter]) as port,
        database(url) as own,
    ):
        folder = Path(scratch) / "shop"
        of_adapter = {
            "smtp": {
                "SMTP_HOST": "127.0.0.1",
                "SMTP_PORT": str(port),
                "MESSAGING__ADAPTERS__SMTP__SECURITY": "none",
            },
            "sendgrid": {"SENDGRID_API_KEY": "SG.bench", "SENDGRID_HOST": f"http://127.0.0.1:{port}"},
        }
        variables = {
            "MESSAGING__SERVER__ALLOW_INSECURE_LINKS": "true",
            "MESSAGING__CHANNELS__EMAIL__ADAPTER": adapter,
            **of_adapter[adapter],
        }
        messaging(ROOT, "init", str(folder))
        if own is not None:
            variables["MESSAGING__STORE__URL"] = own
        message.write_template(folder / "templates")
        (folder / "segments" / "all.toml").write_text("where = \"country == 'DE'\"\n", "utf-8")
        write_customers(folder / "c.csv", customers)
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            if own is not None:
                messaging(folder, "store", "upgrade")
            consent = ("--consent", "email", "--consent-source", "bench", "--json")
            messaging(folder, "customers", "import", str(folder / "c.csv"), *consent)
            with Messaging.open(str(folder)) as app:
                yield app
        finally:
            os.environ.clear()
            os.environ.update(before)


def write_customers(path: Path, number: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "email", "first_name", "city", "country"])
        for n in range(number):
            writer.writerow([f"C{n:06d}", f"c{n}@mail.example", f"Name{n}", "Sampletown", "DE"])


def campaign(app: Messaging, name: str, customers: int) -> None:
    """From segment to recorded receipts."""
    app.campaigning.create(name, template="bench", segment="all")
    fault = app.send_campaign(name)
    counts = app.store.outbox.counts(name)
    if fault is not None or counts[MessageState.SENT] != customers:
        raise SystemExit(f"campaign {name}: {fault or counts}")


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Processor seconds of this process and seconds on the wall."""
    processor, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - wall


def measure(customers: int, adapter: str, url: str | None) -> None:
    html, text = message.stock()
    contexts = [message.context(n) for n in range(customers)]

    def stock() -> None:
        for values in contexts:
            html.render(values)
            text.render(values)

    with shop(customers, adapter, url) as app:
        campaign(app, "first", customers)  # what is made once, and a database's first look at its new rows
        ours, theirs = [], []
        for number in range(ROUNDS):
            ours.append(taken(partial(campaign, app, f"round-{number}", customers)))
            theirs.append(taken(stock))
        stages = Stages()
        with stages.measuring(places(app.store)):
            whole, _ = taken(lambda: campaign(app, "stages", customers))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    each = 1e6 / customers
    processor, wall = (median(some) * each for some in zip(*ours, strict=True))
    stock_processor, stock_wall = (median(some) * each for some in zip(*theirs, strict=True))
    print(f"\n{adapter}, {'PostgreSQL' if url else 'embedded store'}, {customers} messages, medians of {ROUNDS} rounds")
    print(f"{'':22}{'processor':>12}{'wall':>12}   us a message")
    print(f"{'pipeline':22}{processor:12.0f}{wall:12.0f}   {1e6 / wall:.0f} messages/s, peak {memory} MB")
    print(f"{'stock Jinja2, render':22}{stock_processor:12.0f}{stock_wall:12.0f}")
    print(f"{'stock / pipeline':22}{stock_processor / processor:12.2f}{stock_wall / wall:12.2f}")
    print("\nwhere the processor time goes, measured in one round more:")
    stages.seconds["all else"] = whole - sum(stages.seconds.values())
    for stage, seconds in sorted(stages.seconds.items(), key=lambda each: -each[1]):
        print(f"{stage:22}{seconds * each:12.1f} us {seconds / whole:6.1%}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, action="append", help="10000 if not said")
    parser.add_argument("--adapter", choices=["smtp", "sendgrid"], action="append", help="both if not said")
    parser.add_argument("--url", help="measure with PostgreSQL")
    given = parser.parse_args()
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    for adapter in given.adapter or ["sendgrid", "smtp"]:
        for customers in given.customers or [10_000]:
            measure(customers, adapter, given.url)


if __name__ == "__main__":
    main()
