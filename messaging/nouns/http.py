"""Requests to others, as plugins see them: one client for the whole project, and what it answers."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from messaging.errors import InputError, NotSent

#: Who asks to wait longer asks for "never"; the core waits less anyway (`[sending] backoff_max`).
_LONGEST_WAIT = timedelta(days=365)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What somebody answered, whatever its status: a redirect is an answer too, and is not followed."""

    status: int
    #: Names in lower case; the values of a repeated one are joined by `, `.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: The body is not all of it: it was too long, took too long, or broke off.
    cut: bool = False

    def header(self, name: str) -> str:
        """A header's value, in whichever case its name is written; empty if it is not there."""
        return self.headers.get(name.lower(), "")

    def json(self) -> Any:
        """The body, read as JSON.

        Raises:
            InputError: it is not JSON, or not all of it came.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise InputError("the answer is not JSON") from None

    @property
    def turned_away(self) -> bool:
        """Whether the request was surely not taken, and others may be later: 429, or a 503 that says when.

        Whoever sends `Retry-After`, whatever it says, has turned the request away (RFC 9110 10.2.3). A 503 without one
        may as well be a gateway's that passed the request on and lost the connection before the answer.
        """
        return self.status == 429 or (self.status == 503 and "retry-after" in self.headers)

    def retry_after(self, *, now: float | None = None) -> timedelta | None:
        """How long to wait before another try: `Retry-After` (RFC 9110 10.2.3), seconds or a date; at most a year.

        However many digits the seconds have; a fraction, which the RFC does not know, is read too. A date that is past
        is no wait. None if it says nothing that can be read, as a wait below zero. `now` is the real time in Unix
        seconds.
        """
        text = self.header("Retry-After").strip()
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
            seconds = float(text)
        else:
            try:
                when = parsedate_to_datetime(text)
            except (ValueError, OverflowError):
                return None
            seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
            seconds -= time.time() if now is None else now
        return timedelta(seconds=max(0.0, min(seconds, _LONGEST_WAIT.total_seconds())))


class HttpClient(ABC):
    """The way out, for adapters and sources (`context.http`). Thread-safe; connections are kept for the next request.

    It reaches public addresses by https only, unless `[outgoing]` allows more; connects to the very address it has
    checked; follows no redirect; bounds time and size. It does not retry.
    """

    @abstractmethod
    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float | None = None,
        limit: int | None = None,
        trusted: bool = False,
    ) -> HttpAnswer:
        """Ask once.

        Args:
            timeout: seconds for all of it, from the look-up of the name to the last byte of the answer.
            limit: bytes of the answer's body that are wanted; a longer one is cut.
            trusted: the url is the operator's own word, from the settings: it may be private, and http. Never for one
                that a customer, an event or a template has a say in.

        Raises:
            AddressRefused: we do not go there: nothing was sent, nor will it be another time.
            NotSent: the request surely did not arrive.
            Unanswered: it left, and no answer came.
            AdapterUnusable: our own certificates (`[outgoing] ca_file`) cannot be read; nothing was sent to anybody.
        """

    def close(self) -> None:  # noqa: B027 - one that keeps nothing has nothing to close
        """Give back connections."""


class Offline(HttpClient):
    """What an adapter has that is made outside of a workspace."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float | None = None,
        limit: int | None = None,
        trusted: bool = False,
    ) -> HttpAnswer:
        raise NotSent("there is no way out from here", hint="give the context an http client")
