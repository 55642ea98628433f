"""Frequency caps: how many messages a person gets in so many days, and which one was before.

First come, first served: what was sent, is in hand, or may have arrived counts; of what is only planned, that which
may go first, by the recipient's hours too, then that which was planned first. So it does not matter which of two is
looked at first, nor by whom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from messaging import Message, MessageClass, MessageFacts, MessageState
from messaging_rules.settings import Cap, Rules

#: What goes first, was planned first; the id decides between twins.
Rank = tuple[datetime, datetime, str]


def rank(message: Message, time: datetime) -> Rank:
    """Its place among what is planned, if it goes at `time`."""
    return (time, message.created_at, message.id)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A message that takes a place."""

    when: datetime
    template: str
    channel: str
    topic: str
    transactional: bool
    #: None: it is out of our hands.
    rank: Rank | None = None


@dataclass(frozen=True, slots=True)
class Excess:
    """A cap that has no room for a message."""

    cap: Cap
    #: From when on it has.
    free: datetime
    reason: str


class Ledger:
    """Who gets what, and when: what is known before the batch, and what of the batch may go."""

    def __init__(self, rules: Rules, facts: MessageFacts, batch: Mapping[str, Message], zone: ZoneInfo) -> None:
        """`zone` is the one whose days reasons speak of."""
        self._rules = rules
        self._facts = facts
        self._batch = batch
        self._zone = zone
        self._entries: dict[str, list[_Entry]] = {}

    def excesses(self, message: Message, time: datetime) -> list[Excess]:
        """The caps that have no room for `message` at `time`."""
        found = []
        for cap in self._rules.caps:
            if not cap.covers(message.channel, message.topic):
                continue
            span = timedelta(days=cap.days)
            before = sorted(
                (
                    entry
                    for entry in self._of(message.customer_id)
                    if cap.covers(entry.channel, entry.topic)
                    and (cap.count_transactional or not entry.transactional)
                    and (entry.rank is None or entry.rank < rank(message, time))
                    and time - span < entry.when < time + span
                ),
                key=lambda entry: (entry.when, entry.template),
            )
            if len(before) >= cap.max:
                found.append(Excess(cap, before[-cap.max].when + span, f"{cap}: {self._told(before[-1])}"))
        return found

    def take(self, message: Message, time: datetime) -> None:
        """It goes at `time`."""
        self._of(message.customer_id).append(_planned(message, time))

    def _told(self, entry: _Entry) -> str:
        day = entry.when.astimezone(self._zone).date()
        return f"{entry.template} {'was before' if entry.rank is None else 'comes before'}, on {day}"

    def _of(self, customer_id: str) -> list[_Entry]:
        entries = self._entries.get(customer_id)
        if entries is None:
            entries = self._entries[customer_id] = list(self._known(customer_id))
        return entries

    def _known(self, customer_id: str) -> Iterator[_Entry]:
        for fact in self._facts.recent.get(customer_id, ()):
            if fact.sent_at is not None:
                transactional = fact.message_class is MessageClass.TRANSACTIONAL
                yield _Entry(fact.sent_at, fact.template, fact.channel, fact.topic, transactional)
        for message in self._facts.pending.get(customer_id, ()):
            if message.id in self._batch:
                continue
            if message.state is MessageState.PLANNED:
                yield _planned(message, max(message.due_at, self._facts.now))
            else:
                transactional = message.message_class is MessageClass.TRANSACTIONAL
                yield _Entry(message.due_at, message.template, message.channel, message.topic, transactional)


def _planned(message: Message, time: datetime) -> _Entry:
    transactional = message.message_class is MessageClass.TRANSACTIONAL
    return _Entry(time, message.template, message.channel, message.topic, transactional, rank(message, time))
