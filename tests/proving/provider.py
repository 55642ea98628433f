"""The provider's stand-in, in the process that breaks all others: what it took, what it refused, whom it left in doubt."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from messaging.nouns.request import Request
from messaging.testing.standins import SendGridStandIn
from messaging.testing.standins.failures import Failure
from messaging.testing.standins.http import Answer
from messaging.testing.standins.sendgrid_rules import Problem
from tests.proving.services import free_port, until

#: How long a failure waits for a request to strike, in seconds.
LURK = 20.0
#: An answer that took so long may have come when nobody waited for it any more, and one that is so young may not have
#: come when the connection was cut, in seconds.
SLOW, YOUNG = 2.0, 1.0
#: How long an answer is held back at most, and how long others have to come into the same case, in seconds.
HOLD, JOIN = 2.0, 0.3


class Provider(SendGridStandIn):
    """Keeps when it accepted what, for whom."""

    def __init__(self) -> None:
        super().__init__(port=free_port(), keep_last=1)
        #: Message ids in the order they were accepted, with the moment.
        self.ledger: list[tuple[str, float]] = []
        #: Ids of messages whose sender was not told, or may not have been, what became of them.
        self.doubtful: set[str] = set()
        #: Addresses that it once said are none.
        self.refused: set[str] = set()
        #: Requests that a failure has struck.
        self.struck = 0
        #: It takes nothing of what it fails over.
        self._deaf = False
        self._leaving = False
        #: Set while answers go out at once; and how many wait.
        self._prompt = threading.Event()
        self._prompt.set()
        self._held = 0
        self._here = threading.local()
        #: Who was in the last requests, and when they were answered.
        self._answered: deque[tuple[float, list[str]]] = deque(maxlen=50)

    @property
    def port(self) -> int:
        return self._server.port

    def keep(self, message: dict[str, Any]) -> None:
        super().keep(message)
        self.ledger.append((str(message["custom_args"]["message_id"]), time.monotonic()))

    def failure(self, path: str) -> Failure | None:
        failure = self._here.failure = super().failure(path)
        if failure is not None:
            self.struck += 1
        return failure

    def respond(self, method: str, request: Request) -> Answer:
        begun, failure = time.monotonic(), self._here.failure
        answer = Answer() if failure is not None and self._deaf else super().respond(method, request)
        ids, now = _ids(request.body), time.monotonic()
        self._answered.append((now, ids))
        if not self._prompt.is_set():
            with self._lock:
                self._held += 1
            self._prompt.wait(HOLD)
        if failure is not None or self._leaving or now - begun > SLOW:
            self.doubtful.update(ids)
        return answer

    def _refused(self, mail: Mapping[str, Any]) -> list[Problem]:
        found = super()._refused(mail)
        self.struck += bool(found)
        for problem in found:
            _, number, _, index, _ = str(problem.field).split(".")
            self.refused.add(mail["personalizations"][int(number)]["to"][int(index)]["email"])
        return found

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Whoever sends has a request in hand that was accepted and is not answered yet."""
        self._held = 0
        self._prompt.clear()
        self._wait(lambda: self._held)
        time.sleep(JOIN)
        try:
            yield
        finally:
            self._prompt.set()

    # What can be done to it; each says how many requests, or connections, it struck.

    def fail_next(self, kind: str = "status", *, deaf: bool = False, **how: Any) -> int:
        """Fail so, and wait until it has: nothing may be on its way for a moment. `deaf`: nothing is taken meanwhile."""
        before, self._deaf = self.struck, deaf
        self.fail(kind, **how)
        self._wait(lambda: self._failures.standing(kind) is None)
        self.mend()
        return self.struck - before

    def refuse_some(self, seed: int) -> int:
        """Every fiftieth address is refused, and the rest of its request with it, until that has struck somebody."""
        before = self.struck
        self.fail("refuse", share=0.02, seed=seed)
        time.sleep(1.0)  # so long at least: several requests
        self._wait(lambda: self.struck > before)
        self.mend()
        return self.struck - before

    def refuse_connections(self, seconds: float) -> int:
        """Nobody listens, for so long."""
        port, cut = self.port, self._connections()
        self._leaving = True
        young = time.monotonic() - YOUNG
        self.doubtful.update(id for at, ids in list(self._answered) if at > young for id in ids)
        self._server.stop()
        time.sleep(seconds)
        until(lambda: self._listens(port), 20, "the provider's port")
        self._leaving = False
        return cut

    def _connections(self) -> int:
        here = f"0100007F:{self.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        return sum(row[1] == here and row[3] == "01" for row in rows)

    def _wait(self, true: Callable[[], object]) -> None:
        end = time.monotonic() + LURK
        while not true() and time.monotonic() < end:
            time.sleep(0.02)

    def _listens(self, port: int) -> bool:
        try:
            self._server.start()
        except Exception:  # its port is still waited for
            return False
        return True


def _ids(body: bytes) -> list[str]:
    """Whom a request is about."""
    mail = orjson.loads(body) if body else {}
    of_all = mail.get("custom_args", {})
    return [str({**of_all, **one.get("custom_args", {})}["message_id"]) for one in mail.get("personalizations", ())]
