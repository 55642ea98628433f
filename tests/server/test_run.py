"""One process, two doors, threads beside, and a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from messaging.errors import InputError
from messaging.server.run import Door, listen, run

PROGRAM = """
import threading
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from messaging.server.run import Door, listen, run

app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("here"))])
wake = threading.Event()

def job(stop):
    wake.wait()
    print("job ended", stop.is_set(), flush=True)

with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as two:
    doors = [Door(app, one), Door(app, two)]
    run(doors, [job], wake=wake, on_start=lambda: print(*(door.url for door in doors), flush=True))
print("done", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        one, two = process.stdout.readline().split()
        assert one != two
        import httpx

        for url in (one, two):
            assert httpx.get(url, trust_env=False).text == "here"
        os.kill(process.pid, number)
        assert process.stdout.read() == "job ended True\ndone\n"
        assert process.wait(10) == 0


def test_an_address_in_use() -> None:
    with listen("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1, port {port}"), listen("127.0.0.1", port):
            pass
    with pytest.raises(InputError, match="cannot listen"), listen("192.0.2.1", 0):
        pass


def test_answers_are_not_delayed_by_nagle() -> None:
    """A socket that is not said to be TCP costs every answer 40 ms: asyncio leaves Nagle's algorithm on."""
    with listen("127.0.0.1", 0) as opened:
        assert opened.proto == socket.IPPROTO_TCP


def test_a_job_that_dies_takes_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    died, stop = threading.Event(), threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda args: died.set())

    def job(stop: threading.Event) -> None:
        raise RuntimeError("bad")

    async def app(scope: object, receive: object, send: object) -> None: ...

    with listen("127.0.0.1", 0) as opened:
        run([Door(app, opened)], [job], stop=stop, on_start=lambda: (died.wait(5), stop.set()))
    assert died.is_set()
