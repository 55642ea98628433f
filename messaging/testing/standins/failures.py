"""How a stand-in fails when it is told to: the next requests, or a share of all."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from messaging.errors import InputError

#: What `retry_after` may say instead of a value of its own.
_RETRY_AFTER: dict[str, Callable[[], str]] = {
    "seconds": lambda: "2",
    "date": lambda: formatdate(time.time() + 2, usegmt=True),
    "nonsense": lambda: "soon",
    "negative": lambda: "-5",
    "huge": lambda: "99999999999999999999",
}


class Failure(BaseModel):
    """One way to fail. `times` requests do, or `share` of all until it is mended."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: `status`: this answer. `reset`: the connection is torn down. `silence`: no answer, then it is. `drip`: the right
    #: answer, a byte at a time. What else a stand-in can do, its own page says.
    kind: str = "status"
    status: int = Field(503, ge=300, le=599)
    #: Before anything was read and taken, or after the request was accepted as if all were well.
    when: Literal["before", "after"] = "before"
    times: int = Field(1, ge=1)
    #: Each request fails with this probability; drawn with `seed`.
    share: float | None = Field(None, gt=0, le=1)
    seed: int = 0
    #: The Retry-After header: `seconds`, `date`, `nonsense`, `negative`, `huge`, or any text; `missing`: none.
    retry_after: str = "missing"
    #: The X-RateLimit-Reset header: in so many seconds.
    reset_in: int | None = None
    #: How long `silence` and `drip` take, and how long a webhook's answer waits.
    seconds: float = Field(5.0, ge=0, le=3600)
    #: Where a 3xx leads.
    location: str | None = None
    #: SMTP: at which command (`connect`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `content`), and the answer there. What drips:
    #: all of an answer, or its `body`.
    at: str = "content"
    answer: str = "451 4.3.0 try again later"

    def headers(self) -> dict[str, str]:
        """What a failing answer says about when to come back, and where to."""
        found = {}
        if self.retry_after != "missing":
            word = _RETRY_AFTER.get(self.retry_after)
            found["Retry-After"] = self.retry_after if word is None else word()
        if self.reset_in is not None:
            found["X-RateLimit-Limit"] = "600"
            found["X-RateLimit-Remaining"] = "0"
            found["X-RateLimit-Reset"] = str(int(time.time()) + self.reset_in)
        if self.location is not None:
            found["Location"] = self.location
        return found


class Failures:
    """What is to fail: told by `add`, asked by `take`. Safe to use from several threads."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._kinds = kinds
        self._lock = threading.Lock()
        self._planned: list[tuple[Failure, list[int], random.Random]] = []

    def add(self, told: dict[str, Any]) -> Failure:
        """Fail so from now on.

        Raises:
            InputError: this cannot be done.
        """
        try:
            failure = Failure(**told)
        except (ValidationError, TypeError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
            where = ".".join(str(part) for part in first["loc"])
            raise InputError(f"no such failure: {where}: {first['msg']}") from None
        if failure.kind not in self._kinds:
            raise InputError(f"no failure of kind {failure.kind!r}", hint=f"there are {', '.join(sorted(self._kinds))}")
        with self._lock:
            self._planned.append((failure, [failure.times], random.Random(failure.seed)))
        return failure

    def take(self, *kinds: str, at: str | None = None) -> Failure | None:
        """How this one is to fail, if at all: the first that was told and is still due."""
        with self._lock:
            for planned in self._planned:
                failure, left, chance = planned
                if failure.kind not in kinds or (at is not None and failure.at.upper() != at.upper()):
                    continue
                if failure.share is not None:
                    if chance.random() >= failure.share:
                        continue
                else:
                    left[0] -= 1
                    if not left[0]:
                        self._planned.remove(planned)
                return failure
        return None

    def standing(self, kind: str) -> Failure | None:
        """A failure of that kind that stands until it is mended, whatever its `times`."""
        with self._lock:
            return next((failure for failure, _, _ in self._planned if failure.kind == kind), None)

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._planned.clear()
