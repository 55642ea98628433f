"""What the tests of the email plugin share: a message to send, and servers that answer as they are told."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from messaging import Adapter, AdapterContext, MessageClass, Receipt, RenderedMessage
from messaging.outgoing import Outgoing
from messaging.testing.standins.certificate import self_signed
from messaging_email.sendgrid import SendGrid, SendGridSettings
from messaging_email.smtp import Smtp, SmtpSettings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def message() -> Callable[..., RenderedMessage]:
    """A message, and what of it shall be different."""

    def make(number: int = 1, **changes: Any) -> RenderedMessage:
        parts = {"subject": "Fresh tea", "text": "Hello\n", "html": "<p>Hello</p>\n", **changes.pop("parts", {})}
        values: dict[str, Any] = {
            "id": f"m{number}",
            "channel": "email",
            "to": f"c{number}@example.com",
            "message_class": MessageClass.MARKETING,
            "template": "letter",
            "parts": {name: text for name, text in parts.items() if text is not None},
            "from_": "Our shop <shop@example.com>",
            "headers": {"List-Unsubscribe": "<https://shop.example/u/1>"},
            "timestamp": 1_772_445_600.0,
        }
        return RenderedMessage(**{**values, **changes})

    return make


@pytest.fixture
def context(tmp_path: Path) -> AdapterContext:
    """A workspace, and answers within five seconds."""
    return AdapterContext(workspace=str(tmp_path), timeout=5.0)


@pytest.fixture
def way_out() -> Iterator[Callable[..., Outgoing]]:
    """The project's own HTTP client, with these settings."""
    made: list[Outgoing] = []

    def make(**settings: Any) -> Outgoing:
        made.append(Outgoing(**settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of `localhost` and 127.0.0.1, with its key, as one PEM file."""
    file = tmp_path_factory.mktemp("tls") / "self-signed.pem"
    certificate, key = self_signed("127.0.0.1")
    file.write_bytes(key + certificate)
    return file


@pytest.fixture(scope="session")
def server_tls(certificate: Path) -> ssl.SSLContext:
    """The server's side of it."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(certificate)
    return found


class Server:
    """A TCP server on this machine: each connection is a thread that `talk` has to itself until it returns."""

    def __init__(self, talk: Callable[[socket.socket], None], host: str) -> None:
        self._talk = talk
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._one, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        with connection.dup() as line, connection:  # TLS would take the connection itself away from here
            self._open.append(line)
            try:
                self._talk(connection)
            except OSError:
                pass  # the client hung up, or the test is over
            finally:
                _hang_up(line)

    def close(self) -> None:
        _hang_up(self._listener)
        self._listener.close()
        for line in self._open:
            _hang_up(line)
        for thread in self._threads:
            thread.join(5)


def _hang_up(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start a server whose connections are handled by a function."""
    started: list[Server] = []

    def start(talk: Callable[[socket.socket], None], host: str = "127.0.0.1") -> Server:
        started.append(Server(talk, host))
        return started[-1]

    yield start
    for server in started:
        server.close()


class MailServer:
    """A mail server that answers by a script: for each command (`RCPT`), and for `greeting` and `content`, an answer,
    or a list of them of which the last one stays. An answer that ends in `!` hangs up after it; an empty one is silence."""

    def __init__(self, tls: ssl.SSLContext, script: dict[str, bytes | list[bytes]]) -> None:
        self._tls = tls
        self._script = script
        self._turn: dict[str, int] = {}
        self._lock = threading.Lock()
        #: Every line it was told, of all connections, and every content as it came over the wire.
        self.lines: list[bytes] = []
        self.contents: list[bytes] = []

    def answer(self, command: str) -> bytes:
        default = {
            "greeting": b"220 ready\r\n",
            "EHLO": b"250-here\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
            "DATA": b"354 go on\r\n",
            "STARTTLS": b"220 go on\r\n",
            "AUTH": b"235 2.7.0 welcome\r\n",
            "QUIT": b"221 bye\r\n!",
        }
        with self._lock:
            found = self._script.get(command, default.get(command, b"250 2.0.0 ok\r\n"))
            if isinstance(found, bytes):
                return found
            turn = self._turn.get(command, 0)
            self._turn[command] = turn + 1
            return found[min(turn, len(found) - 1)]

    def talk(self, connection: socket.socket) -> None:
        if self._script.get("tls"):
            connection = self._tls.wrap_socket(connection, server_side=True)
        with ExitStack() as stack:
            stack.enter_context(connection)
            reader = connection.makefile("rb")
            going = self._goes_on(self._say(connection, "greeting"))
            while going and (line := reader.readline()):
                self.lines.append(line.rstrip(b"\r\n"))
                command = "STARTTLS" if line.startswith(b"STARTTLS") else line[:4].decode("latin-1").strip()
                answer = self._say(connection, command)
                going = self._goes_on(answer)
                if command == "DATA" and going and answer[:1] == b"3":
                    content = b""
                    while (line := reader.readline()) not in (b".\r\n", b""):
                        content += line
                    self.contents.append(content)
                    going = self._goes_on(self._say(connection, "content"))
                if command == "STARTTLS" and going and answer[:1] == b"2":
                    reader.close()
                    connection = stack.enter_context(self._tls.wrap_socket(connection, server_side=True))
                    reader = connection.makefile("rb")
            reader.close()

    def _say(self, connection: socket.socket, command: str) -> bytes:
        answer = self.answer(command)
        connection.sendall(answer.removesuffix(b"!"))
        while not answer and connection.recv(65_536):
            pass
        return answer

    @staticmethod
    def _goes_on(answer: bytes) -> bool:
        return bool(answer) and not answer.endswith(b"!")


@pytest.fixture
def mail_server(serve: Callable[..., Server], server_tls: ssl.SSLContext) -> Callable[..., tuple[int, MailServer]]:
    """Start a mail server with a script; its port, and what it saw."""

    def start(**script: bytes | list[bytes]) -> tuple[int, MailServer]:
        server = MailServer(server_tls, script)
        return serve(server.talk).port, server

    return start


@pytest.fixture(scope="session")
def stand_in() -> Iterator[Callable[..., int]]:
    """Start one of the stand-ins that the benches use; its port."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *options: str) -> int:
        command = [sys.executable, str(ROOT / "bench" / "standins" / f"{name}.py"), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline().rpartition(" ")[2])

    yield start
    for process in started:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def sendgrid(context: AdapterContext, way_out: Callable[..., Outgoing]) -> Iterator[Callable[..., SendGrid]]:
    """The adapter, for a server on this machine; `outgoing` are settings of its way out."""
    opened: list[SendGrid] = []

    def make(port: int, *, outgoing: Mapping[str, Any] = {}, **settings: Any) -> SendGrid:
        values = {
            "api_key": "SG.never-shown",
            "host": f"http://localhost:{port}",
            "connections": 1,
            "timeout": 5.0,
            **settings,
        }
        opened.append(SendGrid(SendGridSettings(**values), replace(context, http=way_out(**outgoing))))
        return opened[-1]

    yield make
    for adapter in opened:
        adapter.close()


@pytest.fixture
def smtp(context: AdapterContext) -> Iterator[Callable[..., Smtp]]:
    """The adapter, for a server on this machine."""
    opened: list[Smtp] = []

    def make(port: int, **settings: Any) -> Smtp:
        values = {"host": "127.0.0.1", "port": port, "security": "none", "connections": 1, "timeout": 5.0, **settings}
        final = AdapterContext(workspace=context.workspace, timeout=values.pop("final", 5.0))
        opened.append(Smtp(SmtpSettings(**values), final))
        return opened[-1]

    yield make
    for adapter in opened:
        adapter.close()


@pytest.fixture(scope="session")
def deliver() -> Callable[..., list[Receipt]]:
    """Deliver messages with an adapter: their receipts in their order, one each."""

    def run(adapter: Adapter, *messages: RenderedMessage) -> list[Receipt]:
        receipts = {receipt.message_id: receipt for receipt in adapter.deliver(messages)}
        assert sorted(receipts) == sorted(message.id for message in messages)
        return [receipts[message.id] for message in messages]

    return run
