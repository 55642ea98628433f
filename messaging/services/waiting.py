"""What an event does to messages that wait for their time, and what those do to it.

A later event with a trigger's key moves its message; one that tells another time for it (`shipment.eta`) moves it, too;
one that cancels it, skips it. And what is told of an order as a whole and of its parcel is one thing: whichever is
told, there is one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from messaging.ids import message_id
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event, event_key
from messaging.nouns.message import Message, MessageState
from messaging.nouns.template import Trigger
from messaging.rules import policy
from messaging.rules.event_types import is_type, names_of, overtakers, type_of
from messaging.rules.subjects import about_the_same, bare, cancels, kind_of, names_in, same, trigger_key, value_at
from messaging.services.live_triggers import LiveTriggers
from messaging.services.planning import Draft
from messaging.services.stories import Story
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

#: Why a message was skipped whose news is none any more.
SUPERSEDED = "superseded"
#: How many of a customer's latest events of a type are looked at.
_LOOK_BACK = 50
#: What is a part of an order, as a trigger's key names it.
PARTS = ("shipment", "refund")
#: How many messages of one template to one customer are looked at.
_MESSAGES = 1000
#: When a message is due by what its trigger finds in a context; or why that cannot be told.
DueBy = Callable[[Trigger, datetime, Mapping[str, Any], Customer], datetime | str]


@dataclass(frozen=True, slots=True)
class _Happened:
    """Something that set a message off: when, and what it told."""

    time: datetime
    context: Mapping[str, Any]


class Waiting:
    """Moves, cancels, and finds what has been told already."""

    def __init__(self, store: Store, *, due: DueBy, late: timedelta) -> None:
        self._store = store
        self._due = due
        self._late = late

    def stories(self, messages: Iterable[Message]) -> dict[str, Story]:
        """Message id -> the event that it was planned by last; without those of events that were erased."""
        last = {
            message.id: (message, _last_key(message.context))
            for message in messages
            if message.trigger is not None and message.context
        }
        events = self._store.events.get({key for _, key in last.values()})
        return {
            id: Story(self._store, events[key], message.customer_id)
            for id, (message, key) in last.items()
            if key in events
        }

    def known(self, drafts: Sequence[Draft]) -> dict[str, Message]:
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

    def move(self, waiting: Message, draft: Draft, event: Event) -> int:
        """Give a message that waits the due time and content of a later event with its key; return how many moved."""
        if waiting.state is not MessageState.PLANNED or waiting.event_key == event.key:
            return 0
        if self.knows_more(waiting, event):
            return 0
        return self._store.outbox.postpone(
            [waiting.id], draft.due_at, expires_at=draft.expires_at, context=draft.context
        )

    @staticmethod
    def knows_more(message: Message, event: Event) -> bool:
        """Whether a message is of something that happened after `event`, which was told late."""
        return (event.time, event.key) < (happened_at(message), _last_key(message.context or {}))

    @staticmethod
    def is_refused(message: Message) -> bool:
        """Whether a message was skipped for its address or consent, and may be planned anew."""
        return (
            message.state is MessageState.SKIPPED and message.context is not None and policy.is_refusal(message.reason)
        )

    def refused(self, customer_ids: Sequence[str], now: datetime) -> Iterator[tuple[Message, Event]]:
        """Customers' messages that were skipped for their address or consent and are not late, with their events."""
        for message in self._store.outbox.skipped(customer_ids, now=now):
            if message.trigger is not None and self.is_refused(message):
                event = self._event_of(message.context or {})
                if event is not None:
                    yield message, event

    def told_anew(self, event: Event, customer: Customer, live: LiveTriggers, index: int, earliest: datetime) -> int:
        """Move what waits for a time of which `event`, about the same thing, tells another."""
        trigger, moved = live.triggers[index], 0
        for message in self._of(customer, live, index):
            last = self._event_of(message.context or {})  # what was told of its order since is not what it is about
            if last is None or about_the_same(bare(event), bare(last)) is not True:
                continue
            context = self.renewed(message, Story(self._store, last, customer.id, event))
            due = self._due(trigger, happened_at(message), context, customer)
            if isinstance(due, datetime) and (due := max(due, earliest)) != message.due_at:
                moved += self._store.outbox.postpone([message.id], due, expires_at=due + self._late, context=context)
        return moved

    @staticmethod
    def renewed(message: Message, story: Story | None) -> dict[str, Any]:
        """The context of a message about an order or cart with all that was told of that until now."""
        known = dict(message.context or {})
        return {**known, **story.context} if story and names_in(known).keys() & {"order", "cart"} else known

    def _event_of(self, context: Mapping[str, Any]) -> Event | None:
        """The event that a message was planned by last; None if it was erased."""
        key = _last_key(context)
        return self._store.events.get([key]).get(key)

    def unplanned(self, story: Story, live: LiveTriggers, index: int) -> Iterator[Event]:
        """Live events told before one, of what that is about, that set a trigger off and planned no message."""
        trigger, event = live.triggers[index], story.event
        for earlier in story.told:
            sets_off = earlier.live and earlier.key != event.key and is_type(earlier.type, trigger.event)
            if sets_off and about_the_same(bare(event), bare(earlier)) is True:
                origin = live.origin(trigger_key(trigger, earlier) or "")
                ids = [message_id(origin, story.customer_id, channel) for channel in live.version.channels]
                if not self._store.outbox.get(ids):
                    yield earlier

    def told_once(self, draft: Draft, trigger: Trigger, now: datetime) -> Draft:
        """`draft`, skipped if another event told the same thing: the whole order, or its parcel.

        Of an order and its parcel the parcel says more: a message about the order that still waits gives way to it. But
        what is due now goes before what waits for a later day. Who asked twice before something happened is told once.
        """
        context = draft.context or {}
        if trigger.answers is not None:
            told = any(
                message.state is not MessageState.SKIPPED and draft.event_key in _events_of(message)
                for message in self._told(draft)
            )
            return replace(draft, reason=f"told by {_type(context)}") if told else draft
        kind = kind_of(draft.trigger_key) if trigger.key is None else ""
        part = kind in PARTS and context.get("refund", {}).get("whole") is not False
        if not part and kind != "order":
            return draft
        for message in self._told(draft):
            known, theirs = message.context or {}, kind_of(message.trigger_key)
            same_order = _same_order(known, context)
            other_whole = part and theirs == "order" and same_order is True
            other_part = theirs in PARTS and (
                same_order is not False and _same_part(theirs, known, context)
                if part
                else same_order is True and not (theirs == "refund" and _gives_more(context))
            )
            if message.origin == draft.origin or not (other_part or other_whole):
                continue
            waits = message.state is MessageState.PLANNED and message.worker is None
            if waits and _gives_way(message.due_at <= now, draft.due_at <= now, to_part=other_whole):
                self._skip([message], f"told by {_type(context)}")
            elif other_part or message.state is not MessageState.SKIPPED:
                return replace(draft, reason=f"told by {_type(known)}")
        return draft

    def _told(self, draft: Draft) -> list[Message]:
        """The messages of a draft's template that its customer has."""
        return self._store.outbox.page(customer_id=draft.customer.id, template=draft.version.template, limit=_MESSAGES)

    def cancel(self, event: Event, customer: Customer, live: LiveTriggers, index: int) -> int:
        """Skip what `event` cancels; return how many."""
        cancelled = [
            message
            for message in self._of(customer, live, index)
            if any(
                _cancels(live.triggers[index], event, each, message.trigger_key)
                for each in self._set_off_by(message, live)
            )
        ]
        self._skip(cancelled, f"cancelled by {event.type}")
        return len(cancelled)

    def latest(self, customer_id: str, trigger: Trigger) -> list[Event]:
        """A customer's latest events that set a trigger off."""
        pages = (
            self._store.events.page(customer_id=customer_id, type=type, limit=_LOOK_BACK)
            for type in names_of(trigger.event)
        )
        return [event for page in pages for event in page]

    def cancelled_by(self, story: Story, triggers: Sequence[Trigger], index: int) -> str | None:
        """Why what a story's event sets off is over already: what cancels it was told before."""
        trigger, event = triggers[index], story.event
        key = trigger_key(trigger, event)
        begun: list[_Happened] = []
        for type in (name for each in trigger.cancel_on for name in names_of(each)):
            told = self._store.events.page(customer_id=story.customer_id, type=type, limit=_LOOK_BACK)
            for other in (*told, *(each for each in story.more if each.type == type)):
                begun = begun or [_Happened(event.time, bare(event)), *_with_its_key(key, story, triggers)]
                if other.key != event.key and any(_cancels(trigger, other, each, key) for each in begun):
                    return f"cancelled by {other.type}"
        return None

    @staticmethod
    def superseded(message: Message, trigger: Trigger, story: Story | None) -> str | None:
        """Why a message's news is none any more: what overtakes it happened since the moment when it should have gone.

        What waits for a day that its event tells (`at`) is no news of the event; there the trigger says what cancels.
        """
        types = overtakers(_type(message.context or {})) if trigger.at is None else ()
        if story is None or not types:
            return None
        # What only waits for a number was news with its event.
        moment = happened_at(message) + (timedelta() if trigger.waits_for else trigger.after or timedelta())
        for other in story.told:
            overtakes = is_type(other.type, *types) and other.time >= moment
            if overtakes and about_the_same(bare(other), bare(story.event)) is True:
                return f"{SUPERSEDED} by {other.type}"
        return None

    def skip(self, message: Message, reason: str) -> int:
        """Skip a message, if it still waits; return how many."""
        if message.state is not MessageState.PLANNED or message.worker is not None:
            return 0
        self._skip([message], reason)
        return 1

    def _set_off_by(self, message: Message, live: LiveTriggers) -> Iterator[_Happened]:
        """What set a message off: the event it was planned by last, and those with its key."""
        context = message.context or {}
        yield _Happened(happened_at(message), context)
        last = self._event_of(context)
        if last is not None:
            yield from _with_its_key(message.trigger_key, Story(self._store, last, message.customer_id), live.triggers)

    def skip_all(self, template: str, reason: str, *, page: int) -> int:
        """Skip a template's event-driven messages that wait; return how many."""
        count, after = 0, None
        while True:
            with self._store.transaction():
                found = self._store.outbox.page(template=template, state=MessageState.PLANNED, after=after, limit=page)
                if not found:
                    return count
                after = found[-1].id
                waiting = [message for message in found if message.trigger is not None and message.worker is None]
                self._skip(waiting, reason)
            count += len(waiting)

    def _of(self, customer: Customer, live: LiveTriggers, index: int) -> list[Message]:
        return [
            message
            for message in self._store.outbox.waiting(customer_id=customer.id)
            if message.template == live.template and message.trigger == index
        ]

    def _skip(self, messages: Iterable[Message], reason: str) -> None:
        self._store.outbox.settle(
            [Outcome(message_id=message.id, state=MessageState.SKIPPED, reason=reason) for message in messages]
        )


def _gives_way(waiting_is_due: bool, is_due: bool, *, to_part: bool) -> bool:
    """Whether what waits goes for what comes: what is due now goes first, else the parcel."""
    return to_part if waiting_is_due == is_due else is_due


def _with_its_key(key: str | None, story: Story, triggers: Sequence[Trigger]) -> Iterator[_Happened]:
    """What of a story set off, or would have, what goes by a key: once for all of it, so what ends one ends all."""
    for event in story.told:
        if event.live and any(is_type(event.type, t.event) and trigger_key(t, event) == key for t in triggers):
            yield _Happened(event.time, bare(event))


def _cancels(trigger: Trigger, event: Event, happened: _Happened, key: str | None) -> bool:
    """Whether a cancelling `event` cancels what waits under `key` since something happened.

    It does if it happened later; one that ends the very thing (an order that arrived, a cart that was bought) whenever.
    """
    return (event.time >= happened.time or _ends(event, happened.context)) and _same_thing(
        trigger, event, key, happened.context
    )


def _ends(event: Event, context: Mapping[str, Any]) -> bool:
    known = type_of(event.type)
    if known is None or known.ends is None:
        return False
    mine, theirs = names_in(bare(event)), names_in(context)
    return known.ends in mine and known.ends in theirs and same(mine[known.ends], theirs[known.ends]) is True


def _same_thing(trigger: Trigger, event: Event, key: str | None, context: Mapping[str, Any]) -> bool:
    """Whether a cancelling `event` is about what waits under `key` with `context`."""
    if trigger.key is not None and "+" not in trigger.key and value_at(trigger.key, event) is not None:
        return trigger_key(trigger, event) == key
    return cancels(event, context)


def _same_order(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool | None:
    """Whether two tell of one order; None if they do not call it alike, or one of them none."""
    return about_the_same(*({"order": each.get("order"), "event": each.get("event", {})} for each in (one, other)))


def _same_part(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two tell of one parcel or refund, which one calls by its id and the other by its number."""
    mine, theirs = (names_in(each).get(kind) for each in (one, other))
    return mine is not None and theirs is not None and same(mine, theirs) is True


def _gives_more(context: Mapping[str, Any]) -> bool:
    """Whether the refund of a whole order gives back more than refunds before it did."""
    return Decimal(context.get("refund", {}).get("amount", 0)) > 0


def _type(context: Mapping[str, Any]) -> str:
    return str(context.get("event", {}).get("type"))


def _last_key(context: Mapping[str, Any]) -> str:
    """The key of the event that a message was planned by last."""
    told = context["event"]
    return event_key(told["source"], told["shop"], told["id"])


def _events_of(message: Message) -> set[str | None]:
    """The keys of the events that a message was planned by, first and last."""
    return {message.event_key, *([_last_key(message.context)] if message.context else ())}


def happened_at(message: Message) -> datetime:
    """When the event happened that the message was last planned by."""
    return datetime.fromisoformat((message.context or {})["event"]["time"])
