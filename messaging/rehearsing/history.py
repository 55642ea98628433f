"""A shop's history, told to a rehearsal as if it happened now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from messaging.errors import Conflict, InputError
from messaging.garbage import collected_seldom
from messaging.nouns.event import Event, EventState
from messaging.rehearsing.app import Rehearsal
from messaging.rules.envelope import parse_json, read_event

#: Events told in one transaction.
STRETCH = 500


@dataclass(slots=True)
class Told:
    """What became of the events of a history."""

    #: Lines read.
    read: int = 0
    #: Told as live.
    told: int = 0
    #: Before the time that was asked for: taken in, triggering nothing.
    before: int = 0
    #: After it: left out.
    after: int = 0
    #: No event, or without effect: line and reason.
    rejected: list[tuple[int, str]] = field(default_factory=list)
    #: From when to when the clock ran: as was asked for, else from the first event that was told, to the last.
    first: datetime | None = None
    last: datetime | None = None


@collected_seldom()  # what it keeps grows and grows, and is no garbage
def tell_history(
    rehearsal: Rehearsal,
    lines: Iterable[bytes],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[int], object] = lambda count: None,
) -> Told:
    """Tell the events of `lines` (JSON Lines, in any order) by their times; let time pass to `until`, or the last one.

    What happened before `since` is history: customers and orders are as it left them, and nothing of it is sent.
    `progress` is called for each line that is through.

    Raises:
        InputError: there is no event that can be told.
    """
    told = Told(first=since)
    events = _in_time(lines, told)
    history = [line for event, _, line in events if since is not None and event.time < since]
    told.before = len(history)
    rehearsal.intake.import_history(history, progress=progress)
    live = iter(events[told.before :])
    while stretch := list(islice(live, STRETCH)):
        # One transaction: nobody else looks at the store of a rehearsal, and if it breaks off, nothing of it counts.
        with rehearsal.store.transaction():
            for event, number, _ in stretch:
                if until is not None and event.time > until:
                    told.after += 1
                else:
                    _tell(rehearsal, event, number, told)
                progress(1)
    if told.last is None:
        raise InputError("no event to rehearse", hint=_why_none(told))
    told.last = until or told.last
    with rehearsal.store.transaction():
        rehearsal.pass_time(told.last)
    return told


def _in_time(lines: Iterable[bytes], told: Told) -> list[tuple[Event, int, bytes]]:
    """What is an event, with its line and that line's number, in order of time; of one time, as they stand."""
    events = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        told.read += 1
        try:
            events.append((read_event(parse_json(line.removeprefix(b"\xef\xbb\xbf"))), number, line))
        except InputError as error:
            told.rejected.append((number, str(error)))
    return sorted(events, key=lambda each: (each[0].time, each[1]))


def _tell(rehearsal: Rehearsal, event: Event, number: int, told: Told) -> None:
    try:
        accepted = rehearsal.tell(event, event.time)
    except (InputError, Conflict) as error:
        told.rejected.append((number, str(error)))
        return
    if accepted.state is EventState.FAILED:
        told.rejected.append((number, accepted.error or ""))
        return
    told.told += 1
    told.first, told.last = told.first or event.time, event.time


def _why_none(told: Told) -> str:
    if told.rejected:
        number, reason = told.rejected[0]
        return f"line {number}: {reason}"
    return "the file is empty" if not told.read else "none is between --from and --to"
