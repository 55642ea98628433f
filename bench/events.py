"""Events accepted durably a second, and how long from a webhook to its message handed over; as ratios to a bare endpoint
that only writes the body to a file and syncs it.

    python -m bench.events [--seconds 6] [--connections 16]

`/hooks` keeps an event and answers; its effects come behind. `/events` answers with what became of it. Each event is a
new order by a new customer, and with `/hooks` its confirmation is rendered and handed over to an adapter that notes the
time. Servers and client are processes of their own, and share the machine's cores: trust the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import orjson

ROOT = Path(__file__).resolve().parents[1]
KEY = b"the key of a bench, of 32 bytes."
#: Events told one after the other while nothing else goes on, to see how long each takes on its way.
ALONE = 200

#: The headers and the body of a request, by the number of its event.
Ask = Callable[[int], tuple[dict[str, str], bytes]]

NOTING = """
import time
from messaging import Adapter, Receipt, hookimpl

class Noting(Adapter):
    name = "noting"
    channel = "email"
    leaves_the_machine = False

    def deliver(self, messages):
        with open("handed.txt", "a") as notes:
            for message in messages:
                notes.write(f"{message.to} {time.time():.6f}\\n")
                notes.flush()
                yield Receipt.accepted(message.id)

@hookimpl
def register_adapters():
    return [Noting]
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=6.0)
    arguments.add_argument("--connections", type=int, default=16)
    arguments.add_argument("--serve-bare", metavar="FILE", help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.serve_bare:
        _serve_bare(given.serve_bare)
        return
    rates: dict[str, list[float]] = {"bare": [], "hooks": [], "events": []}
    for _ in range(3):
        with _bare() as port:
            rates["bare"].append(_rate(port, "/", lambda number: ({}, _event(number)), given))
        with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (port, key):
            rates["hooks"].append(_rate(port, "/hooks/standard/main", _signed, given))
        with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (port, key):
            rates["events"].append(_rate(port, "/events", partial(_keyed, key), given))
    bare, hooks, events = (sorted(found)[1] for found in rates.values())
    print(f"bare: write and sync             {bare:8.0f} events/s")
    print(f"/hooks: kept, worked off behind  {hooks:8.0f} events/s   {hooks / bare:.2f} of it")
    print(f"/events: worked off              {events:8.0f} events/s   {events / bare:.2f} of it")
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (port, _):
        took = _on_the_way(Path(folder), port)
    print(
        f"from webhook to handed over      p50 {took[len(took) // 2] * 1000:.1f} ms, "
        f"p99 {took[len(took) * 99 // 100] * 1000:.1f} ms (one at a time, {len(took)} events)"
    )


def _rate(port: int, path: str, ask: Ask, given: argparse.Namespace) -> float:
    answered, seconds = asyncio.run(_load(port, path, ask, given.seconds / 3, given.connections))
    return len(answered) / seconds


async def _load(
    port: int, path: str, ask: Ask, seconds: float, connections: int
) -> tuple[list[tuple[int, float]], float]:
    """Post over kept connections for `seconds`; the numbers of the events, when each was posted, and how long it was."""
    posted: list[tuple[int, float]] = []
    begun = time.perf_counter()

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while time.perf_counter() - begun < seconds:
            at = time.time()
            await post(reader, writer, path, *ask(turn))
            posted.append((turn, at))
            turn += connections
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return posted, time.perf_counter() - begun


async def post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, headers: dict[str, str], body: bytes
) -> None:
    """Post over a connection that is kept; it is taken."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 20"), head
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)


def _on_the_way(folder: Path, port: int) -> list[float]:
    """How long each of some events took from being posted to its message handed over, in seconds, sorted."""

    async def tell() -> dict[str, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        posted = {}
        for number in range(ALONE):
            posted[f"c{number}@example.com"] = time.time()
            await post(reader, writer, "/hooks/standard/main", *_signed(number))
            await asyncio.sleep(0.02)
        writer.close()
        return posted

    posted = asyncio.run(tell())
    notes, until = folder / "shop" / "handed.txt", time.monotonic() + 60
    while not notes.exists() or len(notes.read_text().splitlines()) < ALONE:
        assert time.monotonic() < until, "not all were handed over"
        time.sleep(0.1)
    handed = dict(line.split() for line in notes.read_text().splitlines())
    return sorted(float(handed[address]) - at for address, at in posted.items())


def _event(number: int) -> bytes:
    return orjson.dumps(
        {
            "id": f"{number}:placed",
            "type": "order.placed",
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "customer": {"id": f"c{number}", "email": f"c{number}@example.com", "first_name": "Ann", "locale": "en"},
            "data": {
                "order": {
                    "number": f"A-{number}", "total": "84.70", "currency": "EUR", "url": "https://shop.example/o",
                    "items": [{"sku": "T", "name": "Darjeeling", "quantity": 2, "price": "18.90"},
                              {"sku": "P", "name": "Teapot", "quantity": 1, "price": "46.90"}],
                }
            },
        }
    )  # fmt: skip


def _keyed(key: str, number: int) -> tuple[dict[str, str], bytes]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}, _event(number)


def _signed(number: int) -> tuple[dict[str, str], bytes]:
    return signed(str(number), _event(number))


def signed(id: str, body: bytes) -> tuple[dict[str, str], bytes]:
    """A webhook by Standard Webhooks: its headers, and the body."""
    at = str(int(time.time()))
    signature = hmac.digest(KEY, f"{id}.{at}.".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "Webhook-Id": id,
        "Webhook-Timestamp": at,
        "Webhook-Signature": f"v1,{base64.b64encode(signature).decode()}",
    }
    return headers, body


@contextmanager
def _bare() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.events", "--serve-bare", str(Path(folder) / "bodies")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(10)
            process.stdout.close()


def _serve_bare(path: str) -> None:
    """A Starlette route that appends each body to a file and syncs it, in a thread, before it answers."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from messaging.server.run import Door, listen, run

    file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def keep(body: bytes) -> None:
        os.write(file, body + b"\n")
        os.fsync(file)

    async def take(request: Request) -> Response:
        await run_in_threadpool(keep, await request.body())
        return Response(status_code=202)

    with listen("127.0.0.1", 0) as opened:
        app = Starlette(routes=[Route("/", take, methods=["POST"])])
        run([Door(app, opened)], on_start=lambda: print(opened.getsockname()[1], flush=True))


@contextmanager
def server(folder: Path, triggers: Sequence[str] = ("order-confirmation",)) -> Iterator[tuple[int, str]]:
    """A workspace's server, those triggers on; the port, and the API key."""
    from messaging.workspace.folder import make_workspace
    from messaging.workspace.keys import read_keys

    workspace = make_workspace(folder / "shop")
    (workspace.plugins / "noting.py").write_text(NOTING, "utf-8")
    text = workspace.settings.read_text("utf-8").replace('adapter = "mailbox"', 'adapter = "noting"')
    secret = f"whsec_{base64.b64encode(KEY).decode()}"
    workspace.settings.write_text(f'{text}\n[sources.standard.main]\nsecrets = ["{secret}"]\n', "utf-8")
    command = [sys.executable, "-m", "messaging"]
    subprocess.run([*command, "triggers", "enable", *triggers], cwd=workspace.root, check=True, capture_output=True)
    serve = [*command, "serve", "--port", "0", "--staff-port", "0"]
    process = subprocess.Popen(serve, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=workspace.root)
    assert process.stderr is not None
    assert process.stdout is not None
    try:
        yield _port(process), read_keys(workspace.root).api_key
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()
        process.stderr.close()


def _port(process: subprocess.Popen[str]) -> int:
    """Where it answers, as it says itself."""
    assert process.stderr is not None
    while line := process.stderr.readline():
        _, found, rest = line.partition("http://127.0.0.1:")
        if found:
            return int(rest.split()[0].strip("/,."))
    raise RuntimeError("the server did not start")


if __name__ == "__main__":
    main()
