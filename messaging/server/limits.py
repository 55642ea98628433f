"""Bounds on what comes in from outside."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request

from messaging.errors import InputError

#: Clients that are counted at once, and characters of an address: what counting may take of memory.
_CLIENTS = 100_000
_ADDRESS = 45
#: How long a body may take to come, in seconds.
BODY_SECONDS = 20.0


class TooSlow(InputError):
    """A request's body does not come."""

    status = 408


class TooLarge(InputError):
    """A request's body is larger than it may be."""

    status = 413


async def read_body(request: Request, limit: int) -> bytes:
    """The body, if it has at most `limit` bytes; what says that it is longer is not read at all.

    Raises:
        TooLarge: it is longer.
        TooSlow: it is not there in time, or broken off.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and len(announced) < 20 and int(announced) > limit:
        raise TooLarge(f"the body is larger than {limit} bytes")
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"the body is larger than {limit} bytes")
                chunks.append(chunk)
    except TimeoutError:
        raise TooSlow(f"the body was not there within {BODY_SECONDS:g} s") from None
    except ClientDisconnect:
        raise TooSlow("the body was broken off") from None
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
        minute = int(self._monotonic() // 60)
        if minute != self._minute or len(self._failed) > _CLIENTS:
            self._minute = minute
            self._failed.clear()
        # A proxy may pass on as an address whatever it was told: as much as an address has.
        client = client[:_ADDRESS]
        self._failed[client] += 1
        return self._failed[client] > self._limit


def client_of(request: Request) -> str:
    """Who asks, as far as that is known."""
    return request.client.host if request.client else ""
