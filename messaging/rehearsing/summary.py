"""What a rehearsal comes to: how many of what, when, what was not sent and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from messaging.nouns.message import Message, MessageState
from messaging.rehearsing.app import Rehearsal
from messaging.rehearsing.history import Told

PAGE = 1000
#: Columns that a plot over time has at most.
_MOST = 60


@dataclass(slots=True)
class TemplateRows:
    """What became of the messages of one template on one channel."""

    template: str
    channel: str
    states: Counter[str] = field(default_factory=Counter)
    #: Why messages were not sent, and how many.
    reasons: Counter[str] = field(default_factory=Counter)
    #: Why messages went, or go, later than they were due first, and how many.
    held: Counter[str] = field(default_factory=Counter)
    #: How many were sent on a day of the shop's.
    days: Counter[date] = field(default_factory=Counter)

    def to_document(self) -> dict[str, Any]:
        return {
            "template": self.template,
            "channel": self.channel,
            "messages": self.states.total(),
            **{state.value: self.states[state.value] for state in MessageState},
            "reasons": dict(self.reasons.most_common()),
            "held": dict(self.held.most_common()),
            "days": {day.isoformat(): number for day, number in sorted(self.days.items())},
        }


def summarise(rehearsal: Rehearsal) -> list[TemplateRows]:
    """The rows of a rehearsal's outbox, added up, by template and channel."""
    zone = ZoneInfo(rehearsal.settings.brand.timezone)
    found: dict[tuple[str, str], TemplateRows] = {}
    for message in _messages(rehearsal):
        key = message.template, message.channel
        rows = found.setdefault(key, TemplateRows(*key))
        rows.states[message.state.value] += 1
        if message.state in (MessageState.SKIPPED, MessageState.REFUSED):
            rows.reasons[message.reason or ""] += 1
        if message.id in rehearsal.held:
            rows.held[rehearsal.held[message.id].reason] += 1
        if message.sent_at is not None:
            rows.days[message.sent_at.astimezone(zone).date()] += 1
    return [found[key] for key in sorted(found)]


def of_customer(rehearsal: Rehearsal, customer_id: str) -> list[dict[str, Any]]:
    """What one customer would have got, and what not, in order of time: each with its letter, if it left."""
    letters = {kept.letter.id: kept for kept in rehearsal.kept}
    rows = []
    for message in _messages(rehearsal, customer_id):
        kept = letters.get(message.id)
        held = rehearsal.held.get(message.id)
        rows.append(
            {
                "time": (kept.at if kept else message.due_at).isoformat(),
                "template": message.template,
                "channel": message.channel,
                "to": message.address,
                "state": message.state.value,
                "reason": message.reason or (f"held back: {held.reason}" if held else None),
                "parts": dict(kept.letter.parts) if kept else None,
            }
        )
    return sorted(rows, key=lambda row: (row["time"], row["template"]))


def over_time(rows: Sequence[TemplateRows]) -> list[tuple[date, int]]:
    """How many were sent in each period, with the first day of it: days, weeks, or so many weeks that they fit."""
    days: Counter[date] = sum((row.days for row in rows), Counter())
    if not days:
        return []
    first, last = min(days), max(days)
    step = next(n for n in (1, 7, 14, 28, 28 * 6, 28 * 60, 10**6) if (last - first).days // n < _MOST)
    if step > 1:
        first -= timedelta(days=first.weekday())
    periods: dict[date, int] = {first + timedelta(days=n): 0 for n in range(0, (last - first).days + 1, step)}
    for day, number in days.items():
        periods[first + timedelta(days=(day - first).days // step * step)] += number
    return list(periods.items())


def as_document(told: Told, rows: Sequence[TemplateRows]) -> dict[str, Any]:
    """All of it, as JSON."""
    return {
        "from": _text(told.first),
        "to": _text(told.last),
        "events": {
            "read": told.read,
            "told": told.told,
            "before": told.before,
            "after": told.after,
            "rejected": [{"line": line, "reason": reason} for line, reason in told.rejected],
        },
        "templates": [row.to_document() for row in rows],
    }


def _messages(rehearsal: Rehearsal, customer_id: str | None = None) -> Iterator[Message]:
    after = None
    while page := rehearsal.store.outbox.page(customer_id=customer_id, after=after, limit=PAGE):
        after = page[-1].id
        yield from page


def _text(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None
