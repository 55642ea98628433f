"""The server below all stand-ins, over raw sockets: what it reads, and every way to break off."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from messaging.errors import InputError
from messaging.testing.standins import StandIn

Dial = Callable[[str], socket.socket]
POST = b"POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi"


def _all(connection: socket.socket) -> bytes:
    """What comes until the other side is done."""
    found = b""
    while data := connection.recv(65536):
        found += data
    return found


def test_one_connection_serves_many_requests(catcher: StandIn, dial: Dial) -> None:
    connection = dial(catcher.url)
    connection.sendall(POST * 3 + POST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert _all(connection).count(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n") == 4
    assert [(method, path, size) for method, path, size in catcher.requests] == [("POST", "/x", 2)] * 4


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n", 411),
        (b"Content-Length: many\r\n", 400),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: 99999999999\r\n", 413),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n", 400),
    ],
)
def test_a_body_that_cannot_be_read_is_answered(catcher: StandIn, dial: Dial, head: bytes, status: int) -> None:
    connection = dial(catcher.url)
    connection.sendall(b"POST /x HTTP/1.1\r\n" + head + b"\r\nhi")
    assert connection.recv(100).startswith(b"HTTP/1.1 %d " % status)
    assert not catcher.requests


def test_a_packed_body_is_unpacked(catcher: StandIn) -> None:
    packed = gzip.compress(b"hello" * 100)
    httpx.post(f"{catcher.url}/x", content=packed, headers={"Content-Encoding": "gzip"}, trust_env=False)
    assert list(catcher.requests) == [("POST", "/x", 500)]


def test_a_bomb_is_not_unpacked_whole(catcher: StandIn) -> None:
    packed = gzip.compress(bytes(200_000_000), 9)
    httpx.post(f"{catcher.url}/x", content=packed, headers={"Content-Encoding": "gzip"}, trust_env=False)
    assert [size for _, _, size in catcher.requests] == [40_000_000]


def test_half_a_request_is_none(catcher: StandIn, dial: Dial) -> None:
    connection = dial(catcher.url)
    connection.sendall(POST[:-1])
    connection.shutdown(socket.SHUT_WR)
    assert _all(connection) == b""
    assert not catcher.requests


def test_a_reset_before_the_body(catcher: StandIn, dial: Dial) -> None:
    catcher.fail("reset")
    connection = dial(catcher.url)
    connection.sendall(POST[:-2])
    with pytest.raises(ConnectionResetError):
        connection.recv(100)
    assert not catcher.requests


def test_a_reset_after_the_body_was_taken(catcher: StandIn, dial: Dial) -> None:
    catcher.fail("reset", when="after")
    connection = dial(catcher.url)
    connection.sendall(POST)
    with pytest.raises(ConnectionResetError):
        connection.recv(100)
    assert len(catcher.requests) == 1


@pytest.mark.parametrize(("when", "taken"), [("before", 0), ("after", 1)])
def test_silence_then_the_end(catcher: StandIn, dial: Dial, when: str, taken: int) -> None:
    catcher.fail("silence", when=when, seconds=0.2)
    connection = dial(catcher.url)
    started = time.monotonic()
    connection.sendall(POST)
    assert _all(connection) == b""
    assert time.monotonic() - started >= 0.2
    assert len(catcher.requests) == taken


def test_an_answer_that_drips(catcher: StandIn, dial: Dial) -> None:
    catcher.fail("drip", seconds=0.3)
    connection = dial(catcher.url)
    started = time.monotonic()
    connection.sendall(POST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    pieces = []
    while piece := connection.recv(100):
        pieces.append(piece)
    assert b"".join(pieces).startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(pieces) > 1
    assert time.monotonic() - started >= 0.25


def test_only_the_body_drips(dial: Dial) -> None:
    with StandIn() as provider:
        provider.fail("drip", at="body", seconds=0.3)
        connection = dial(provider.url)
        started = time.monotonic()
        connection.sendall(b"GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n")
        first = connection.recv(1000)
        assert b"\r\n\r\n" in first
        assert b"found" not in first
        assert _all(connection).endswith(b'"error":"not found"}')
        assert time.monotonic() - started >= 0.25


def test_nobody_is_silent_to_who_has_gone(catcher: StandIn, dial: Dial) -> None:
    before = set(threading.enumerate())
    catcher.fail("silence", when="after", seconds=600)
    connection = dial(catcher.url)
    connection.sendall(POST)
    connection.shutdown(socket.SHUT_WR)
    assert _all(connection) == b""
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("status", [302, 410, 429, 500, 502, 503, 504])
@pytest.mark.parametrize(("when", "taken"), [("before", 0), ("after", 1)])
def test_a_status_before_and_after_it_was_taken(catcher: StandIn, status: int, when: str, taken: int) -> None:
    catcher.fail(status=status, when=when)
    with httpx.Client(trust_env=False) as client:
        assert client.post(f"{catcher.url}/x", content=b"hi").status_code == status
        assert len(catcher.requests) == taken
        assert client.post(f"{catcher.url}/x", content=b"hi").status_code == 200


def test_a_port_that_is_taken_is_told_in_one_line(catcher: StandIn) -> None:
    port = int(catcher.url.rpartition(":")[2])
    with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1, port {port}: .* \\(choose another port\\)"):
        StandIn(port=port).start()


def test_nothing_runs_when_it_has_stopped(dial: Dial) -> None:
    before = set(threading.enumerate())
    with StandIn() as provider:
        provider.fail("silence", seconds=600)
        open_one, waiting = dial(provider.url), dial(provider.url)
        waiting.sendall(POST)
        open_one.sendall(b"GET /messages HTTP/1.1\r\n\r\n")
        assert open_one.recv(100).startswith(b"HTTP/1.1 ")
    try:
        assert _all(waiting) == b""
    except ConnectionResetError:
        pass  # it was not even read when the end came
    assert set(threading.enumerate()) == before


def test_it_listens_on_ipv6() -> None:
    try:
        provider = StandIn(host="::1")
        provider.start()
    except InputError:
        pytest.skip("this machine has no IPv6")
    try:
        assert provider.url.startswith("http://[::1]:")
        assert httpx.get(f"{provider.url}/messages", trust_env=False).json()["count"] == 0
    finally:
        provider.stop()
