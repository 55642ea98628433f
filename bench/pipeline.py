"""From segment to recorded receipts on the embedded store, against stock Jinja2 that only renders the same parts.

    python -m bench.pipeline [--customers 10000 --customers 50000] [--adapter smtp --adapter sendgrid]

The receiving ends are processes of their own: they read, count and throw away. Durable commits are on.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import message

ROOT = Path(__file__).resolve().parents[1]


def stock_seconds(number: int = 3000) -> float:
    """Seconds a message that stock Jinja2 takes to render html and text: the median of five."""
    html, text = message.stock()
    contexts = [message.context(n) for n in range(number)]
    runs = []
    for _ in range(5):
        begun = time.perf_counter()
        for values in contexts:
            html.render(values)
            text.render(values)
        runs.append((time.perf_counter() - begun) / number)
    return statistics.median(runs)


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


def messaging(folder: Path, *arguments: str, **variables: str) -> tuple[float, float, int]:
    """Run a command; return its wall and processor seconds and its peak memory in MB."""
    environment = {**os.environ, **variables, "MESSAGING__SERVER__ALLOW_INSECURE_LINKS": "true"}
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "messaging", "-w", str(folder), *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"messaging {' '.join(arguments)} failed: exit code {process.returncode}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def write_customers(path: Path, number: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "email", "first_name", "city", "country"])
        for n in range(number):
            writer.writerow([f"C{n:06d}", f"c{n}@mail.example", f"Name{n}", "Sampletown", "DE"])


def measure(customers: int, adapter: str, stock: float) -> None:
    with (
        tempfile.TemporaryDirectory() as scratch,
        standin({"smtp": "smtp_sink", "sendgrid": "sendgrid"}[adapter]) as port,
    ):
        folder = Path(scratch) / "shop"
        messaging(ROOT, "init", str(folder))
        message.write_template(folder / "templates")
        (folder / "segments" / "all.toml").write_text("where = \"country == 'DE'\"\n", "utf-8")
        write_customers(folder / "c.csv", customers)
        imported, _, _ = messaging(
            folder,
            "customers",
            "import",
            str(folder / "c.csv"),
            "--consent",
            "email",
            "--consent-source",
            "bench",
            "--json",
        )
        variables = {
            "MESSAGING__CHANNELS__EMAIL__ADAPTER": adapter,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "MESSAGING__ADAPTERS__SMTP__SECURITY": "none",
            "SENDGRID_API_KEY": "SG.bench",
            "SENDGRID_HOST": f"http://127.0.0.1:{port}",
        }
        variables = {name: value for name, value in variables.items() if adapter == "smtp" or "SMTP" not in name}
        messaging(folder, "campaigns", "create", "all", "--template", "bench", "--segment", "all", **variables)
        wall, processor, memory = messaging(folder, "campaigns", "send", "all", "--yes", "--json", **variables)
        started, _, started_memory = messaging(folder, "campaigns", "status", "all", "--json", **variables)
        each = wall / customers
        print(
            f"{adapter:9} {customers:7} customers  {customers / wall:7.0f} messages/s  {each * 1e6:6.0f} us each "
            f"({processor / customers * 1e6:.0f} us processor)  ratio to stock rendering {stock / each:.2f}  "
            f"peak {memory} MB  start-up with all of it {started:.2f} s, {started_memory} MB  import {customers / imported:.0f}/s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, action="append")
    parser.add_argument("--adapter", choices=["smtp", "sendgrid"], action="append")
    given = parser.parse_args()
    stock = stock_seconds()
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    print(f"stock Jinja2, html and text: {stock * 1e6:.0f} us a message, {1 / stock:.0f} messages/s")
    for adapter in given.adapter or ["smtp", "sendgrid"]:
        for customers in given.customers or [10_000, 50_000]:
            measure(customers, adapter, stock)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
