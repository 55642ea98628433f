"""From an event to rows of the outbox: what it sets off, moves and cancels; what is asked when one is due.

That a message goes once is in its id: the template and the trigger's key make its origin. A later event with the key
moves what still waits. What has gone or was refused stays as it is, and so does what was skipped, unless for want of an
address or consent: that is planned anew when the customer has them, as long as it is news.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from messaging.clock import Clock
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.template import Trigger
from messaging.rules.event_types import is_type, names_of
from messaging.rules.subjects import key_of, trigger_key, value_at, value_in
from messaging.rules.timing import awaited, due_time, path_of
from messaging.services.live_triggers import LiveTriggers, Matching, TriggerSwitch, asks, tells_another_time
from messaging.services.planning import Draft, Planner
from messaging.services.stories import Story
from messaging.services.waiting import Waiting, happened_at
from messaging.stores.base import Address, Store

#: Members of an audience planned in one transaction.
PAGE = 500
#: How long what was told too late to wait its time still waits, at most: what cancels it may come right behind, or what
#: `unless` asks for or it waits for.
SETTLING = timedelta(minutes=10)
#: Who is asked later than this after it was due is asked as of then, too.
PROMPT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Planned:
    """What an event did to the outbox."""

    planned: int = 0
    moved: int = 0
    cancelled: int = 0
    #: Why a trigger could not do what it is there for: `shipped: shipment.eta is not a time`.
    warnings: tuple[str, ...] = ()
    #: Where messages that were planned are due now.
    due: frozenset[tuple[Lane, str]] = frozenset()

    def __add__(self, other: Planned) -> Planned:
        return Planned(
            self.planned + other.planned,
            self.moved + other.moved,
            self.cancelled + other.cancelled,
            self.warnings + other.warnings,
            self.due | other.due,
        )


#: Of messages, the ids of those for whose customers an expression (`unless`) is true now.
Holding = Callable[[str, Sequence[Message], datetime], Collection[str]]


@dataclass(frozen=True, slots=True)
class Untold:
    """An event that set a template's trigger off and planned nothing: nobody told yet when (`shipment.eta`)."""

    event: Event
    template: str
    path: str


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
        self._waiting = Waiting(store, due=self._due, late=late)

    def matching(self, event: Event) -> Matching:
        """The live triggers that a live event concerns; asked before the transaction, as it may take long."""
        return self.switch.matching(event) if event.live else Matching()

    def plan(self, event: Event, customer: Customer | None, matching: Matching, *, now: datetime) -> Planned:
        """Do what `event` does to the messages of its customer, in the caller's transaction."""
        if customer is None:
            why = "the event names no customer, and the trigger no audience"
            alone = [live.template for live in matching.live for trigger in live.triggers if _sets_off(event, trigger)]
            return Planned(warnings=tuple(f"{template}: {why}" for template in alone))
        result, story = Planned(), self.story(event, customer.id)
        for live in matching.live:
            for index, trigger in enumerate(live.triggers):
                if is_type(event.type, *trigger.cancel_on):
                    result += Planned(cancelled=self._waiting.cancel(event, customer, live, index))
                if tells_another_time(trigger, event):
                    result += self._told_anew(story, customer, live, index, now)
                if asks(trigger, event):
                    result += self._answer(event, customer, live, index, now)
            for index, trigger in enumerate(live.triggers):
                if _sets_off(event, trigger):
                    result += self._set_off([(customer, story)], live, index, now)
        return result

    def plan_audiences(self, event: Event, matching: Matching, *, now: datetime) -> Planned:
        """Plan for the segments that triggers name, and for who asked; page by page, each in its own transaction."""
        result = Planned()
        for live, index in matching.audiences:
            customers = iter(self.audience(event, live, index))
            while page := list(islice(customers, PAGE)):
                with self._store.transaction():
                    told = [(customer, self.story(event, customer.id)) for customer in page]
                    result += self._set_off(told, live, index, now)
        return result

    def plan_again(self, customer_ids: Iterable[str], places: Iterable[Address] = (), *, now: datetime) -> Planned:
        """Plan what could not be told for want of an address or consent: to these customers, and to all at `places`.

        Whatever lets somebody be written to calls it, in its transaction. It plans what could still go, had it been
        planned when it happened, and says nothing of the rest.
        """
        result = Planned()
        if not self.switch.enabled():
            return result
        ids = sorted({*customer_ids, *(one.id for one in self._store.customers.at(places))})
        customers = self._store.customers.get(ids)
        for message, event in self._waiting.refused(ids, now):
            live, customer = self.switch.kept(message.template), customers.get(message.customer_id)
            mine = [i for i, each in enumerate(live.triggers) if is_type(event.type, each.event)] if live else []
            if live and mine and customer is not None:
                index = message.trigger if message.trigger in mine else mine[0]
                result += self._set_off([(customer, self.story(event, customer.id))], live, index, now)
        return replace(result, warnings=())

    def audience(self, event: Event, live: LiveTriggers, index: int) -> Iterable[Customer]:
        """Whom a trigger that goes to many goes to."""
        trigger = live.triggers[index]
        return self.members(trigger.audience) if trigger.audience is not None else self._askers(trigger, event)

    def story(self, event: Event, customer_id: str, *more: Event) -> Story:
        """An event with what else was told of what it is about: what `drafts` goes by."""
        return Story(self._store, event, customer_id, *more)

    def drafts(
        self, told: Sequence[tuple[Customer, Story]], live: LiveTriggers, index: int, *, now: datetime
    ) -> tuple[list[Draft], list[str]]:
        """What a trigger asks for on an event, told to some customers, before policy; and why it asks for nothing."""
        if not told:
            return [], []
        trigger, (_, first) = live.triggers[index], told[0]
        event = first.event
        if _is_too_old(trigger, event, now):
            return [], ["the event is too old"]
        asked = self._asked(trigger, event, first.more)
        order_message = live.version.message_class is MessageClass.TRANSACTIONAL and not trigger.to_many
        drafts, problems = [], []
        for customer, story in told:
            request = asked.get(customer.id)
            if trigger.answers is not None and request is None:
                continue
            key = trigger_key(trigger, event) if request is None else key_of(request, "event", request.id)
            if key is None:
                return [], [f"the event has no {trigger.key}"]
            context = story.context
            if request is not None:
                context = {**context, "product": {**request.data["product"], **context["product"]}}
            due = self._due(trigger, min(event.time, now), context, customer)
            if isinstance(due, str):
                problems.append(due)
                continue
            due = max(due, _earliest(trigger, now, partial(value_in, context=context)))
            drafts.append(
                Draft(
                    origin=live.origin(key),
                    customer=customer,
                    version=live.version,
                    # What goes to many waits behind what one customer waits for.
                    lane=Lane.ORDER if order_message else Lane.EVENT,
                    due_at=due,
                    expires_at=due + self._late,
                    event_key=event.key,
                    trigger_key=key,
                    trigger=index,
                    context=context,
                )
            )
        return drafts, sorted(set(problems))

    def stories(self, messages: Iterable[Message]) -> dict[str, Story]:
        """By message, what was told until now of what it is about; for both below, where both are asked."""
        return self._waiting.stories(messages)

    def renewed(self, messages: Sequence[Message], stories: Mapping[str, Story] | None = None) -> list[Message]:
        """`messages` with all that was told until now of the order or cart that they are about."""
        stories = self.stories(messages) if stories is None else stories
        return [
            replace(message, context=self._waiting.renewed(message, stories.get(message.id)))
            if message.trigger is not None and message.context
            else message
            for message in messages
        ]

    def due_checks(
        self, messages: Sequence[Message], now: datetime, stories: Mapping[str, Story] | None = None
    ) -> dict[str, str]:
        """Which of `messages`, now that they are due, must be skipped, and why.

        What they tell is no news any more, or their `unless` is true: now, or when it should have gone.
        """
        stories = self.stories(messages) if stories is None else stories
        reasons: dict[str, str] = {}
        conditional: list[tuple[Message, Trigger]] = []
        triggered = [message for message in messages if message.trigger is not None]
        live = {template: self.switch.triggers(template) for template in {each.template for each in triggered}}
        for message in triggered:
            trigger = _trigger_of(message, live[message.template])
            if trigger is not None and message.context:
                superseded = self._waiting.superseded(message, trigger, stories.get(message.id))
                if superseded is not None:
                    reasons[message.id] = superseded
                elif trigger.unless:
                    conditional.append((message, trigger))
        asked: dict[tuple[str, datetime], list[Message]] = {}
        customers = self._store.customers.get({message.customer_id for message, _ in conditional})
        for message, trigger in conditional:
            unless, customer = trigger.unless or "", customers.get(message.customer_id)
            asked.setdefault((unless, now), []).append(message)
            due = self._due(trigger, happened_at(message), message.context or {}, customer) if customer else now
            if isinstance(due, datetime) and due < now - PROMPT:
                asked.setdefault((unless, due), []).append(message)
        for (unless, at), group in asked.items():
            for message_id_ in self._holding(unless, self.renewed(group, stories), at):
                reasons[message_id_] = f"unless: {unless}"
        return reasons

    def untold(self, customer_id: str, *, now: datetime) -> list[Untold]:
        """What waits for a time that a customer's events have not told, and would still go once one does."""
        found: dict[tuple[str, str], Untold] = {}
        for template in self.switch.enabled():
            triggers = self.switch.triggers(template)
            for index, trigger in enumerate(triggers):
                path = path_of(trigger) if not trigger.to_many else None
                for event in self._waiting.latest(customer_id, trigger) if path is not None else ():
                    if path is None or not event.live or _is_too_old(trigger, event, now):
                        continue
                    story = self.story(event, customer_id)
                    told = value_in(path, story.context) is not None
                    if not told and self._waiting.cancelled_by(story, triggers, index) is None:
                        found[event.key, template] = Untold(event, template, path)
        return sorted(found.values(), key=lambda each: (each.event.time, each.event.key, each.template))

    def skip_waiting(self, template: str, reason: str) -> int:
        """Skip a template's event-driven messages that wait; return how many."""
        return self._waiting.skip_all(template, reason, page=PAGE)

    def _told_anew(self, story: Story, customer: Customer, live: LiveTriggers, index: int, now: datetime) -> Planned:
        """Move what waits for a time of which a story tells another; plan what had to wait for it to be told at all."""
        event = story.event
        earliest = _earliest(live.triggers[index], now, partial(value_at, event=event))
        result = Planned(moved=self._waiting.told_anew(event, customer, live, index, earliest))
        if path_of(live.triggers[index]) is None:
            return result  # it planned without
        for earlier in self._waiting.unplanned(story, live, index):
            result += self._set_off([(customer, self.story(earlier, customer.id, event))], live, index, now)
        return result

    def _answer(self, request: Event, customer: Customer, live: LiveTriggers, index: int, now: datetime) -> Planned:
        """Set off what happened after a request, and was told before it."""
        result = Planned()
        for type in names_of(live.triggers[index].event):
            for answer in reversed(self._store.products.events(type, request)):  # the latest is news
                if answer.live and request.happened_at <= answer.happened_at:
                    told = self.story(answer, customer.id, request)
                    result += self._set_off([(customer, told)], live, index, now)
        return result

    def _set_off(
        self, told: Sequence[tuple[Customer, Story]], live: LiveTriggers, index: int, now: datetime
    ) -> Planned:
        trigger = live.triggers[index]
        drafts, problems = self.drafts(told, live, index, now=now)
        # Not every event tells the time, and another one may: what waits for that is seen by `untold`.
        warnings = (f"{live.template}: {problem}" for problem in problems if problem != _without(trigger))
        result = Planned(warnings=tuple(warnings))
        known = self._waiting.known(drafts)
        stories = {customer.id: story for customer, story in told}
        fresh, again = [], set()
        for draft in drafts:
            before, story = known.get(draft.customer.id), stories[draft.customer.id]
            if before is not None and self._waiting.is_refused(before):
                if self._waiting.knows_more(before, story.event):
                    continue
                again.add(before.id)
                before = None
            cancelled = self._waiting.cancelled_by(story, live.triggers, index)
            if before is not None and cancelled is not None:
                result += Planned(cancelled=self._waiting.skip(before, cancelled))
            elif before is not None:
                result += Planned(moved=self._waiting.move(before, draft, story.event))
            elif cancelled is not None:
                # Over already, it takes the place of what tells the same as it would have before.
                fresh.append(replace(self._waiting.told_once(draft, trigger, now), reason=cancelled))
            else:
                fresh.append(self._waiting.told_once(draft, trigger, now))
        messages = self._planner.plan(fresh, now=now, hold=True) if fresh else []
        self._store.outbox.add(messages)
        self._store.outbox.replan([message for message in messages if message.id in again])
        planned = [message for message in messages if message.state is MessageState.PLANNED]
        due = frozenset((message.lane, message.channel) for message in planned if message.due_at <= now)
        return result + Planned(planned=len(planned), due=due)

    def _due(
        self, trigger: Trigger, happened_at: datetime, context: Mapping[str, Any], customer: Customer
    ) -> datetime | str:
        """When it is due, or why that cannot be told. A shop's clock that is ahead of ours delays nothing."""
        try:
            zone = ZoneInfo(customer.timezone or self._timezone)
            due = due_time(trigger, happened_at, lambda path: value_in(path, context), zone)
        except ZoneInfoNotFoundError:
            return "the customer's time zone is unknown here"
        except (ValueError, OverflowError) as error:
            return str(error)
        return due if due is not None else _without(trigger)

    def _asked(self, trigger: Trigger, event: Event, more: Sequence[Event] = ()) -> dict[str, Event]:
        """Customer id -> the last time they asked for the product that `event` is about, before that happened."""
        if trigger.answers is None:
            return {}
        told = [each for type in names_of(trigger.answers) for each in self._store.products.events(type, event)]
        requests = sorted({each.key: each for each in (*told, *more)}.values(), key=lambda each: (each.time, each.key))
        return {
            request.customer_id: request
            for request in requests
            if request.customer_id is not None and request.happened_at <= event.happened_at
        }

    def _askers(self, trigger: Trigger, event: Event) -> Iterator[Customer]:
        ids = iter(sorted(self._asked(trigger, event)))
        while page := list(islice(ids, PAGE)):
            yield from self._store.customers.get(page).values()


def _trigger_of(message: Message, triggers: Sequence[Trigger]) -> Trigger | None:
    """What the event that a message was planned by last set off: of several with one key, that one's trigger."""
    index, type = message.trigger, (message.context or {}).get("event", {}).get("type", "")
    planned_by = triggers[index] if index is not None and index < len(triggers) else None
    if planned_by is not None and is_type(planned_by.event, type):
        return planned_by
    return next((trigger for trigger in triggers if is_type(trigger.event, type)), planned_by)


def _sets_off(event: Event, trigger: Trigger) -> bool:
    """Whether an event sets a trigger off for its own customer."""
    return is_type(event.type, trigger.event) and not trigger.to_many


def _is_too_old(trigger: Trigger, event: Event, now: datetime) -> bool:
    return trigger.max_age is not None and event.time < now - trigger.max_age


def _without(trigger: Trigger) -> str:
    return f"the event has no {path_of(trigger)}"


def _earliest(trigger: Trigger, now: datetime, lookup: Callable[[str], Any]) -> datetime:
    """When what a trigger asks for may go that is told now; `lookup` finds what is told at a path."""
    if not (trigger.unless or trigger.cancel_on or awaited(trigger, lookup)):
        return now
    return now + (SETTLING if trigger.at is not None else min(trigger.after or timedelta(), SETTLING))
