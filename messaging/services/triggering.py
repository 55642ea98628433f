"""From an event to rows of the outbox: what it sets off, moves and cancels; what is asked when one is due.

That a message goes once is in its id: the template and the trigger's key make its origin. A later event
with the key moves what still waits; what has gone, was skipped or refused stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from messaging.clock import Clock
from messaging.ids import message_id
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.template import Trigger
from messaging.rules.subjects import cancels, context_of, trigger_key, value_at
from messaging.rules.timing import due_time
from messaging.services.live_triggers import LiveTriggers, Matching, TriggerSwitch, path_of
from messaging.services.planning import Draft, Planner
from messaging.stores.base import Outcome, Store

#: Members of an audience planned in one transaction.
PAGE = 500
#: How many of a customer's latest events of a type are looked at for one that cancels.
_LOOK_BACK = 50


@dataclass(frozen=True, slots=True)
class Planned:
    """What an event did to the outbox."""

    planned: int = 0
    moved: int = 0
    cancelled: int = 0
    #: Why a trigger could not do what it is there for: `shipped: the event has no shipment.eta`.
    warnings: tuple[str, ...] = ()

    def __add__(self, other: Planned) -> Planned:
        return Planned(
            self.planned + other.planned,
            self.moved + other.moved,
            self.cancelled + other.cancelled,
            self.warnings + other.warnings,
        )


#: Of messages, the ids of those for whose customers an expression (`unless`) is true now.
Holding = Callable[[str, Sequence[Message], datetime], Collection[str]]


class Triggering:
    """Plans, moves, cancels; answers `unless` when a message is due."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        switch: TriggerSwitch,
        planner: Planner,
        members: Callable[[str], Iterable[Customer]],
        holding: Holding,
        timezone: str = "UTC",
        late: timedelta = timedelta(days=2),
    ) -> None:
        """`members` of a segment; `timezone` of customers who have none.

        `late`: how long after its due time a message still goes.
        """
        self._store = store
        self._clock = clock
        self.switch = switch
        self._planner = planner
        self.members = members
        self._holding = holding
        self._timezone = timezone
        self._late = late

    def matching(self, event: Event) -> Matching:
        """The live triggers that a live event concerns; asked before the transaction, as it may take long."""
        return self.switch.matching(event) if event.live else Matching()

    def plan(self, event: Event, customer: Customer | None, matching: Matching, *, now: datetime) -> Planned:
        """Do what `event` does to the messages of its customer, in the caller's transaction."""
        result = Planned()
        for live in matching.live:
            for index, trigger in enumerate(live.triggers):
                if customer is not None and event.type in trigger.cancel_on:
                    result += Planned(cancelled=self._cancel(event, customer, live, index))
            for index, trigger in enumerate(live.triggers):
                if trigger.event == event.type and not trigger.audience:
                    if customer is None:
                        result += _warning(live, "the event names no customer, and the trigger no audience")
                    else:
                        result += self._set_off(event, [customer], live, index, now)
        return result

    def plan_audiences(self, event: Event, matching: Matching, *, now: datetime) -> Planned:
        """Plan for the segments that triggers name; page by page, each in a transaction of its own."""
        result = Planned()
        for live, index in matching.audiences:
            members = iter(self.members(live.triggers[index].audience or ""))
            while page := list(islice(members, PAGE)):
                with self._store.transaction():
                    result += self._set_off(event, page, live, index, now)
        return result

    def drafts(
        self, event: Event, customers: Iterable[Customer], live: LiveTriggers, index: int, *, now: datetime
    ) -> tuple[list[Draft], list[str]]:
        """What a trigger asks for on `event`, before policy; and why it asks for nothing."""
        trigger = live.triggers[index]
        if trigger.max_age is not None and event.time < now - trigger.max_age:
            return [], ["the event is too old"]
        key = trigger_key(trigger, event)
        if key is None:
            return [], [f"the event has no {trigger.key}"]
        lane = Lane.ORDER if live.version.message_class is MessageClass.TRANSACTIONAL else Lane.EVENT
        drafts, problems = [], []
        for customer in customers:
            due = self._due(trigger, event, customer, now)
            if isinstance(due, str):
                problems.append(due)
                continue
            due = max(due, now)
            drafts.append(
                Draft(
                    origin=f"trigger:{live.template}:{key}",
                    customer=customer,
                    version=live.version,
                    lane=lane,
                    due_at=due,
                    expires_at=due + self._late,
                    event_key=event.key,
                    trigger_key=key,
                    trigger=index,
                    context=context_of(event),
                )
            )
        return drafts, sorted(set(problems))

    def due_checks(self, messages: Sequence[Message], now: datetime) -> dict[str, str]:
        """Which of `messages`, now that they are due, must be skipped, and why: their `unless` is true."""
        asked: dict[str, list[Message]] = {}
        for message in messages:
            if message.trigger is None:
                continue
            triggers = self.switch.triggers(message.template)
            unless = triggers[message.trigger].unless if message.trigger < len(triggers) else None
            if unless:
                asked.setdefault(unless, []).append(message)
        reasons: dict[str, str] = {}
        for unless, group in asked.items():
            for message_id_ in self._holding(unless, group, now):
                reasons[message_id_] = f"unless: {unless}"
        return reasons

    def skip_waiting(self, template: str, reason: str) -> int:
        """Skip a template's event-driven messages that wait; return how many."""
        count, after = 0, None
        while True:
            with self._store.transaction():
                page = self._store.outbox.page(template=template, state=MessageState.PLANNED, after=after, limit=PAGE)
                if not page:
                    return count
                after = page[-1].id
                waiting = [m for m in page if m.trigger is not None and m.worker is None]
                self._store.outbox.settle([_skip(message, reason) for message in waiting])
            count += len(waiting)

    def _set_off(
        self, event: Event, customers: Sequence[Customer], live: LiveTriggers, index: int, now: datetime
    ) -> Planned:
        drafts, problems = self.drafts(event, customers, live, index, now=now)
        result = Planned(warnings=tuple(f"{live.template}: {problem}" for problem in problems))
        known = self._known(drafts)
        fresh = []
        for draft in drafts:
            before = known.get(draft.customer.id)
            if before is not None:
                result += Planned(moved=self._move(before, draft, event))
            elif not self._cancelled_already(event, draft.customer, live.triggers[index]):
                fresh.append(draft)
        messages = self._planner.plan(fresh, now=now) if fresh else []
        self._store.outbox.add(messages)
        return result + Planned(planned=sum(m.state is MessageState.PLANNED for m in messages))

    def _due(self, trigger: Trigger, event: Event, customer: Customer, now: datetime) -> datetime | str:
        """When it is due, or why that cannot be told. A shop's clock that is ahead of ours delays nothing."""
        try:
            zone = ZoneInfo(customer.timezone or self._timezone)
            due = due_time(trigger, min(event.time, now), lambda path: value_at(path, event), zone)
        except ZoneInfoNotFoundError:
            return "the customer's time zone is unknown here"
        except (ValueError, OverflowError) as error:
            return str(error)
        return due if due is not None else f"the event has no {path_of(trigger)}"

    def _known(self, drafts: Sequence[Draft]) -> dict[str, Message]:
        """Customer id -> the message that this origin already has for them, on whichever channel."""
        ids = [
            message_id(draft.origin, draft.customer.id, channel)
            for draft in drafts
            for channel in draft.version.channels
        ]
        found: dict[str, Message] = {}
        for message in self._store.outbox.get(ids).values():
            before = found.get(message.customer_id)
            if before is None or before.state is MessageState.SKIPPED:
                found[message.customer_id] = message
        return found

    def _move(self, waiting: Message, draft: Draft, event: Event) -> int:
        """Give a message that waits the due time and content of a later event with its key."""
        if waiting.state is not MessageState.PLANNED or waiting.event_key == event.key:
            return 0
        if event.time < _happened_at(waiting):
            return 0  # told late: what is planned knows more
        return self._store.outbox.postpone(
            [waiting.id], draft.due_at, expires_at=draft.expires_at, context=draft.context
        )

    def _cancel(self, event: Event, customer: Customer, live: LiveTriggers, index: int) -> int:
        trigger = live.triggers[index]
        cancelled = [
            message
            for message in self._store.outbox.waiting(customer_id=customer.id)
            if message.template == live.template
            and message.trigger == index
            and event.time >= _happened_at(message)
            and _same_thing(trigger, event, message.trigger_key, message.context or {})
        ]
        self._store.outbox.settle([_skip(message, f"cancelled by {event.type}") for message in cancelled])
        return len(cancelled)

    def _cancelled_already(self, event: Event, customer: Customer, trigger: Trigger) -> bool:
        """Whether what cancels it happened after `event`, though it was told before."""
        for type in trigger.cancel_on:
            for other in self._store.events.page(customer_id=customer.id, type=type, limit=_LOOK_BACK):
                later = other.time >= event.time and other.key != event.key
                if later and _same_thing(trigger, other, trigger_key(trigger, event), context_of(event)):
                    return True
        return False


def _same_thing(trigger: Trigger, event: Event, key: str | None, context: Mapping[str, Any]) -> bool:
    """Whether a cancelling `event` is about what waits under `key` with `context`."""
    if trigger.key is not None and value_at(trigger.key, event) is not None:
        return trigger_key(trigger, event) == key
    return cancels(event, context)


def _happened_at(message: Message) -> datetime:
    """When the event happened that the message was last planned by."""
    return datetime.fromisoformat((message.context or {})["event"]["time"])


def _skip(message: Message, reason: str) -> Outcome:
    return Outcome(message_id=message.id, state=MessageState.SKIPPED, reason=reason)


def _warning(live: LiveTriggers, text: str) -> Planned:
    return Planned(warnings=(f"{live.template}: {text}",))
