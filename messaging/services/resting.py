"""Adapters that rest, as all processes know it: a small note in the store for each that is not well.

One that is well has none, so that its messages cost nothing but a look at a key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from messaging.clock import Clock
from messaging.errors import AdapterRests
from messaging.nouns.adapter import Adapter, Receipt, Verdict
from messaging.nouns.message import Message, MessageState
from messaging.rules.redacting import redacted
from messaging.rules.resting import Limits, Rest, Took, after, is_resting
from messaging.services.handover import Handover, without_secrets
from messaging.stores.base import Store

log = logging.getLogger("messaging.resting")

#: When a worker that finds another one trying an adapter looks again.
GLANCE = timedelta(seconds=1)
_PREFIX = "rest:"


class Rests:
    """Says whether an adapter may be given anything, and keeps what became of it. May be used from several threads."""

    def __init__(self, store: Store, clock: Clock, limits: Limits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        #: Adapters that something was known of when they were last looked at.
        self._doubtful: set[str] = set()

    def all(self) -> dict[str, Rest]:
        """What is known of those that are not well, by name."""
        notes = self._store.notes(_PREFIX)
        return {key.removeprefix(_PREFIX): Rest.from_document(note) for key, note in notes.items()}

    def resting(self) -> dict[str, Rest]:
        """Those that are given nothing now, or are being tried."""
        return {name: rest for name, rest in self.all().items() if rest.until is not None}

    def of(self, name: str) -> AdapterRests | None:
        """Why the adapter is given nothing now; None if it is."""
        rest, now = self._get(name), self._clock.now()
        return _rests(name, rest, rest.until, now) if rest is not None and rest.until is not None else None

    def begin(self, name: str, worker: str) -> bool:
        """Ask whether `worker` may give the adapter something; True: it is the trial, to be ended by `end`.

        Raises:
            AdapterRests: it rests, or somebody else tries it.
        """
        while True:
            now, rest = self._clock.now(), self._get(name)
            if rest is None or rest.until is None:
                return False
            if is_resting(rest, now, self._limits):
                raise _rests(name, rest, rest.until, now)
            if rest.trial is not None and rest.trial != worker and self._store.is_alive(rest.trial):
                raise _rests(name, rest, now + GLANCE, now)
            if self._swap(name, rest, replace(rest, trial=worker)):
                return True

    def end(self, name: str, worker: str) -> None:
        """The trial of `worker` is over; if it handed nothing over, another one may try."""
        rest = self._get(name)
        if rest is not None and rest.trial == worker:
            self._swap(name, rest, replace(rest, trial=None))

    def record(self, name: str, took: Took) -> AdapterRests | None:
        """Keep what a hand-over said; the answer says so if the adapter rests now."""
        if took.well and took.asked is None and name not in self._doubtful:
            return None
        took = replace(took, reason=redacted(took.reason))
        while True:
            now, rest = self._clock.now(), self._get(name)
            then = after(name, rest, took, now, self._limits)
            if then == rest or self._swap(name, rest, then):
                break
        if then is None and rest is not None and rest.until is not None:
            log.warning("%s takes messages again", name)
        if then is None or then.until is None or not is_resting(then, now, self._limits):
            return None
        return _rests(name, then, then.until, now)

    def forget(self, name: str) -> Rest | None:
        """Let an adapter be used at once; what was known of it."""
        while (rest := self._get(name)) is not None and not self._swap(name, rest, None):
            pass
        return rest

    def shown(self, messages: Sequence[Message], adapter_of: Callable[[Message], str | None]) -> list[Message]:
        """The same, where those that are due and wait for an adapter that rests say so."""
        now = self._clock.now()
        why = {name: told(name, rest, now) for name, rest in self.resting().items()}

        def of(message: Message) -> Message:
            if why and message.state is MessageState.PLANNED and message.due_at <= now:
                reason = why.get(adapter_of(message) or "")
                return replace(message, reason=reason) if reason else message
            return message

        return [of(message) for message in messages]

    def _get(self, name: str) -> Rest | None:
        document = self._store.get_note(_PREFIX + name)
        if document is None:
            self._doubtful.discard(name)
            return None
        self._doubtful.add(name)
        return Rest.from_document(document)

    def _swap(self, name: str, old: Rest | None, new: Rest | None) -> bool:
        documents = [None if rest is None else rest.to_document() for rest in (old, new)]
        return self._store.swap_note(_PREFIX + name, *documents)


def took_by(adapter: Adapter, receipts: Sequence[Receipt], handover: Handover) -> Took:
    """What a hand-over as a whole says of its adapter."""
    if handover.fault is not None:
        why = handover.fault.message
        return Took(well=False, at_once=True, reason=without_secrets(why, adapter.settings))
    if adapter.capabilities.many_receivers:
        return Took(well=True)
    away = [receipt for receipt in receipts if receipt.verdict in (Verdict.TRY_AGAIN, Verdict.UNKNOWN)]
    reason = handover.without_addresses(away[-1].reason or "") if away else ""
    asked = max((receipt.after for receipt in away if receipt.after is not None), default=None)
    return Took(well=len(away) < len(receipts), asked=asked, reason=reason)


def _rests(name: str, rest: Rest, until: datetime, now: datetime) -> AdapterRests:
    hint = f"to try it at once: messaging adapters resume {name}"
    return AdapterRests(told(name, rest, now), name=name, until=until, reason=rest.reason, hint=hint)


def told(name: str, rest: Rest, now: datetime) -> str:
    """One line for a person."""
    why = f": {rest.reason}" if rest.reason else ""
    if rest.until is None:
        return f"{name}: {rest.failures} hand-overs in a row failed{why}"
    if rest.until <= now or rest.trial is not None:
        return f"{name} is about to be tried again{why}"
    return f"{name} rests until {rest.until:%Y-%m-%d %H:%M:%S} UTC{why}"


def adapter_of(store: Store, adapter_for: Callable[[str], str | None]) -> Callable[[Message], str | None]:
    """Says by which adapter a message goes: its campaign's, or its channel's."""
    campaigns: dict[str, str | None] = {}

    def of(message: Message) -> str | None:
        if message.campaign is None:
            return adapter_for(message.channel)
        if message.campaign not in campaigns:
            campaign = store.campaigns.get(message.campaign)
            campaigns[message.campaign] = campaign.adapter if campaign else None
        return campaigns[message.campaign] or adapter_for(message.channel)

    return of
