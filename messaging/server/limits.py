"""Bounds on what comes in from outside."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from starlette.requests import Request

from messaging.errors import InputError


class TooLarge(InputError):
    """A request's body is larger than it may be."""

    status = 413


async def read_body(request: Request, limit: int) -> bytes:
    """The body, if it has at most `limit` bytes; what says that it is longer is not read at all.

    Raises:
        TooLarge: it is longer.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class Attempts:
    """Failed attempts of each client in the running minute."""

    def __init__(self, limit: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._minute = 0
        self._failed: Counter[str] = Counter()

    def fail(self, client: str) -> bool:
        """Count a failure of `client`; whether it has had too many."""
        self._turn()
        self._failed[client] += 1
        return self._failed[client] > self._limit

    def too_many(self, client: str) -> bool:
        """Whether `client` must wait for the next minute."""
        self._turn()
        return self._failed[client] >= self._limit

    def _turn(self) -> None:
        minute = int(self._monotonic() // 60)
        if minute != self._minute or len(self._failed) > 100_000:
            self._minute = minute
            self._failed.clear()


def client_of(request: Request) -> str:
    """Who asks, as far as that is known."""
    return request.client.host if request.client else ""
