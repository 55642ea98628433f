"""What all stand-ins have in common: a server in threads, what they kept, and being told to fail."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypedDict, Unpack
from urllib.parse import urlsplit

from messaging.errors import InputError, MessagingError, NotFound
from messaging.nouns.request import Request
from messaging.testing.standins.failures import Failure, Failures
from messaging.testing.standins.http import Answer, HTTPServer, as_json

#: Messages that are kept; older ones are forgotten, but counted.
KEPT = 10_000
_PAGE = 100


class Where(TypedDict, total=False):
    """What every stand-in can be given."""

    #: Where it listens: by default 127.0.0.1.
    host: str
    #: 0, the default, takes any that is free.
    port: int
    #: How many messages are kept: by default 10,000.
    keep_last: int


class StandIn:
    """A provider on this machine: `with SendGridStandIn() as provider: …`, or `start` and `stop`.

    Beside the provider's own requests it answers `GET /messages`, `DELETE /messages`, `POST /_control/fail`,
    `DELETE /_control/fail`, and what else the provider can be made to do below `/_control/`.
    """

    #: What the command line calls it.
    name: ClassVar[str]
    #: How it can fail.
    kinds: ClassVar[frozenset[str]] = frozenset({"status", "reset", "silence", "drip"})

    def __init__(self, **where: Unpack[Where]) -> None:
        self.host = where.get("host", "127.0.0.1")
        self._server = HTTPServer(self.host, where.get("port", 0), self)
        self._failures = Failures(self.kinds)
        self._lock = threading.Lock()
        self._kept: deque[dict[str, Any]] = deque(maxlen=where.get("keep_last", KEPT))
        #: Messages accepted since it started or was cleared.
        self.count = 0
        #: Method, path and size of the body of each of the provider's requests that was read.
        self.requests: deque[tuple[str, str, int]] = deque(maxlen=KEPT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen.

        Raises:
            InputError: the port is taken.
        """
        self._server.start()

    def stop(self) -> None:
        """Hang up on everybody."""
        self._server.stop()

    @property
    def url(self) -> str:
        """Where it answers: `http://127.0.0.1:4010`."""
        return self._server.url

    @property
    def messages(self) -> list[dict[str, Any]]:
        """What was accepted, oldest first."""
        with self._lock:
            return list(self._kept)

    def last(self, to: str) -> dict[str, Any]:
        """The last message that was accepted for an address.

        Raises:
            NotFound: there is none.
        """
        for message in reversed(self.messages):
            if message["to"].lower() == to.lower():
                return dict(message)
        raise NotFound(f"nothing was sent to {to}")

    def fail(self, kind: str = "status", **how: Any) -> None:
        """Fail from now on as `Failure` says: `fail(status=429, retry_after="seconds", times=3)`.

        Raises:
            InputError: it cannot fail so.
        """
        self._failures.add({"kind": kind, **how})

    def mend(self) -> None:
        """All is well again."""
        self._failures.clear()

    def clear(self) -> None:
        """Forget what was accepted."""
        with self._lock:
            self._kept.clear()
            self.count = 0
        self.requests.clear()

    def environment(self) -> dict[str, str]:
        """The variables that point an adapter at it."""
        return {}

    def advice(self) -> list[str]:
        """What else a person must know to use it, a line each."""
        return []

    def keep(self, message: dict[str, Any]) -> None:
        """Keep a message that was accepted."""
        with self._lock:
            self._kept.append(message)
            self.count += 1

    def provide(self, method: str, path: str, request: Request) -> Answer:
        """What the provider answers."""
        return self.failing(404)

    def control(self, what: str, told: Mapping[str, Any]) -> Answer:
        """Do what `POST /_control/{what}` asks for.

        Raises:
            InputError: it cannot be done.
        """
        raise InputError(f"there is no /_control/{what}")

    def failing(self, status: int) -> Answer:
        """What the provider says with a status of failure."""
        return as_json({"error": _SAID.get(status, "error")}, status)

    def failure(self, path: str) -> Failure | None:
        """How a request is to fail; those that steer the stand-in never do."""
        if _is_ours(urlsplit(path).path):
            return None
        return self._failures.take("status", "reset", "silence", "drip")

    def respond(self, method: str, request: Request) -> Answer:
        """The answer to any request."""
        path = urlsplit(request.url).path
        try:
            if not _is_ours(path):
                self.requests.append((method, path, len(request.body)))
                return self.provide(method, path, request)
            return self._steer(method, path, request)
        except MessagingError as error:
            return as_json({"error": str(error)}, error.status)
        except Exception as error:
            # No fault of the client's: whoever runs it must see that.
            traceback.print_exc()
            return as_json({"error": f"the stand-in itself failed: {error!r}"}, 500)

    def _steer(self, method: str, path: str, request: Request) -> Answer:
        if (method, path) == ("GET", "/messages"):
            return as_json(self._page(request.query()))
        if (method, path) == ("DELETE", "/messages"):
            self.clear()
        elif (method, path) == ("DELETE", "/_control/fail"):
            self.mend()
        elif method == "POST" and path.startswith("/_control/"):
            told = request.json() if request.body else {}
            if not isinstance(told, dict):
                raise InputError("what to do is told by a JSON object")
            if path == "/_control/fail":
                self._failures.add(told)
                return Answer(status=204)
            try:
                return self.control(path.removeprefix("/_control/"), told)
            except (TypeError, KeyError, AttributeError) as error:
                raise InputError(f"{path} does not understand that: {error}") from None
        else:
            return self.failing(404)
        return Answer(status=204)

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        """`to`: only those to that address; `limit` and `offset`: a part of them, oldest first."""
        numbers = {}
        for name, default in (("limit", _PAGE), ("offset", 0)):
            text = query.get(name, str(default))
            if not (text.isascii() and text.isdigit()) or len(text) > 9:
                raise InputError(f"{name} is not a number: {text!r}")
            numbers[name] = int(text)
        found = [message for message in self.messages if query.get("to") in (None, message["to"])]
        end = numbers["offset"] + numbers["limit"]
        return {
            "accepted": self.count,
            "count": len(found),
            "messages": found[numbers["offset"] : end],
            "next": end if end < len(found) else None,
        }


def _is_ours(path: str) -> bool:
    return path == "/messages" or path.startswith("/_control/")


_SAID = {
    400: "bad request",
    404: "not found",
    411: "length required",
    413: "content too large",
    429: "too many requests",
    500: "internal server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
}
