"""When to try again."""

from __future__ import annotations

import random
from datetime import timedelta
from hashlib import blake2b

#: What a row says, to the end, whose message was handed over again though an answer had been lost.
TWICE = "it may arrive twice"


def still_said(before: str | None, reason: str | None) -> str | None:
    """The next `reason` of a row that says `before`: that its message may arrive twice stays said."""
    if TWICE not in (before or "") or TWICE in (reason or ""):
        return reason
    return f"{reason}; {TWICE}" if reason else TWICE


def backoff(
    message_id: str, attempt: int, *, first: timedelta, longest: timedelta, asked: timedelta | None = None
) -> timedelta:
    """How long to wait after hand-over number `attempt` (from 1) was turned away for now.

    Doubles from `first`, with full jitter over its upper half so that a batch turned away together does not come back
    together. What the provider `asked` for is the least, `longest` the most. The jitter is drawn from the message's
    id: a run with the same inputs repeats exactly.
    """
    seed = blake2b(f"{message_id}:{attempt}".encode(), digest_size=8).digest()
    wait: timedelta = first * 2 ** min(attempt - 1, 32) * random.Random(seed).uniform(0.5, 1.0)
    if asked is not None and asked > wait:
        wait = asked
    return min(max(wait, timedelta(0)), longest)
