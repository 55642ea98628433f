"""An HTTP/1.1 server in threads that can also be cut off, hang and drip: what no web framework lets one do."""

from __future__ import annotations

import gzip
import os
import select
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any, Protocol

import orjson

from messaging.errors import InputError
from messaging.nouns.request import Request
from messaging.testing.standins.failures import Failure
from messaging.testing.standins.serving import Stoppable

#: Bytes of a body that are read: more than any provider takes.
_MAX_BODY = 40_000_000
#: Seconds that a connection may do nothing.
_IDLE = 120.0
#: Seconds after which one who says nothing looks whether anybody still listens.
_LOOK = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered; without a body, nothing is said of its type."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: How telling it fails, if it does.
    failure: Failure | None = None


def as_json(value: object, status: int = 200, **headers: str) -> Answer:
    """An answer in JSON; `X_Message_Id` is the header X-Message-Id."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status=status, body=orjson.dumps(value, default=str), headers=names)


class Site(Protocol):
    """What is served; called from several threads."""

    def respond(self, method: str, request: Request) -> Answer:
        """The answer to a request."""

    def failure(self, path: str) -> Failure | None:
        """How a request to that path is to fail, if at all."""

    def failing(self, status: int) -> Answer:
        """What the provider says with a status of failure."""


class HTTPServer:
    """Listens from `start` to `stop`."""

    def __init__(self, host: str, port: int, site: Site, tls: ssl.SSLContext | None = None) -> None:
        self._host = host
        self._port = port
        self._site = site
        self._tls = tls
        self._server: _Server | None = None

    def start(self) -> None:
        """Listen.

        Raises:
            InputError: nobody can listen there.
        """
        try:
            self._server = _Server((self._host, self._port), self._site)
        except (OSError, OverflowError) as error:
            raise cannot_listen(self._host, self._port, error) from None
        if self._tls is not None:  # hands are shaken in the connection's own thread
            self._server.socket = self._tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.begin("standin")

    @property
    def port(self) -> int:
        return self._port if self._server is None else int(self._server.server_address[1])

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'http' if self._tls is None else 'https'}://{host}:{self.port}"

    def stop(self) -> None:
        """Hang up on everybody. Nothing runs or is open afterwards."""
        if self._server is not None:
            self._server.end()
            self._server = None


def cannot_listen(host: str, port: int, error: Exception) -> InputError:
    """The line for an address that cannot be had."""
    reason = getattr(error, "strerror", None) or error
    return InputError(f"cannot listen on {host}, port {port}: {reason}", hint="choose another port")


def reset(connection: socket.socket) -> None:
    """Tear a connection down, so that the other side sees a reset and not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # The readers and writers on it hold the socket open: its number is closed under them.
    os.close(connection.detach())


class _Server(Stoppable, ThreadingHTTPServer):
    # Threads are joined when it ends: a test leaves nothing behind.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], site: Site) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.site = site
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # The parent's looks up the host's name, which may take long and is never used.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it is gone already

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is nothing to print about


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _IDLE
    server: _Server

    def _serve(self) -> None:
        failure = self.server.site.failure(self.path)
        if failure is not None and failure.when == "before":
            if failure.kind == "reset":
                self._reset()
                return
            if failure.kind in ("status", "silence") and self._body() is not None:
                self._fail(failure)
            if failure.kind in ("status", "silence"):
                return
        body = self._body()
        if body is None:
            return
        answer = self.server.site.respond(self.command, self._request(body))
        failure = failure or answer.failure
        if failure is None:
            self._write(self._bytes(answer))
        elif failure.kind == "drip":
            data = self._bytes(answer)
            whole = data.index(b"\r\n\r\n") + 4 if failure.at == "body" else 0
            if self._write(data[:whole]):
                self._drip(data[whole:], failure.seconds)
        else:
            self._fail(failure)

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = do_HEAD = _serve

    def _fail(self, failure: Failure) -> None:
        """What the client sees of a failure, once its body was read."""
        if failure.kind == "reset":
            self._reset()
        elif failure.kind == "silence":
            until = time.monotonic() + failure.seconds
            while time.monotonic() < until and not self._hung_up() and not self.server.stopping.wait(_LOOK):
                pass
            self.close_connection = True
        else:
            said = self.server.site.failing(failure.status)
            self._write(self._bytes(replace(said, status=failure.status, headers=failure.headers())))

    def _body(self) -> bytes | None:
        """The request's body; None if it was answered already because there is none that can be read."""
        if self.headers.get("Transfer-Encoding"):
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
            return None
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit():
            self._refuse(HTTPStatus.BAD_REQUEST)
            return None
        if int(length) > _MAX_BODY:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return None
        if self.headers.get("Content-Encoding", "").lower() == "gzip":
            try:
                with gzip.GzipFile(fileobj=BytesIO(body)) as packed:
                    body = packed.read(_MAX_BODY)
            except (OSError, EOFError, zlib.error):
                self._refuse(HTTPStatus.BAD_REQUEST)
                return None
        return body

    def _request(self, body: bytes) -> Request:
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            known = headers.get(name.lower())
            headers[name.lower()] = value if known is None else f"{known}, {value}"
        host, port = self.server.server_address[:2]
        base = self.headers.get("Host") or f"{host!s}:{port}"
        return Request(url=f"http://{base}{self.path}", body=body, headers=headers, received_at=datetime.now(UTC))

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._write(self._bytes(self.server.site.failing(status)))

    def _bytes(self, answer: Answer) -> bytes:
        try:
            phrase = HTTPStatus(answer.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Length: {len(answer.body)}"]
        if answer.body:
            lines.append(f"Content-Type: {answer.media_type}")
        if self.close_connection:
            lines.append("Connection: close")
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
        return head if self.command == "HEAD" else head + answer.body

    def _write(self, data: bytes) -> bool:
        """Whether it could be written."""
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True
            return False
        return True

    def _drip(self, data: bytes, seconds: float) -> None:
        for at in range(len(data)):
            if not self._write(data[at : at + 1]) or self.server.stopping.wait(seconds / len(data)):
                self.close_connection = True
                return

    def _hung_up(self) -> bool:
        """Whether the client is gone."""
        poll = select.poll()
        try:
            poll.register(self.connection, select.POLLIN)
            return bool(poll.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def _reset(self) -> None:
        self.close_connection = True
        reset(self.connection)

    def log_message(self, format: str, *args: Any) -> None:
        pass
