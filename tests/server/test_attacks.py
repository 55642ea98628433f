"""What strangers send: each gets a 4xx, no traceback and no secret reaches the log, and the next reader is served."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from messaging.server import limits
from messaging.server import public as module
from messaging.server.limits import Attempts

PUBLIC = ("/", "/c/{0}", "/o/{0}.gif", "/u/{0}", "/p/{0}", "/style.css", "/events", "/healthz", "/readyz", "/nothing")
STAFF = ("/", "/mailbox", "/mailbox/x", "/mailbox/x/frame", "/report", "/docs", "/openapi.json", "/style.css")


@pytest.fixture(autouse=True)
def nothing_is_told(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither what went wrong inside, nor a token, a key or an address."""
    yield
    for secret in ("Traceback", "the-api-key-of-this-test", "correct horse", "/u/", "/c/", "@example.com"):
        assert secret not in caplog.text
    assert not any(record.exc_info for record in caplog.records)


def raw(client: httpx.Client, data: bytes, *, hang_up: bool = False) -> bytes:
    """What the server answers to these very bytes."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10) as opened:
        opened.sendall(data)
        if hang_up:
            return b""
        answer = b""
        while chunk := opened.recv(65536):
            answer += chunk
        return answer


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "GE T", "x" * 100])
def test_methods_that_no_address_has(site, public, staff, token, method: str) -> None:
    site.mail("x", "Subject: Hello\n\nHello")
    known = token(site.message().click(1, 0, None))
    for client, paths in ((public, PUBLIC), (staff, STAFF)):
        for path in paths:
            answer = raw(
                client,
                f"{method} {path.format(known)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
            )
            assert status(answer) in (400, 404, 405), path
    assert site.engagements() == []


def test_head_on_everything(site, public, staff, token) -> None:
    site.mail("x", "Subject: Hello\n\nHello")
    links = site.message()
    for url in (links.click(1, 0, None), links.pixel(), links.unsubscribe(), links.preferences(), *PUBLIC):
        answer = public.head(url.format("x"))
        assert answer.status_code < 500
        assert answer.content == b""
    assert [staff.head(path).status_code for path in STAFF] == [307, *[200] * 3, 200, 200, 200, 200]
    assert site.consented() is None
    assert all(hit.machine for hit in site.engagements())


def test_headers_without_end(public) -> None:
    for header in (b"X-A: " + b"a" * 2_000_000, b"X-A: y\r\n" * 200_000):
        try:
            answer = raw(public, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
        except ConnectionError:
            continue  # it hangs up while more is sent
        assert not answer or status(answer) in (400, 431)
    assert public.get("/readyz").status_code == 200


def test_a_body_that_does_not_say_how_long_it_is(site, public) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    for url in (site.message().unsubscribe(), site.message().preferences()):
        assert public.post(url, content=chunks()).status_code == 413
    key = {"Authorization": "Bearer the-api-key-of-this-test", "Content-Type": "application/json"}
    assert public.post("/events", content=chunks(), headers=key).status_code == 413
    assert site.consented() is None


def test_a_body_that_does_not_come(site, public, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    for path, more in (
        (site.message().unsubscribe(), ""),
        ("/events", "Authorization: Bearer the-api-key-of-this-test\r\nContent-Type: application/json\r\n"),
    ):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 100\r\n{more}\r\nx"
        assert status(raw(public, head.encode())) == 408
    assert site.consented() is None


def test_a_body_that_is_broken_off(site, public) -> None:
    for path in (site.message().unsubscribe(), site.message().preferences()):
        raw(public, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx".encode(), hang_up=True)
    assert public.get("/readyz").status_code == 200
    assert site.consented() is None


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "[::1", "", "é"])
def test_host_is_not_believed(site, public, staff, host: str) -> None:
    request = f"GET {{}} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    for path in (site.message().unsubscribe(), "/u/x", "/", "/events"):
        assert b"evil" not in raw(public, request.format(path).encode())
    assert status(raw(staff, request.format("/mailbox").encode())) in (400, 421)


@pytest.mark.parametrize(
    "path",
    [
        "/../keys.toml",
        "/style.css/../../keys.toml",
        "/%2e%2e/keys.toml",
        "/c/..%2f..%2fkeys.toml",
        "//evil.example/",
        "/%c0%ae",
    ],
)
def test_no_way_out(site, public, staff, path: str) -> None:
    (site.mailbox.parent / "keys.toml").write_text("secret", "utf-8")
    for client in (public, staff):
        answer = raw(client, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert status(answer) in (400, 404)
        assert b"secret" not in answer
        assert b"location" not in answer.lower()


@pytest.mark.parametrize("query", ["q=%ff%fe", "q=\u202e", "q=%00", "q=" + "a" * 5000, "q=%0d%0aA:b", "q&q&q=&=", "%"])
def test_queries(site, public, staff, query: str) -> None:
    site.mail("x", "Subject: Hello\n\nHello")
    assert staff.get(f"/mailbox?{query}").status_code == 200
    assert staff.get(f"/report?{query}").status_code == 200
    assert public.get(f"{site.message().unsubscribe()}?{query}").status_code == 200


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BAD_LINKS", 5)
    # The minute does not turn meanwhile.
    monkeypatch.setattr(module, "Attempts", lambda limit: Attempts(limit, monotonic=lambda: 30.0))


def test_each_client_of_a_proxy_is_one(strict, public) -> None:
    """The proxy on this machine says who asks; what the client itself wrote before that is not believed."""
    assert [
        public.get("/c/x", headers={"X-Forwarded-For": f"192.0.2.{number}, 203.0.113.7"}).status_code
        for number in range(6)
    ] == [404] * 5 + [429]
    assert public.get("/c/x", headers={"X-Forwarded-For": "203.0.113.8"}).status_code == 404
