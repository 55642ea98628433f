"""A server in a thread that stops at once: `serve_forever` would look up only every so often."""

from __future__ import annotations

import socket
import socketserver
import threading
from typing import Any

#: Seconds in which the server itself can be reached.
_NEAR = 1.0


class Stoppable(socketserver.TCPServer):
    """Serves in a thread of its own from `begin` to `end`."""

    def __init__(self, *where: Any) -> None:
        #: It is to end: whoever waits on it for long hears so.
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None
        super().__init__(*where)

    def begin(self, name: str) -> None:
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Hang up on everybody. Nothing runs or is open afterwards."""
        self.stopping.set()
        try:
            socket.create_connection(self.socket.getsockname()[:2], _NEAR).close()
        except OSError:
            pass  # so many wait to be let in that it is awake anyway
        if self._thread is not None:
            self._thread.join()
        self.hang_up()
        self.server_close()

    def hang_up(self) -> None:
        """End the conversations that are under way."""

    def _serve(self) -> None:
        while not self.stopping.is_set():
            self.handle_request()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self.stopping.is_set()
