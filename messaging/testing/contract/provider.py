"""What stands where an adapter's provider would: it keeps all that arrives, and answers as it is told."""

from __future__ import annotations

import errno
import re
import selectors
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from typing import Protocol, Self
from urllib.parse import urlsplit

import orjson

from messaging.errors import InputError
from messaging.nouns.request import Request
from messaging.testing.contract.reading import says
from messaging.testing.standins.certificate import server_context
from messaging.testing.standins.failures import Failure
from messaging.testing.standins.http import Answer, HTTPServer, as_json


class Fate(StrEnum):
    """What becomes of whatever is handed over from now on."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # this message, for good
    BUSY = "busy"  # not now, try again
    LOCKED_OUT = "locked out"  # the key is wrong: nothing of ours is taken
    BROKEN = "broken"  # an error of its own: whether it took the message nobody knows
    RESET = "reset"  # it has read all, and hangs up without an answer
    SILENT = "silent"  # it has read all, and never answers
    DRIP = "dripping"  # it has read all, and answers a byte at a time, for longer than anybody may wait
    DEAF = "deaf"  # nobody takes the connection, and nobody refuses it; for what is opened from now on
    IMPOSTOR = "an impostor"  # it shows a certificate that nobody vouches for; to what is opened from now on
    ODD = "odd"  # it took it, and says so in a way nobody expects


#: Seconds between two bytes of an answer that drips: no wait for one is ever long.
_DROP = 0.2
#: Bytes of an answer's head, about.
_HEAD = 80
#: What keys are called in an answer that lends one.
_KEY = re.compile(r"(token|secret|key|ticket)$", re.IGNORECASE)
_RESET = Failure.model_validate({"kind": "reset", "when": "after"})
_SILENCE = Failure.model_validate({"kind": "silence", "when": "after", "seconds": 60})
#: Who waits at a deaf port, at most; seconds after which one counts as waiting.
_CROWD = 16
_AT_ONCE = 0.1
_NOBODYS = Request(url="http://127.0.0.1/", body=b"{}", received_at=datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Arrival:
    """One try to hand something over, whatever was answered."""

    #: As it came: start line, headers and body; of mail, the content.
    raw: bytes
    #: What the provider calls it, if it took it.
    id: str | None = None
    request: Request | None = None


class Deaf:
    """A port of this machine that neither takes a connection nor refuses it, as behind a firewall."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(0)
        self.port = int(self._socket.getsockname()[1])
        self._waiting: list[socket.socket] = []

    def fill(self) -> bool:
        """Let so many wait to be let in that no more can; False on systems that refuse the next one, or take any."""
        while len(self._waiting) < _CROWD:
            line = socket.socket()
            self._waiting.append(line)
            line.setblocking(False)
            error = line.connect_ex(("127.0.0.1", self.port))
            if error not in (0, errno.EINPROGRESS):
                return False
            if error and not _let_in(line):
                return True
        return False

    def close(self) -> None:
        for line in (self._socket, *self._waiting):
            line.close()


def _let_in(line: socket.socket) -> bool:
    with selectors.DefaultSelector() as selector:  # select() itself takes no file beyond the 1024th
        selector.register(line, selectors.EVENT_WRITE)
        return bool(selector.select(_AT_ONCE))


class Provider(ABC):
    """A provider on this machine, for as long as its context lasts. `HttpProvider` is one; write another for an
    adapter that speaks another protocol."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...

    @property
    @abstractmethod
    def url(self) -> str:
        """For settings."""

    @property
    def asked_for(self) -> bool:
        """Whether the adapter's settings lead here."""
        return True

    @property
    @abstractmethod
    def arrived(self) -> list[Arrival]:
        """Everything so far, oldest first."""

    @abstractmethod
    def be(self, fate: Fate) -> bool:
        """From now on; False if it is never so."""


class Script(Protocol):
    """How an HTTP provider answers; an adapter's contract says it. None: it has no such answer."""

    def aside(self, request: Request) -> Answer | None: ...
    def accepted(self, request: Request, id: str) -> Answer: ...
    def refused(self, request: Request) -> Answer | None: ...
    def busy(self, request: Request) -> Answer | None: ...
    def locked_out(self, request: Request) -> Answer | None: ...
    def broken(self, request: Request) -> Answer | None: ...
    def partly(self, request: Request, bad: Collection[str], id: str) -> Answer | None: ...
    def looked_up(self, request: Request, id: str | None) -> Answer | None: ...


class HttpProvider(Provider):
    """Takes any request to any address."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._server = HTTPServer("127.0.0.1", 0, self)
        self._arrived: list[Arrival] = []
        self._changed = threading.Condition()
        self._numbers = count(1)
        self._fate = Fate.ACCEPT
        self._then: tuple[int, Fate] | None = None
        self._held_from: int | None = None
        self._until = 0.0
        self._asked_for = False
        self._deaf: Deaf | None = None
        self._impostor: HTTPServer | None = None
        #: While something is looked up: what it is known as, or `None` in it.
        self.looking: tuple[str | None] | None = None
        #: Addresses that are refused, whatever becomes of the others, by how they stand in a request.
        self.bad: Mapping[str, str] = {}
        #: How it answers when it is odd.
        self.odd = Answer(status=202)
        #: Answers wait until so many requests are there, or half a second has gone.
        self.together = 1
        #: The first so many requests are answered backwards, if they are there together.
        self.backwards = 0
        #: What of an answer drips: "all" of it, or its "body".
        self.drips = "all"
        #: Called while whoever asks waits for an answer.
        self.watch: Callable[[], None] = lambda: None
        #: Words that were given for later requests, and are as secret as those in settings.
        self.lent: set[str] = set()

    @property
    def url(self) -> str:
        self._asked_for = True
        if self._fate is Fate.DEAF and self._deaf is not None:
            return f"http://127.0.0.1:{self._deaf.port}"
        if self._fate is Fate.IMPOSTOR and self._impostor is not None:
            return self._impostor.url
        return self._server.url

    @property
    def asked_for(self) -> bool:
        return self._asked_for

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.stop()
        if self._deaf is not None:
            self._deaf.close()
        if self._impostor is not None:
            self._impostor.stop()

    @property
    def arrived(self) -> list[Arrival]:
        with self._changed:
            return list(self._arrived)

    def be(self, fate: Fate) -> bool:
        self._fate, self._then = fate, None
        if fate is Fate.DEAF:
            self._deaf = self._deaf or Deaf()
            return self._deaf.fill()
        if fate is Fate.IMPOSTOR:
            return self._pose()
        answer = self._answers().get(fate)
        try:
            return answer is None or answer(_NOBODYS) is not None
        except Exception:  # it reads the request, so it has an answer
            return True

    def _pose(self) -> bool:
        """Listen by TLS, too."""
        if self._impostor is None:
            try:
                context, _ = server_context("127.0.0.1")
            except InputError:
                return False  # what makes certificates is not installed
            self._impostor = HTTPServer("127.0.0.1", 0, self, context)
            self._impostor.start()
        return True

    def turn(self, fate: Fate, after: int) -> None:
        """Be so from the request on that comes behind the next `after`."""
        with self._changed:
            self._then = (len(self._arrived) + after, fate)

    def _answers(self) -> dict[Fate, Callable[[Request], Answer | None]]:
        script = self._script
        return {
            Fate.REFUSE: script.refused,
            Fate.BUSY: script.busy,
            Fate.LOCKED_OUT: script.locked_out,
            Fate.BROKEN: script.broken,
        }

    def hold(self, first: int) -> None:
        """Answer the next `first` requests, and let the others wait until `release`, or three seconds from now."""
        with self._changed:
            self._until = time.monotonic() + 3.0
            self._held_from = len(self._arrived) + first

    def release(self) -> None:
        with self._changed:
            self._held_from = None
            self._changed.notify_all()

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    # What the server asks

    def respond(self, method: str, request: Request) -> Answer:
        answer = self._script.aside(request)
        if answer is not None:
            self.lent.update(_tokens(answer))
            return answer
        if self.looking is not None:
            found = self._script.looked_up(request, self.looking[0]) or self.failing(404)
            return self._told(found, self._fate, request)
        self.watch()
        id = f"prov-{next(self._numbers):06}-q"
        raw = _raw(method, request)
        bad = [address for shown, address in self.bad.items() if says(raw, shown)]
        with self._changed:
            number = len(self._arrived)
            fate = self._then[1] if self._then is not None and number >= self._then[0] else self._fate
            self._arrived.append(Arrival(raw, id if fate in (Fate.ACCEPT, Fate.ODD) else None, request))
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._held_from is None or number < self._held_from, self._left())
            if number < self.backwards:
                if self._changed.wait_for(lambda: len(self._arrived) >= self.backwards, 0.25):
                    self._changed.wait_for(lambda: False, 0.06 * (self.backwards - number))
                else:
                    self.backwards = 0  # they come one by one
            if self.together > 1:
                full = number - number % self.together + self.together
                self._changed.wait_for(lambda: len(self._arrived) >= full, 0.5)
        if bad:
            return self._script.partly(request, bad, id) or self._script.refused(request) or self.failing(422)
        return self._told(self._script.accepted(request, id), fate, request)

    def _told(self, answer: Answer, fate: Fate, request: Request) -> Answer:
        """What is told by one who is so, instead of a good answer."""
        other = self._answers().get(fate)
        if other is not None:
            return other(request) or self.failing(500)
        if fate is Fate.ODD:
            return self.odd
        if fate is Fate.RESET:
            return replace(answer, failure=_RESET)
        if fate is Fate.SILENT:
            return replace(answer, failure=_SILENCE)
        if fate is Fate.DRIP:
            seconds = _DROP * (len(answer.body) + (_HEAD if self.drips == "all" else 0))
            slow = {"kind": "drip", "when": "after", "at": self.drips, "seconds": min(seconds, 3600)}
            return replace(answer, failure=Failure.model_validate(slow))
        return answer

    def failure(self, path: str) -> Failure | None:
        return None  # an answer says itself how it fails

    def failing(self, status: int) -> Answer:
        return as_json({"error": "no"}, status)


def _tokens(answer: Answer) -> list[str]:
    """The keys to later requests that an answer in JSON lends."""
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(told, dict):
        return []
    return [value for name, value in told.items() if isinstance(value, str) and _KEY.search(name)]


def _raw(method: str, request: Request) -> bytes:
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items()), "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + request.body
