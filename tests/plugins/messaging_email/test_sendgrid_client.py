from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from messaging import AdapterUnusable, Receipt, RenderedMessage, Verdict
from messaging.nouns.http import Offline
from messaging.rules.places import place_of
from messaging_email.sendgrid import SendGrid
from messaging_email.sendgrid_client import Client

Make = Callable[..., RenderedMessage]
Open = Callable[..., SendGrid]
Deliver = Callable[..., list[Receipt]]
Talk = Callable[[socket.socket], None]
Serve = Callable[..., Any]


def test_connections_are_kept_and_each_message_goes_once(
    sendgrid: Open, stand_in: Callable[..., int], message: Make, deliver: Deliver
) -> None:
    port = stand_in("sendgrid", "--latency", "2")
    adapter = sendgrid(port, connections=4)
    receipts = deliver(adapter, *(message(n) for n in range(100)))
    assert {receipt.verdict for receipt in receipts} == {Verdict.ACCEPTED}
    assert len({receipt.provider_id for receipt in receipts}) == 100
    with urlopen(f"http://localhost:{port}/messages") as answer:
        taken = [mail["personalizations"][0]["custom_args"]["message_id"] for mail in json.load(answer)]
    assert sorted(taken) == sorted(f"m{n}" for n in range(100))


def test_nobody_listens(sendgrid: Open, closed_port: int, message: Make, deliver: Deliver) -> None:
    receipts = deliver(sendgrid(closed_port), message(1), message(2))
    assert [receipt.verdict for receipt in receipts] == [Verdict.TRY_AGAIN] * 2
    assert "cannot connect" in (receipts[0].reason or "")


def test_a_request_that_never_left_whole_is_tried_again(
    sendgrid: Open, serve: Callable[..., Any], message: Make, deliver: Deliver
) -> None:
    """The server reads nothing: more than fits its buffers and ours."""
    done = threading.Event()
    adapter = sendgrid(serve(lambda connection: done.wait(10)).port, timeout=0.3)
    (receipt,) = deliver(adapter, message(parts={"html": "tea " * 4_000_000}))
    done.set()
    assert receipt.verdict is Verdict.TRY_AGAIN


def test_an_answer_that_came_before_the_request_was_through_counts(
    sendgrid: Open, serve: Callable[..., Any], message: Make, deliver: Deliver
) -> None:
    """A gateway says "too large" from the headers and hangs up: trying again would never end better."""

    def talk(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    (receipt,) = deliver(sendgrid(serve(talk).port), message(parts={"html": "tea " * 4_000_000}))
    assert (receipt.verdict, receipt.reason) == (Verdict.REFUSED, "sendgrid: 413 (no reason given)")


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, "unknown"),
        (b"", "unknown"),
        (b"HTTP/1.1 2", "unknown"),
        (b"no http\r\n\r\n", "unknown"),
        (b"HTTP/1.1 400 No\r\nContent-Length: 9\r\n\r\nx", "try_again"),
        (b"HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\nx", "accepted"),
    ],
)
def test_an_answer_that_is_lost_or_cut(
    sendgrid: Open, serve: Callable[..., Any], message: Make, answer: bytes | None, verdict: str, deliver: Deliver
) -> None:
    def talk(connection: socket.socket) -> None:
        connection.recv(65_536)
        while answer is None and connection.recv(65_536):
            pass
        connection.sendall(answer or b"")

    (receipt,) = deliver(sendgrid(serve(talk).port, timeout=0.2), message())
    assert receipt.verdict == verdict


@pytest.fixture
def by_https(server_tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """A server that answers each request on a kept connection with 202, by TLS with a certificate that is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def talk(connection: socket.socket) -> None:
        with server_tls.wrap_socket(connection, server_side=True) as line:
            take_all(line)

    return talk


def take_all(line: socket.socket, *, requests: int = 1000) -> None:
    """Answer so many requests with 202 and hang up."""
    with line.makefile("rb") as reader:
        for _ in range(requests):
            size, host = 0, b""
            while (header := reader.readline()) not in (b"\r\n", b""):
                name, _, value = header.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
                host = value.strip() if name.lower() == b"host" else host
            if not header:
                return
            reader.read(size)
            line.sendall(b"HTTP/1.1 202 OK\r\nX-Message-Id: for-%b\r\nContent-Length: 0\r\n\r\n" % host)


def test_over_https_connections_are_kept(
    sendgrid: Open, serve: Serve, by_https: Talk, message: Make, deliver: Deliver
) -> None:
    server = serve(by_https)
    adapter = sendgrid(server.port, host=f"https://localhost:{server.port}")
    for n in range(3):
        (receipt,) = deliver(adapter, message(n))
        assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, f"for-localhost:{server.port}")
    assert server.connections == 1


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.1", True)])
def test_a_certificate_that_proves_nothing_stops_the_adapter(
    sendgrid: Open,
    serve: Serve,
    by_https: Talk,
    message: Make,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    trusted: bool,
    deliver: Deliver,
) -> None:
    """Nobody known signed it, or it is for another name."""
    if not trusted:
        monkeypatch.delenv("SSL_CERT_FILE")
    server = serve(by_https)
    with pytest.raises(AdapterUnusable, match="certificate of .* cannot be trusted"):
        deliver(sendgrid(server.port, host=f"https://{host}:{server.port}"), message())


def test_a_host_that_cannot_be_found_is_tried_again(
    sendgrid: Open, message: Make, monkeypatch: pytest.MonkeyPatch, deliver: Deliver
) -> None:
    def not_found(*given: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", not_found)
    receipts = deliver(sendgrid(0, host="https://api.sendgrid.example"), message(1), message(2))
    assert [receipt.verdict for receipt in receipts] == [Verdict.TRY_AGAIN] * 2
    assert receipts[0].reason == ("sendgrid: cannot find api.sendgrid.example: Temporary failure in name resolution")


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_a_host_may_be_an_ipv6_address(sendgrid: Open, serve: Serve, message: Make, deliver: Deliver) -> None:
    server = serve(take_all, "::1")
    (receipt,) = deliver(sendgrid(server.port, host=f"http://[::1]:{server.port}"), message())
    assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, f"for-[::1]:{server.port}")


@pytest.mark.parametrize(("host", "port"), [("https://[::1]", 443), ("http://[::1]", 80), ("https://[::1]:4010", 4010)])
def test_the_end_of_an_ipv6_address_is_not_a_port(host: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not gone to: nobody may listen at 443."""
    way_out = Offline()
    asked: list[str] = []
    monkeypatch.setattr(way_out, "request", lambda method, url, **rest: asked.append(url))
    Client(way_out, "k", host, timeout=1.0).send({})
    place = place_of(asked[0], allow_http=True)
    assert (place.host, place.port, place.target) == ("::1", port, "/v3/mail/send")


@pytest.mark.parametrize("login", ["", "shop:hunter%322@"])
def test_the_proxy_of_the_settings_is_gone_through(
    sendgrid: Open, serve: Serve, by_https: Talk, message: Make, login: str, deliver: Deliver
) -> None:
    asked: list[bytes] = []

    def tunnel(connection: socket.socket) -> None:
        while not asked or not asked[-1].endswith(b"\r\n\r\n"):
            asked.append(b"".join(asked[-1:]) + connection.recv(1))
        connection.sendall(b"HTTP/1.1 200 Established\r\n\r\n")
        by_https(connection)

    proxy = f"http://{login}127.0.0.1:{serve(tunnel).port}"
    (receipt,) = deliver(sendgrid(0, host="https://localhost", outgoing={"proxy": proxy}), message())
    assert (receipt.verdict, receipt.provider_id) == (Verdict.ACCEPTED, "for-localhost")
    assert asked[-1].startswith(b"CONNECT localhost:443 HTTP/1.")
    assert (b"Proxy-Authorization: Basic c2hvcDpodW50ZXIy" in asked[-1]) is bool(login)


def test_a_proxy_that_lets_nobody_through(sendgrid: Open, serve: Serve, message: Make, deliver: Deliver) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")

    outgoing = {"proxy": f"http://shop:hunter2@127.0.0.1:{serve(refuse).port}"}
    (receipt,) = deliver(sendgrid(0, host="https://api.sendgrid.example", outgoing=outgoing), message())
    assert receipt.verdict is Verdict.TRY_AGAIN
    assert receipt.reason == "sendgrid: the proxy made no connection: it answered 407"


def test_a_proxy_is_not_asked_for_a_private_address(
    sendgrid: Open, closed_port: int, message: Make, deliver: Deliver
) -> None:
    """Not now, nor later: the adapter stops, and says what to set."""
    outgoing = {"proxy": f"http://127.0.0.1:{closed_port}"}
    with pytest.raises(AdapterUnusable, match=r"127\.0\.0\.1 is a private address .*allow_private"):
        deliver(sendgrid(0, host="https://127.0.0.1", outgoing=outgoing), message())


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:{}", "socks5://127.0.0.1:{}", "http://x:y:z"])
def test_a_proxy_of_the_environment_is_none(
    sendgrid: Open,
    serve: Serve,
    by_https: Talk,
    closed_port: int,
    message: Make,
    monkeypatch: pytest.MonkeyPatch,
    proxy: str,
    deliver: Deliver,
) -> None:
    server = serve(by_https)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.format(closed_port))
    (receipt,) = deliver(sendgrid(server.port, host=f"https://localhost:{server.port}"), message())
    assert receipt.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("secure", [False, True])
def test_a_kept_connection_that_the_server_closed_costs_nothing(
    sendgrid: Open,
    serve: Serve,
    server_tls: ssl.SSLContext,
    certificate: Path,
    message: Make,
    monkeypatch: pytest.MonkeyPatch,
    secure: bool,
    deliver: Deliver,
) -> None:
    """A server closes what is idle for a second; here it does so at once, without having said that it would."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    closed = threading.Semaphore(0)

    def talk(connection: socket.socket) -> None:
        with server_tls.wrap_socket(connection, server_side=True) if secure else connection as line:
            take_all(line, requests=1)
            line.shutdown(socket.SHUT_WR)
            closed.release()
            line.recv(1)

    server = serve(talk)
    adapter = sendgrid(server.port, host=f"{'https' if secure else 'http'}://localhost:{server.port}")
    for n in range(3):
        (receipt,) = deliver(adapter, message(n))
        assert receipt.verdict is Verdict.ACCEPTED
        assert closed.acquire(timeout=5)
    assert server.connections == 3, "none lost, none twice"
