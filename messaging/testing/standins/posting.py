"""What a provider posts to its customer's address: one after the other, by a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from messaging.errors import InputError

#: Seconds that an answer may take, as SendGrid waits; and between tries.
_TIMEOUT = 10.0
_PAUSE = 0.2


class Posted(NamedTuple):
    """One try: the answer's status, or None if there was none."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    status: int | None


class Poster:
    """Posts in the background; `wait` for it."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[str, bytes, Mapping[str, str], int] | None] = queue.SimpleQueue()
        self._left = threading.Condition()
        self._waiting = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        #: Every try, the last thousand.
        self.posted: deque[Posted] = deque(maxlen=1000)

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, tries: int = 1) -> None:
        """Post `body` soon; again until it is answered with 2xx, at most `tries` times."""
        with self._left:
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="standin-posts", daemon=True)
                self._thread.start()
        self._queue.put((url, body, headers, tries))

    def wait(self, timeout: float = 10.0) -> bool:
        """Until everything is posted or given up; False if that takes longer."""
        with self._left:
            return self._left.wait_for(lambda: self._waiting == 0, timeout)

    def close(self) -> None:
        """Post nothing more."""
        self._closed.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None and not self._closed.is_set():
            url, body, headers, tries = job
            for attempt in range(tries):
                status = _post(url, body, headers)
                self.posted.append(Posted(url, body, headers, status))
                done = status is not None and 200 <= status < 300
                if done or attempt + 1 == tries or self._closed.wait(_PAUSE * 2**attempt):
                    break
            with self._left:
                self._waiting -= 1
                self._left.notify_all()


def checked_url(url: str, what: str) -> str:
    """An address to post to.

    Raises:
        InputError: it is none.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(
            f"{what}: {url!r} is no address", hint="write it like http://127.0.0.1:8400/callbacks/sendgrid"
        )
    return url


class _StayHere(HTTPRedirectHandler):
    """No provider follows a redirect: the signature is for this address."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


_OPENER = build_opener(ProxyHandler({}), _StayHere())


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int | None:
    request = Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - checked by checked_url
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as answer:
            answer.read(100_000)
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None
