"""The one way out: every request of ours to somebody else goes through here, whoever wrote its address.

It resolves the host, refuses addresses that are not the world's, and connects to the very address it has checked, so
that a name which answers differently the second time (DNS rebinding) leads nowhere; TLS still checks the name. It
follows no redirect and looks at no environment: a proxy is used if a setting names one, and then it is the proxy that
resolves, so the proxy must keep private addresses shut.

Below it is `http.client` over a socket of our own: it tells a request that surely did not arrive from one that was
not answered, and lets one moment end every wait, however slowly the other side drips.
"""

from __future__ import annotations

import http
import http.client
import queue
import re
import select
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit

from messaging.errors import AdapterUnusable, AddressRefused, NotSent, Unanswered, Untrusted
from messaging.nouns.http import HttpAnswer, HttpClient
from messaging.rules.places import Place, is_public, place_of

#: Seconds after which an unused connection is closed: less than any server on the way keeps one.
IDLE: Final = 20.0
#: Unused connections that are kept, to all hosts together.
KEPT: Final = 64
#: Bytes of an answer read at a time.
BLOCK: Final = 16_384

#: What a header may be (RFC 9110 5.1, 5.5), as Latin-1; `http.client` also lets folded values and NUL through.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")

#: Addresses of a host, the best first. Raises `OSError` where there is none.
Resolve = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Outgoing(HttpClient):
    """The client of a workspace. See `HttpClient` for what it promises."""

    def __init__(
        self,
        *,
        allow_private: Iterable[str] = (),
        allow_http: bool = False,
        connect_timeout: float = 10.0,
        timeout: float = 30.0,
        limit: int = 1_000_000,
        ca_file: str | None = None,
        proxy: str | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        """`allow_private`: networks that may be reached although they are not public. Times are in seconds."""
        self._allowed = [ip_network(text) for text in allow_private]
        self._allow_http = allow_http
        self._connect_timeout = connect_timeout
        self._timeout = timeout
        self._limit = limit
        self._ca_file = ca_file
        self._proxy = urlsplit(proxy) if proxy else None
        self._resolve = resolve
        self._shelf = _Shelf()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float | None = None,
        limit: int | None = None,
        trusted: bool = False,
    ) -> HttpAnswer:
        headers = headers or {}
        if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers.items()):
            # The text does not repeat it: it may be a secret.
            raise NotSent("the request cannot be written as HTTP: a header has a character that none can have")
        until = time.monotonic() + (self._timeout if timeout is None else timeout)
        place = place_of(url, allow_http=trusted or self._allow_http)
        # What was dialled for a trusted address is not lent to others: it may be private.
        key = (place.scheme, place.host, place.port, trusted)
        line = self._shelf.take(key) or self._dial(place, trusted, until)
        try:
            answer = line.ask(method, place.target, headers, body, until, self._limit if limit is None else limit)
        except BaseException:  # handed on: nobody knows what is still to come on this connection
            line.close()
            raise
        if line.reusable:
            self._shelf.give_back(key, line)
        else:
            line.close()
        return answer

    def close(self) -> None:
        self._shelf.close()

    # A new connection

    def _dial(self, place: Place, trusted: bool, until: float) -> _Line:
        until = min(until, time.monotonic() + self._connect_timeout)
        tls = self._tls if place.scheme == "https" else None
        if self._proxy is None:
            wire = self._connect(place.host, self._addresses(place, trusted, until), place.port, until)
        else:
            wire = self._through(self._proxy.hostname or "", self._proxy.port or 8080, place, until)
        if tls is not None:
            wire = _secure(wire, tls, place.host)
        return _Line(wire, place)

    def _addresses(self, place: Place, trusted: bool, until: float) -> list[str]:
        """Those of the host's addresses that we may go to."""
        found = self._look_up(place.host, place.port, until)
        allowed = [address for address in found if trusted or self._may_reach(address)]
        if found and not allowed:
            raise AddressRefused(
                f"{place.host} is in a private network", hint="if it must be reached, set [outgoing] allow_private"
            )
        return allowed

    def _may_reach(self, text: str) -> bool:
        address = ip_address(text.partition("%")[0])
        return is_public(text) or any(address in network for network in self._allowed)

    def _look_up(self, host: str, port: int, until: float) -> Sequence[str]:
        # The system's resolver cannot be told when to give up: it is left behind.
        said: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                said.put(self._resolve(host, port))
            except (OSError, UnicodeError) as error:
                said.put(error)

        threading.Thread(target=ask, name="look-up", daemon=True).start()
        try:
            found = said.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise NotSent(f"{host} was not found in time") from None
        if isinstance(found, Exception):
            raise NotSent(f"cannot find {host}: {_why(found)}")
        return found

    def _connect(self, host: str, addresses: Sequence[str], port: int, until: float) -> _Wire:
        problem: OSError = TimeoutError()
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            # One that does not answer leaves the others their share.
            share = (until - time.monotonic()) / left
            try:
                if share <= 0:
                    raise TimeoutError
                connection = socket.create_connection((address, port), timeout=share)
            except OSError as error:
                problem = error
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Wire(connection, until)
        raise NotSent(f"cannot connect to {host}: {_why(problem)}")

    def _through(self, proxy: str, port: int, place: Place, until: float) -> _Wire:
        """A tunnel to `place` (RFC 9110 9.3.6)."""
        with suppress(ValueError):  # a name is no address: the proxy resolves it
            if not self._may_reach(place.host):
                raise AddressRefused(f"{place.host} is a private address", hint="see [outgoing] allow_private")
        wire = self._connect(proxy, self._look_up(proxy, port, until), port, until)
        host = f"[{place.host}]" if ":" in place.host else place.host
        lines = [f"CONNECT {host}:{place.port} HTTP/1.1", f"Host: {host}:{place.port}"]
        if self._proxy is not None and self._proxy.username is not None:
            login = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
            lines.append(f"Proxy-Authorization: Basic {b64encode(login.encode()).decode('ascii')}")
        try:
            wire.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
            response = _Response(wire, method="CONNECT")  # type: ignore[arg-type] # asks makefile only
            response.begin()
            status = response.status
            response.close()
        except (OSError, http.client.HTTPException) as error:
            wire.hang_up()
            raise NotSent(f"the proxy made no connection: {_why(error)}") from None
        if not 200 <= status < 300:
            wire.hang_up()
            raise NotSent(f"the proxy made no connection: it answered {status}")
        return wire

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        if self._ca_file is not None:
            try:
                context.load_verify_locations(self._ca_file)
            except (OSError, ssl.SSLError) as error:
                # As an adapter is told that it is refused: nobody is burned for it.
                raise AdapterUnusable(f"[outgoing] ca_file {self._ca_file}: {_why(error)}") from None
        return context


class _Line:
    """One connection; for one request at a time."""

    def __init__(self, wire: _Wire, place: Place) -> None:
        self._wire = wire
        # It is given its connection, and writes the Host header by what it believes to have dialled.
        self._connection = http.client.HTTPConnection(place.host, place.port)
        self._connection.default_port = 443 if place.scheme == "https" else 80
        self._connection.auto_open = 0
        self._connection.response_class = _Response
        self._connection.sock = wire
        #: Whether it may carry another request.
        self.reusable = False

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, until: float, limit: int
    ) -> HttpAnswer:
        """One request and its answer.

        Raises:
            NotSent, Unanswered: there was no answer.
        """
        self._wire.until = until
        unsent: OSError | None = None
        try:
            sent = {"User-Agent": "customer-messaging", "Accept-Encoding": "identity", **headers}
            self._connection.request(method, target, body, sent)
        except TimeoutError:
            raise NotSent("the request could not be sent in time") from None
        except OSError as error:
            unsent = error  # a part of it never left; but they may have hung up because of what they answered already
        try:
            response = self._connection.getresponse()
            if self._wire.ended:  # within the headers: `http.client` takes what came for all of them
                raise http.client.RemoteDisconnected("")
            if response.status < 200:
                raise http.client.UnknownProtocol("another protocol")
        except (OSError, http.client.HTTPException) as error:
            if unsent is not None:
                raise NotSent(_why(unsent)) from None
            raise Unanswered(_why(error)) from None
        content, cut = _read(response, limit)
        self.reusable = unsent is None and not cut and response.isclosed() and not response.will_close
        response.close()
        return HttpAnswer(status=response.status, headers=_joined(response), body=content, cut=cut)

    def is_quiet(self) -> bool:
        """Whether it can take a request."""
        return self._wire.is_quiet()

    def close(self) -> None:
        self._wire.hang_up()


class _Response(http.client.HTTPResponse):
    """An answer, and not what is said on the way to it: `http.client` passes over 100 only (RFC 9110 15.2)."""

    def begin(self) -> None:
        super().begin()
        while self.status < 200 and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment] # else it takes itself for begun
            super().begin()


class _Wire:
    """A socket whose every wait ends at the moment `until` (monotonic seconds), as `http.client` wants to see it.

    What came in stays here until it is read, so that it is known whether something was said that nobody asked for.
    """

    def __init__(self, connection: socket.socket, until: float) -> None:
        self.socket = connection
        self.until = until
        #: The other side has nothing more to say.
        self.ended = False
        self._came = bytearray()

    def arm(self) -> None:
        """Let the next wait end in time."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self.arm()
            view = view[self.socket.send(view) :]

    def makefile(self, mode: str) -> _Wire:
        return self

    def readline(self, limit: int) -> bytes:
        end = 0
        while not (end := self._came.find(b"\n") + 1) and len(self._came) < limit and self._receive():
            pass
        return self._take(min(end or limit, limit))

    def read(self, size: int = -1) -> bytes:
        while (size < 0 or len(self._came) < size) and self._receive():
            pass
        return self._take(len(self._came) if size < 0 else size)

    def close(self) -> None:
        """Nothing yet: `http.client` closes what it is done with, while the answer is still to be read."""

    flush = close

    def hang_up(self) -> None:
        self.socket.close()

    def is_quiet(self) -> bool:
        """Whether the other side waits for us: it did not hang up, nor say what nobody asked for."""
        if self._came or self.ended or (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
            return False
        poll = select.poll()
        try:
            poll.register(self.socket, select.POLLIN)
            return not poll.poll(0)
        except (OSError, ValueError):
            return False

    def _receive(self) -> bool:
        self.arm()
        block = self.socket.recv(BLOCK)
        self.ended = not block
        self._came += block
        return not self.ended

    def _take(self, number: int) -> bytes:
        taken = bytes(self._came[:number])
        del self._came[:number]
        return taken


class _Shelf:
    """Connections that nobody uses at the moment."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, object, _Line]] = []
        self._closed = False
        self._lock = threading.Lock()

    def take(self, key: object) -> _Line | None:
        """The connection to `key` that was used last and still stands; None if a new one has to be made."""
        while True:
            with self._lock:
                oldest = time.monotonic() - IDLE
                dropped = [entry for entry in self._kept if entry[0] < oldest]
                self._kept = [entry for entry in self._kept if entry[0] >= oldest]
                found = next((entry for entry in reversed(self._kept) if entry[1] == key), None)
                if found is not None:
                    self._kept.remove(found)
            for _, _, line in dropped:
                line.close()
            if found is None:
                return None
            if found[2].is_quiet():
                return found[2]
            found[2].close()

    def give_back(self, key: object, line: _Line) -> None:
        """Keep a connection that works for whoever needs one next; the one unused for longest makes room."""
        unwanted = line
        with self._lock:
            if not self._closed:
                self._kept.append((time.monotonic(), key, line))
                if len(self._kept) <= KEPT:
                    return
                unwanted = self._kept.pop(0)[2]
        unwanted.close()

    def close(self) -> None:
        """Close what is kept, and from now on what is given back."""
        with self._lock:
            kept, self._kept, self._closed = self._kept, [], True
        for _, _, line in kept:
            line.close()


def _secure(wire: _Wire, tls: ssl.SSLContext, host: str) -> _Wire:
    try:
        wire.arm()
        return _Wire(tls.wrap_socket(wire.socket, server_hostname=host), wire.until)
    except ssl.SSLCertVerificationError as error:
        wire.hang_up()
        raise Untrusted(f"the certificate of {host} cannot be trusted: {error.verify_message}") from None
    except OSError as error:
        wire.hang_up()
        raise NotSent(f"no secure connection to {host}: {_why(error)}") from None


def _read(response: http.client.HTTPResponse, limit: int) -> tuple[bytes, bool]:
    """The answer's body up to `limit`, and whether something of it is missing."""
    body = bytearray()
    try:
        while block := response.read(min(BLOCK, limit + 1 - len(body))):
            body += block
            if len(body) > limit:
                return bytes(body[:limit]), True
    except (OSError, http.client.HTTPException):
        return bytes(body), True
    # Read in pieces, `http.client` says nothing of a body that ends before its Content-Length.
    return bytes(body), bool(response.length)


def _joined(response: http.client.HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, http.client.HTTPException):
        return "the answer is not HTTP"
    return getattr(error, "strerror", None) or type(error).__name__
