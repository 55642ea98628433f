"""When an adapter is left alone because its provider takes nothing: a circuit breaker, as one pure function.

Failures of whole hand-overs in a row make it *rest*, each time longer. After a rest one worker tries it with a few
messages (the trial); a success ends it all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from messaging.nouns.documents import Document, time_from_text, time_to_text, without_empty
from messaging.rules.retry import backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When an adapter rests, and how long."""

    #: Whole hand-overs in a row that fail before it does.
    failures: int = 3
    #: The first rest; each further one is twice as long, with jitter.
    first: timedelta = timedelta(seconds=30)
    #: The longest, also when a provider asks for more.
    longest: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What hand-overs in a row said of an adapter. There is none for one that is well."""

    #: Hand-overs in a row that failed.
    failures: int = 0
    #: Rests since it last took anything.
    rests: int = 0
    #: When the first of these rests began, and the last ends; None: it does not rest (yet).
    since: datetime | None = None
    until: datetime | None = None
    #: Why it failed last, for a person: without addresses and secrets.
    reason: str = ""
    #: The worker that tries it.
    trial: str | None = None

    def to_document(self) -> Document:
        """For the store."""
        return without_empty(
            {
                "failures": self.failures or None,
                "rests": self.rests or None,
                "since": time_to_text(self.since),
                "until": time_to_text(self.until),
                "reason": self.reason,
                "trial": self.trial,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Rest:
        times = {name: time_from_text(document.get(name)) for name in ("since", "until")}
        return cls(**{**document, **times})


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What a hand-over as a whole says of its adapter."""

    #: The provider took something, or refused it for good: it answers.
    well: bool
    #: The adapter itself failed (it is refused, raises, hangs): the next hand-over would fare no better.
    at_once: bool = False
    #: How long the provider asks to be left alone (`Retry-After`).
    asked: timedelta | None = None
    #: Why, if it is not well.
    reason: str = ""


def is_resting(rest: Rest | None, now: datetime, limits: Limits) -> bool:
    """Whether nothing is to be handed over.

    An end further off than any rest is was told by a clock that goes wrong: it counts for nothing.
    """
    return rest is not None and rest.until is not None and now < rest.until <= now + limits.longest


def after(name: str, rest: Rest | None, took: Took, now: datetime, limits: Limits) -> Rest | None:
    """What is known of the adapter `name` after one more hand-over; None: it is well.

    What was still under way when a rest began changes nothing of it, unless the provider asks for more.
    """
    before = rest or Rest()
    resting = is_resting(rest, now, limits)
    asked = None if took.asked is None else min(max(took.asked, timedelta()), limits.longest)
    if resting:
        if asked is None or before.until is None or now + asked <= before.until:
            return rest
        return replace(before, until=now + asked, reason=took.reason or before.reason)
    if took.well and not asked:
        return None
    failures = 0 if took.well else before.failures + 1
    if took.well and asked:
        return Rest(since=now, until=now + asked, reason=took.reason)
    if not (took.at_once or asked or before.until is not None or failures >= limits.failures):
        return Rest(failures=failures, reason=took.reason)
    rests = before.rests + 1
    # Drawn anew for each rest, and the same again in a run with the same inputs.
    wait = backoff(f"{name} {now.isoformat()}", rests, first=limits.first, longest=limits.longest, asked=asked)
    return Rest(
        failures=failures, rests=rests, since=before.since or now, until=now + wait, reason=took.reason, trial=None
    )
