"""The one way out: real servers on this machine, well-behaved and not."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

from messaging.errors import AdapterUnusable, AddressRefused, NotSent, Unanswered, Untrusted
from messaging.nouns.http import HttpAnswer
from messaging.outgoing import Outgoing

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

#: What a server does with one connection. It may take as long as it wants: the connection is closed when it returns.
Script = Callable[[socket.socket], None]


class Peer:
    """A server on loopback that follows a script with each connection."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.connections = 0
        self.requests: list[bytes] = []
        self.stop = threading.Event()
        self._tls = tls
        self._listener = socket.create_server((host, 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._follow, args=(connection,), daemon=True).start()

    def _follow(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # whoever asked has hung up
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self.script(connection)

    def read(self, connection: socket.socket) -> bytes:
        """One whole request; empty if there is none any more."""
        data = b""
        while b"\r\n\r\n" not in data:
            block = connection.recv(65536)
            if not block:
                return b""
            data += block
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields.get(b"content-length", b"0")):
            body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def close(self) -> None:
        self.stop.set()
        self._listener.close()


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """Makes servers; `answer` is what a polite one says to every request on a connection."""
    peers: list[Peer] = []

    def make(script: Script | bytes | None = None, **options: Any) -> Peer:
        def polite(connection: socket.socket) -> None:
            while made.read(connection):
                connection.sendall(script if isinstance(script, bytes) else OK)

        made = Peer(script if callable(script) else polite, **options)
        peers.append(made)
        return made

    yield make
    for each in peers:
        each.close()


@pytest.fixture
def client() -> Iterator[Callable[..., Outgoing]]:
    clients: list[Outgoing] = []

    def make(**options: Any) -> Outgoing:
        made = Outgoing(**{"allow_private": ["127.0.0.0/8"], "allow_http": True, "timeout": 10.0, **options})
        clients.append(made)
        return made

    yield make
    for each in clients:
        each.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def reset(connection: socket.socket) -> None:
    """Close with RST, not FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def post(client: Outgoing, peer: Peer, body: bytes = b"{}", **options: Any) -> HttpAnswer:
    return client.request("POST", f"http://127.0.0.1:{peer.port}/hook?a=b", body=body, **options)


def test_a_request_as_it_was_meant(client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
    server = peer(
        b'HTTP/1.1 418 Teapot\r\nContent-Length: 7\r\nX-Tea: green\r\nX-Tea: black\r\nRetry-After: 5\r\n\r\n{"a":1}'
    )
    answer = post(client(), server, b"\x00\xff raw", headers={"X-Name": "Ann", "Content-Type": "text/plain"})
    assert (answer.status, answer.header("X-TEA"), answer.json(), answer.cut) == (418, "green, black", {"a": 1}, False)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"\x00\xff raw"
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook?a=b HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert "X-Name: Ann" in lines
    assert "Content-Length: 6" in lines
    assert "Accept-Encoding: identity" in lines


@pytest.mark.parametrize("value", ["sesame\r\nX-Evil: 1", "sesame\r\n folded", "sesame żółw", "sesame\0"])
def test_no_request_for_a_header_that_would_be_two(
    client: Callable[..., Outgoing], peer: Callable[..., Peer], value: str
) -> None:
    server = peer()
    with pytest.raises(NotSent, match="HTTP") as caught:
        post(client(), server, headers={"Authorization": value})
    with pytest.raises(NotSent, match="HTTP"):
        post(client(), server, headers={f"X-{value}": "1"})
    assert server.requests == []
    assert "sesame" not in str(caught.value), "a header may be a secret"


class TestWhereItGoes:
    @pytest.mark.parametrize(
        "host",
        [
            *(
                "127.0.0.1",
                "127.1",
                "2130706433",
                "0x7f000001",
                "0177.0.0.1",
                "localhost",
                "localhost.",
                "0.0.0.0",
                "0",
            ),
            *("[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]", "169.254.169.254", "10.0.0.1"),
            *("①②⑦.0.0.1", "127。0。0。1", "[fe80::1]", "224.0.0.1", "[::]"),
        ],
    )
    def test_not_into_a_private_network(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], host: str
    ) -> None:
        server = peer()
        with pytest.raises((AddressRefused, NotSent)) as caught:
            client(allow_private=[]).request("POST", f"http://{host}:{server.port}/latest/meta-data")
        if not host.startswith("0177"):  # octal to some resolvers, nothing to others
            assert isinstance(caught.value, AddressRefused)
        assert server.connections == 0
        assert "meta-data" not in str(caught.value), "a path may be a secret"

    def test_not_to_a_name_that_leads_there(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        server = peer()
        outgoing = client(allow_private=[], resolve=lambda host, port: ["127.0.0.1", "::1"])
        with pytest.raises(AddressRefused, match=r"hook\.example is in a private network"):
            outgoing.request("POST", f"http://hook.example:{server.port}/")
        assert server.connections == 0

    def test_of_several_addresses_only_to_those_allowed(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = peer(host="127.0.0.2")
        outgoing = client(allow_private=["127.0.0.2/32"], resolve=lambda host, port: ["127.0.0.1", "127.0.0.2"])
        assert outgoing.request("GET", f"http://hook.example:{server.port}/").status == 200

    def test_what_was_checked_is_what_is_connected_to(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        """DNS rebinding: the name answers with a harmless address first, and then with one of this machine."""
        server = peer(host="127.0.0.2")
        secret = socket.create_server(("127.0.0.1", server.port))
        asked: list[str] = []

        def rebinding(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.2" if len(asked) == 1 else "127.0.0.1"]

        outgoing = client(allow_private=["127.0.0.2/32"], resolve=rebinding)
        url = f"http://rebind.example:{server.port}/"
        with secret:
            assert outgoing.request("GET", url).status == 200
            assert asked == ["rebind.example"], "asked once: nothing else looks the name up again"
            assert b"Host: rebind.example:" in server.requests[0]
            outgoing._shelf.close()
            with pytest.raises(AddressRefused):
                outgoing.request("GET", url)
            secret.settimeout(0.1)
            with pytest.raises(TimeoutError):
                secret.accept()

    def test_the_operators_own_word_is_trusted(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = peer()
        outgoing = client(allow_private=[], allow_http=False)
        assert post(outgoing, server, trusted=True).status == 200
        with pytest.raises(AddressRefused):
            post(outgoing, server)
        assert server.connections == 1

    def test_a_connection_of_the_trusted_is_not_lent(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = peer()
        outgoing = client(allow_private=[])
        assert post(outgoing, server, trusted=True).status == 200
        with pytest.raises(AddressRefused, match="private"):
            post(outgoing, server)

    def test_no_redirect_is_followed(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        target = peer()
        location = f"http://127.0.0.1:{target.port}/".encode()
        server = peer(b"HTTP/1.1 307 Moved\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
        assert post(client(), server).status == 307
        assert target.connections == 0

    def test_the_environment_has_no_say(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = peer()
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert post(client(), peer()).status == 200
        assert proxy.connections == 0


class TestBounds:
    @pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX: "])
    def test_a_drip_ends_in_time(self, client: Callable[..., Outgoing], peer: Callable[..., Peer], said: bytes) -> None:
        """Each byte alone comes in time; all of them never do."""

        def drip(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(said)
            while not server.stop.wait(0.02):
                connection.sendall(b"H")

        server = peer(drip)
        started = time.monotonic()
        with pytest.raises(Unanswered, match="in time"):
            post(client(), server, timeout=1.0)
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("length", [b"Content-Length: 100000", b"Transfer-Encoding: chunked", b"Connection: close"])
    def test_a_body_that_drips_is_cut(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], length: bytes
    ) -> None:
        def drip(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(b"HTTP/1.1 202 Accepted\r\n" + length + b"\r\n\r\n")
            while not server.stop.wait(0.02):
                connection.sendall(b"1\r\nx\r\n")

        server = peer(drip)
        outgoing = client()
        answer = post(outgoing, server, timeout=1.0)
        assert (answer.status, answer.cut) == (202, True)
        server.stop.set()
        assert outgoing._shelf._kept == []

    @pytest.mark.parametrize("length", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked", b"X: y"])
    def test_a_huge_answer_is_cut(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], length: bytes
    ) -> None:
        sent = 0

        def pour(connection: socket.socket) -> None:
            nonlocal sent
            server.read(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
            block = b"10000\r\n" + b"x" * 65536 + b"\r\n"
            while sent < 100_000_000:
                connection.sendall(block)
                sent += len(block)

        server = peer(pour)
        answer = post(client(), server, limit=50_000)
        assert (answer.status, len(answer.body), answer.cut) == (200, 50_000, True)
        assert sent < 50_000_000

    @pytest.mark.parametrize("header", [b"X-A: " + b"a" * 100_000, b"\r\n".join(b"X-%d: a" % n for n in range(1000))])
    def test_a_huge_header(self, client: Callable[..., Outgoing], peer: Callable[..., Peer], header: bytes) -> None:
        server = peer(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(Unanswered, match="not HTTP"):
            post(client(), server)

    def test_a_reader_that_does_not_read(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        server = peer(lambda connection: server.stop.wait(20) and None)
        with pytest.raises(NotSent, match="in time"):
            post(client(), server, b"x" * 50_000_000, timeout=1.0)

    def test_a_name_server_that_hangs(self, client: Callable[..., Outgoing]) -> None:
        let_go = threading.Event()

        def hang(host: str, port: int) -> Sequence[str]:
            let_go.wait(20)
            return []

        outgoing = client(connect_timeout=0.2, resolve=hang)
        with pytest.raises(NotSent, match="was not found in time"):
            outgoing.request("GET", "http://slow.example/")
        let_go.set()

    def test_a_host_that_does_not_answer_leaves_the_next_its_share(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = peer(host="127.0.0.3")
        with socket.create_server(("127.0.0.2", server.port), backlog=0) as full:
            # One waits unaccepted: the kernel lets nobody else in.
            held = [socket.socket() for _ in range(4)]
            for each in held:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            outgoing = client(connect_timeout=1.0, resolve=lambda host, port: ["127.0.0.2", "127.0.0.3"])
            assert outgoing.request("GET", f"http://two.example:{server.port}/").status == 200
            for each in held:
                each.close()


class TestSentOrNot:
    def test_nobody_listens(self, client: Callable[..., Outgoing]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(NotSent, match=r"cannot connect to 127\.0\.0\.1: Connection refused"):
            client().request("POST", f"http://127.0.0.1:{port}/")

    def test_no_such_host(self, client: Callable[..., Outgoing]) -> None:
        def nowhere(host: str, port: int) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        with pytest.raises(NotSent, match=r"cannot find gone\.example: Name or service not known") as caught:
            client(resolve=nowhere).request("POST", "https://gone.example/")
        assert not isinstance(caught.value, AddressRefused)

    def test_reset_before_all_of_the_body_left(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        def slam(connection: socket.socket) -> None:
            connection.recv(1000)
            reset(connection)

        with pytest.raises(NotSent):
            post(client(), peer(slam), b"x" * 50_000_000)

    @pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-"])
    @pytest.mark.parametrize("hard", [True, False])
    def test_gone_after_the_body(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], said: bytes, hard: bool
    ) -> None:
        def leave(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(said)
            if hard:
                reset(connection)

        server = peer(leave)
        with pytest.raises(Unanswered):
            post(client(), server)
        assert len(server.requests) == 1, "not tried again by itself"

    @pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 103 Hints\r\n\r\n"])
    def test_no_answer_of_http(self, client: Callable[..., Outgoing], peer: Callable[..., Peer], said: bytes) -> None:
        with pytest.raises(Unanswered):
            post(client(), peer(said))

    @pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints\r\nLink: </a>"])
    @pytest.mark.parametrize("number", [1, 3])
    def test_an_interim_answer_is_not_the_answer(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], interim: bytes, number: int
    ) -> None:
        said = b"HTTP/1.1 %b\r\n\r\n" % interim * number + b"HTTP/1.1 202 OK\r\nContent-Length: 2\r\n\r\nhi"
        answer = post(client(), peer(said))
        assert (answer.status, answer.body, "link" in answer.headers) == (202, b"hi", False)

    def test_an_answer_before_the_body_was_read(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        """Whoever hangs up on a body that is too long for them still says so."""

        def refuse(connection: socket.socket) -> None:
            connection.recv(1000)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

        assert post(client(), peer(refuse), b"x" * 5_000_000).status == 413

    def test_a_body_that_breaks_off_is_told(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        def leave(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

        server = peer(leave)
        answer = post(client(), server)
        assert (answer.status, answer.body, answer.cut) == (200, b"half", True)


class TestConnections:
    def test_are_kept(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        server, outgoing = peer(), client()
        for _ in range(5):
            assert post(outgoing, server).body == b"hi"
        assert server.connections == 1

    @pytest.mark.parametrize(
        "said",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
            b"HTTP/1.0 200 OK\r\n\r\nhi",
            OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        ],
    )
    def test_are_not_used_when_closed_or_spoilt(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], said: bytes
    ) -> None:
        def once(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(said)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

        server, outgoing = peer(once), client()
        for _ in range(3):
            assert post(outgoing, server).body == b"hi"
        assert server.connections == 3

    def test_a_server_that_closes_an_idle_one(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        closed = threading.Semaphore(0)

        def once(connection: socket.socket) -> None:
            server.read(connection)
            connection.sendall(OK)
            reset(connection)
            connection.close()
            closed.release()

        server, outgoing = peer(once), client()
        for _ in range(3):
            assert post(outgoing, server).status == 200
            assert closed.acquire(timeout=10)
        assert server.connections == 3

    def test_are_dropped_when_idle(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("messaging.outgoing.IDLE", 0.0)
        server, outgoing = peer(), client()
        post(outgoing, server)
        post(outgoing, server)
        assert server.connections == 2

    def test_are_bounded_over_all_hosts(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("messaging.outgoing.KEPT", 2)
        servers, outgoing = [peer() for _ in range(3)], client()
        for server in (*servers, *reversed(servers)):
            post(outgoing, server)
        assert [server.connections for server in servers] == [2, 1, 1]

    def test_are_not_shared_between_names_of_one_address(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = peer()
        outgoing = client(resolve=lambda host, port: ["127.0.0.1"])
        for host in ("a.example", "b.example", "a.example"):
            outgoing.request("GET", f"http://{host}:{server.port}/")
        assert server.connections == 2
        hosts = [request.split(b"Host: ")[1].split(b":")[0] for request in server.requests]
        assert hosts == [b"a.example", b"b.example", b"a.example"]

    def test_by_32_threads(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        def echo(connection: socket.socket) -> None:
            while request := server.read(connection):
                body = request.partition(b"\r\n\r\n")[2]
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

        server, outgoing = peer(echo), client()

        def ask(number: int) -> bool:
            body = b"%d" % number * 100
            return post(outgoing, server, body).body == body

        with ThreadPoolExecutor(32) as pool:
            assert all(pool.map(ask, range(640)))
        assert server.connections <= 32

    def test_none_is_left_open(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        gone = threading.Event()

        def polite(connection: socket.socket) -> None:
            while server.read(connection):
                connection.sendall(OK)
            gone.set()

        server, outgoing = peer(polite), client()
        post(outgoing, server)
        outgoing.close()
        assert gone.wait(10)
        assert post(outgoing, server).status == 200, "it still works, and keeps nothing"
        assert outgoing._shelf._kept == []


class TestTls:
    @pytest.fixture
    def ca_file(self, authority: trustme.CA, tmp_path: Path) -> str:
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        return str(tmp_path / "ca.pem")

    def server(self, authority: trustme.CA, peer: Callable[..., Peer], *names: str) -> Peer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        self.asked: list[str | None] = []
        context.sni_callback = lambda connection, name, _: self.asked.append(name)
        return peer(tls=context)

    def outgoing(self, client: Callable[..., Outgoing], **options: Any) -> Outgoing:
        return client(allow_http=False, resolve=lambda host, port: ["127.0.0.1"], **options)

    def test_the_name_is_asked_for_and_checked_though_the_address_is_pinned(
        self, authority: trustme.CA, client: Callable[..., Outgoing], peer: Callable[..., Peer], ca_file: str
    ) -> None:
        server = self.server(authority, peer, "hook.example")
        outgoing = self.outgoing(client, ca_file=ca_file)
        for host in ("hook.example", "HOOK.example."):
            assert outgoing.request("POST", f"https://{host}:{server.port}/", body=b"x").status == 200
        assert self.asked == ["hook.example"]
        assert server.connections == 1, "one host, however it is written"
        assert f"Host: hook.example:{server.port}".encode() in server.requests[0]

    @pytest.mark.parametrize("names", [["other.example"], ["127.0.0.1"]])
    def test_somebody_elses_certificate(
        self,
        authority: trustme.CA,
        client: Callable[..., Outgoing],
        peer: Callable[..., Peer],
        ca_file: str,
        names: list[str],
    ) -> None:
        server = self.server(authority, peer, *names)
        with pytest.raises(Untrusted, match=r"hook\.example"):
            self.outgoing(client, ca_file=ca_file).request("POST", f"https://hook.example:{server.port}/")
        assert server.requests == []

    def test_a_certificate_nobody_knows(
        self, authority: trustme.CA, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = self.server(authority, peer, "hook.example")
        with pytest.raises(Untrusted, match="cannot be trusted"):
            self.outgoing(client).request("POST", f"https://hook.example:{server.port}/")

    def test_no_tls_at_all(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        server = peer(b"hello")
        with pytest.raises(NotSent):
            self.outgoing(client, connect_timeout=1.0).request("POST", f"https://hook.example:{server.port}/")

    def test_a_handshake_that_never_ends(self, client: Callable[..., Outgoing], peer: Callable[..., Peer]) -> None:
        server = peer(lambda connection: server.stop.wait(20) and None)
        with pytest.raises(NotSent, match="no answer in time"):
            self.outgoing(client, connect_timeout=1.0).request("POST", f"https://hook.example:{server.port}/")

    def test_a_file_of_authorities_that_is_none(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer]
    ) -> None:
        server = peer()
        with pytest.raises(AdapterUnusable, match="ca_file"):
            self.outgoing(client, ca_file="/nowhere.pem").request("POST", f"https://hook.example:{server.port}/")

    def test_through_a_proxy(
        self, authority: trustme.CA, client: Callable[..., Outgoing], peer: Callable[..., Peer], ca_file: str
    ) -> None:
        server = self.server(authority, peer, "hook.example")

        def tunnel(connection: socket.socket) -> None:
            proxy.read(connection)
            connection.sendall(b"HTTP/1.1 200 Go ahead\r\n\r\n")
            with socket.create_connection(("127.0.0.1", server.port)) as other:
                back = threading.Thread(target=_pump, args=(other, connection), daemon=True)
                back.start()
                _pump(connection, other)

        proxy = peer(tunnel)
        outgoing = client(
            allow_http=False,
            allow_private=[],
            ca_file=ca_file,
            proxy=f"http://us%40er:pass@127.0.0.1:{proxy.port}",
        )
        for _ in range(2):
            assert outgoing.request("POST", f"https://hook.example:{server.port}/", body=b"{}").status == 200
        (connect,) = proxy.requests
        assert connect.startswith(f"CONNECT hook.example:{server.port} HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization: Basic dXNAZXI6cGFzcw==" in connect
        assert b"Proxy" not in server.requests[0]
        with pytest.raises(AddressRefused):
            outgoing.request("POST", "https://169.254.169.254/")

    @pytest.mark.parametrize("said", [b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b"nonsense\r\n\r\n"])
    def test_a_proxy_that_refuses(
        self, client: Callable[..., Outgoing], peer: Callable[..., Peer], said: bytes
    ) -> None:
        proxy = peer(said)
        with pytest.raises(NotSent, match="the proxy made no connection") as caught:
            client(proxy=f"http://user:pass@127.0.0.1:{proxy.port}").request("POST", "https://hook.example/")
        assert "pass" not in str(caught.value)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # one side has hung up
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("120", 120),
            (" 0 ", 0),
            ("999999999", 365 * 86400),
            ("9999999999", 365 * 86400),
            ("99999999999999999999", 365 * 86400),
            ("9" * 5000, 365 * 86400),
            ("1.5", 1.5),
            ("00000000000000000007", 7),
            ("Sun, 22 Nov 2026 10:00:10 GMT", 10),
            ("Sunday, 22-Nov-26 10:00:10 GMT", 10),
            ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
            ("Fri, 22 Nov 2999 10:00:00 GMT", 365 * 86400),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 365 * 86400),
            ("Fri, 31 Dec 9999 23:59:59 -2359", 365 * 86400),
            ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
            ("Fri, 22 Nov 99999 10:00:00 GMT", None),
            ("", None),
            ("-5", None),
            ("-99999999999999999999", None),
            ("1.", None),
            (".5", None),
            ("1e9", None),
            ("inf", None),
            ("nan", None),
            ("٣", None),
            ("soon", None),
            ("Sun, 99 Nov 2026 10:00:00 GMT", None),
        ],
    )
    def test_seconds_and_dates(self, text: str, seconds: float | None) -> None:
        now = 1795341600.0  # 2026-11-22 10:00 UTC
        found = HttpAnswer(status=429, headers={"retry-after": text}).retry_after(now=now)
        assert (None if found is None else found.total_seconds()) == seconds
