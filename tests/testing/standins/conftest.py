"""What the tests of the stand-ins share: a request that SendGrid takes, and somewhere for callbacks to go."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from messaging.nouns.request import Request
from messaging.testing.standins import StandIn
from messaging.testing.standins.http import Answer


@pytest.fixture
def mail() -> Callable[..., dict[str, Any]]:
    """A body of `POST /v3/mail/send` to some addresses, and what of it shall be different."""

    def make(*to: str, **changes: Any) -> dict[str, Any]:
        body = {
            "personalizations": [{"to": [{"email": one}]} for one in to or ("ann@example.com",)],
            "from": {"email": "shop@example.com", "name": "Our shop"},
            "subject": "Fresh tea",
            "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": "<p>Hello</p>"}],
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    return make


class Catcher(StandIn):
    """Takes every post, and answers by a list of statuses; the last stays."""

    name = "catcher"

    def __init__(self) -> None:
        super().__init__()
        self.answers = [200]
        self.caught: list[Request] = []

    def provide(self, method: str, path: str, request: Request) -> Answer:
        with self._lock:
            self.caught.append(request)
            return Answer(status=self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


@pytest.fixture
def catcher() -> Iterator[Catcher]:
    """An address that callbacks are posted to."""
    with Catcher() as found:
        yield found


@pytest.fixture
def dial() -> Iterator[Callable[..., socket.socket]]:
    """`dial(provider.url)`: a raw connection to it; it waits five seconds."""
    with ExitStack() as stack:

        def open_one(url: str) -> socket.socket:
            parts = urlsplit(url)
            return stack.enter_context(socket.create_connection((parts.hostname, parts.port), 5))

        yield open_one
