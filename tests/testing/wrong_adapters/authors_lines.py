"""A loft that takes pigeons by a protocol of lines, as its author writes it for the suite."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Mapping
from typing import Any, Self

from authors import TOKEN

from messaging.testing import AdapterContract, Arrival, Deaf, Fate, Provider


class Loft(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.fate = Fate.ACCEPT
        self.arrived: list[Arrival] = []
        self.closing = threading.Event()


class Talk(socketserver.StreamRequestHandler):
    server: Loft

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"SEND "):
                self.take(line)

    def take(self, line: bytes) -> None:
        fate, id = self.server.fate, f"loft-{len(self.server.arrived)}-q"
        self.server.arrived.append(Arrival(line, id if fate is Fate.ACCEPT else None))
        if fate is Fate.SILENT:
            self.server.closing.wait(20)
        if fate in (Fate.SILENT, Fate.RESET):
            raise ConnectionError
        words = {Fate.REFUSE: "NEVER", Fate.BUSY: "LATER", Fate.LOCKED_OUT: "WHO", Fate.BROKEN: "OH"}
        self.wfile.write(f"{words.get(fate) or f'OK {id}'}\r\n".encode())


class LoftProvider(Provider):
    def __init__(self) -> None:
        self.loft = Loft()
        self.deaf: Deaf | None = None
        self.loft.handle_error = lambda request, address: None  # type: ignore[method-assign] # they hang up

    def __enter__(self) -> Self:
        threading.Thread(target=self.loft.serve_forever, args=(0.01,), name="standin", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loft.closing.set()
        self.loft.shutdown()
        self.loft.server_close()
        if self.deaf is not None:
            self.deaf.close()

    @property
    def url(self) -> str:
        return f"loft://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        if self.deaf is not None:
            return self.deaf.port
        return int(self.loft.server_address[1])

    @property
    def arrived(self) -> list[Arrival]:
        return list(self.loft.arrived)

    def be(self, fate: Fate) -> bool:
        self.loft.fate = fate
        if fate is Fate.DEAF:
            self.deaf = Deaf()
            return self.deaf.fill()
        return fate in (
            Fate.ACCEPT,
            Fate.REFUSE,
            Fate.BUSY,
            Fate.LOCKED_OUT,
            Fate.BROKEN,
            Fate.RESET,
            Fate.SILENT,
        )


class LinesContract(AdapterContract):
    """For pigeons that read."""

    hurry = 0.3

    def provider(self) -> LoftProvider:
        return LoftProvider()

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        assert isinstance(provider, LoftProvider)
        return {"host": "127.0.0.1", "port": provider.port, "token": TOKEN}
