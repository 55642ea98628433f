"""Redirects a second, every hit kept and recorded behind, against a bare Starlette route that answers the same 302.

    python -m bench.redirect [--seconds 4] [--connections 16]

Servers and client are processes of their own. On a machine with two cores they share them: trust the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from messaging.server.jobs import Job

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = 1000
TARGET = "https://shop.example/sale?from=letter"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=4.0)
    arguments.add_argument("--connections", type=int, default=16)
    arguments.add_argument("--serve", choices=["bare", "ours"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve:
        _serve(given.serve)
        return
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    slow = 0.0
    for _ in range(3):
        for kind, found in rates.items():
            with _server(kind) as (port, paths):
                rate, p99 = asyncio.run(_load(port, paths, given.seconds / 3, given.connections))
            found.append(rate)
            slow = p99 if kind == "ours" else slow
    bare, ours = sorted(rates["bare"])[1], sorted(rates["ours"])[1]
    print(f"bare Starlette route   {bare:8.0f} redirects/s")
    print(f"ours, recorded         {ours:8.0f} redirects/s   {ours / bare:.2f} of it   p99 {slow * 1000:.1f} ms")


@contextmanager
def _server(kind: str) -> Iterator[tuple[int, list[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.redirect", "--serve", kind], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield port, process.stdout.readline().split()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


async def _load(port: int, paths: list[str], seconds: float, connections: int) -> tuple[float, float]:
    """Redirects a second over kept connections, and the 99th percentile of their time."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while (begun := time.perf_counter()) < end:
            request = f"GET {paths[turn % len(paths)]} HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0 Gecko/1\r\n\r\n"
            writer.write(request.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 302"), head
            times.append(time.perf_counter() - begun)
            turn += connections
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return len(times) / seconds, sorted(times)[len(times) * 99 // 100]


def _serve(kind: str) -> None:
    from messaging.server.run import Door, listen, run

    with tempfile.TemporaryDirectory() as folder, listen("127.0.0.1", 0) as opened:
        app, jobs, paths = _bare() if kind == "bare" else _ours(Path(folder))

        def say() -> None:
            print(opened.getsockname()[1], *("\n", *paths), flush=True)

        run([Door(app, opened)], jobs, on_start=say)


#: An app, what runs beside it, and the paths to ask it for.
Served: TypeAlias = "tuple[ASGIApp, list[Job], list[str]]"


def _bare() -> Served:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def click(request: Request) -> Response:
        return Response(status_code=302, headers={"Location": TARGET})

    return Starlette(routes=[Route("/c/{token}", click)]), [], [f"/c/{number:060d}" for number in range(MESSAGES)]


def _ours(folder: Path) -> Served:
    from messaging.clock import Clock
    from messaging.errors import InputError
    from messaging.ids import message_id
    from messaging.nouns.event import Accepted
    from messaging.nouns.message import Lane, Message, MessageClass, MessageState
    from messaging.nouns.template import LinkSlot, TemplateVersion
    from messaging.plugins import Plugins
    from messaging.rules.resting import Limits
    from messaging.rules.tokens import LinkSigner, SigningKeys
    from messaging.server.jobs import Job
    from messaging.server.public import public_app
    from messaging.server.run import POLL
    from messaging.services.health import Health
    from messaging.services.preferences import Preferences
    from messaging.services.recording import Recorder
    from messaging.services.resting import Rests
    from messaging.stores.outbox import Outcome
    from messaging.stores.tinydb.store import TinyStore

    def no_events(document: object) -> Accepted:
        raise InputError("a bench takes none")

    version, then = "ab" * 16, datetime.now(UTC) - timedelta(days=1)
    store = TinyStore(folder / "store.jsonl", clock=Clock())
    marketing = MessageClass.MARKETING
    slot = LinkSlot(slot=1, channel="email", locale="", part="html", label="Sale", target=TARGET)
    store.put_version(
        TemplateVersion(
            version=version, template="sale", message_class=marketing, topic="offers", channels=("email",),
            fallbacks={}, parts={}, links=(slot,), brand={}, from_="shop@example.com",
        )
    )  # fmt: skip
    ids = [message_id("campaign:sale", str(number), "email") for number in range(MESSAGES)]
    store.outbox.add(
        [
            Message(
                id=id, origin="campaign:sale", customer_id=str(number), channel="email",
                address=f"c{number}@example.com", template="sale", version=version, message_class=marketing,
                topic="offers", lane=Lane.CAMPAIGN, campaign="sale", due_at=then, created_at=then,
            )
            for number, id in enumerate(ids)
        ]
    )  # fmt: skip
    store.outbox.settle([Outcome(message_id=id, state=MessageState.SENT, sent_at=then) for id in ids])
    recorder = Recorder(store, Clock(), Plugins(none=True), folder=folder / "hits", soft_bounces=5)
    keys = SigningKeys(current=1, keys={1: b"k" * 32})
    rests = Rests(store, Clock(), Limits())
    app = public_app(
        store,
        recorder,
        Preferences(store, recorder, topics=list, channels=list),
        receive=no_events,
        keys=keys,
        api_key="none",
        brand={"name": "Shop"},
        health=Health(store, Clock(), rests=rests, folder=folder, overdue=timedelta(minutes=2)),
    )
    signer = LinkSigner(keys, "")

    return (
        app,
        [Job("hits", recorder.drain, every=POLL)],
        [signer.for_message(id, version).click(1, 0, None) for id in ids],
    )


if __name__ == "__main__":
    main()
