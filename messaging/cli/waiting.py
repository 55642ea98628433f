"""What a person is told while a campaign waits: for what, until when, and what they can do."""

from __future__ import annotations

import time
from collections.abc import Callable

from messaging.cli.common import counted, say
from messaging.services.dispatching import Wait

#: The same is said again when it is this old, in seconds: each message waits for a time of its own.
AGAIN = 60.0


def teller(seconds: Callable[[], float] = time.monotonic) -> Callable[[Wait], None]:
    """Says it, one line for each cause and not more than one a minute."""
    told: dict[tuple[str, str | None], float] = {}

    def tell(wait: Wait) -> None:
        key, now = (wait.campaign, wait.reason if wait.until else ""), seconds()
        if key not in told or now - told[key] >= AGAIN:
            told[key] = now
            say(_line(wait))

    return tell


def _line(wait: Wait) -> str:
    number = counted(wait.messages, "message")
    stop = f"Ctrl-C stops here; messaging campaigns send {wait.campaign} goes on later."
    if wait.until is None:
        return f"Another process sends the last {number} of {wait.campaign}: waiting for it. {stop}"
    why = f" ({wait.reason})" if wait.reason else ""
    return f"Waiting with {number} of {wait.campaign}{why}; next try at {wait.until:%H:%M:%S} UTC. {stop}"
