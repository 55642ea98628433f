"""What an event does to messages that wait for their time, and what those do to it.

A later event with a trigger's key moves its message; one that tells another time for it (`shipment.eta`) moves it, too;
one that cancels it, skips it. And what is told of an order as a whole and of its parcel is one thing: whichever is
told, there is one message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from messaging.ids import message_id
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event, event_key
from messaging.nouns.message import Message, MessageState
from messaging.nouns.template import Trigger
from messaging.rules.subjects import about_the_same, cancels, context_of, kind_of, names_in, trigger_key, value_at
from messaging.rules.telling import context_with
from messaging.services.live_triggers import LiveTriggers
from messaging.services.planning import Draft
from messaging.stores.base import Outcome, Store

#: How many of a customer's latest events of a type are looked at for one that cancels.
_LOOK_BACK = 50
#: What is a part of an order, as a trigger's key names it.
PARTS = ("shipment", "refund")
#: How many messages of one template to one customer are looked at.
_MESSAGES = 1000
#: When a message is due by what its trigger finds in a context; or why that cannot be told.
DueBy = Callable[[Trigger, datetime, Mapping[str, Any], Customer], datetime | str]


class Waiting:
    """Moves, cancels, and finds what has been told already."""

    def __init__(self, store: Store, *, due: DueBy, late: timedelta) -> None:
        self._store = store
        self._due = due
        self._late = late

    def context(self, event: Event, customer: Customer | None, *more: Event) -> dict[str, Any]:
        """What a template sees of `event`: `more` happened as well, and is perhaps not in the store as theirs."""
        others = self._store.events.about_the_same(event, customer.id) if customer is not None else []
        return context_with(event, (*others, *more))

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
        """Give a message that waits the due time and content of a later event with its key; return how many moved.

        One that happened before is told late: it moves nothing, and only fills what was left open.
        """
        if waiting.state is not MessageState.PLANNED or waiting.event_key == event.key:
            return 0
        if event.time < _happened_at(waiting):
            self._renew(waiting, draft.customer, event)
            return 0
        return self._store.outbox.postpone(
            [waiting.id], draft.due_at, expires_at=draft.expires_at, context=draft.context
        )

    def told_anew(self, event: Event, customer: Customer, live: LiveTriggers, index: int, now: datetime) -> int:
        """Move what waits for a time of which `event`, about the same thing, tells another."""
        trigger, moved = live.triggers[index], 0
        for message in self._of(customer, live, index):
            if about_the_same(context_of(event), message.context or {}) is not True:
                continue
            context = self._renewed(message, customer, event)
            due = self._due(trigger, _happened_at(message), context, customer)
            if isinstance(due, datetime) and (due := max(due, now)) != message.due_at:
                moved += self._store.outbox.postpone([message.id], due, expires_at=due + self._late, context=context)
        return moved

    def _renew(self, message: Message, customer: Customer, event: Event) -> None:
        """Show what `event` adds to what a message knows."""
        context = self._renewed(message, customer, event)
        if context != message.context:
            self._store.outbox.postpone([message.id], message.due_at, expires_at=message.expires_at, context=context)

    def _renewed(self, message: Message, customer: Customer, event: Event) -> dict[str, Any]:
        known = dict(message.context or {})
        key = event_key(known["event"]["source"], known["event"]["shop"], known["event"]["id"])
        last = self._store.events.get([key]).get(key)
        return known if last is None else {**known, **self.context(last, customer, event)}

    def told_once(self, draft: Draft, now: datetime) -> Draft:
        """`draft`, skipped if another event told the same thing: the whole order, or its parcel.

        Of an order and its parcel the parcel says more: a message about the order that still waits gives way to it. But
        what is due now goes before what waits for a later day.
        """
        context = draft.context or {}
        whole, part = told_as(draft)
        if whole is None and (part is None or context.get("refund", {}).get("whole") is False):
            return draft
        for message in self._store.outbox.page(
            customer_id=draft.customer.id, template=draft.version.template, limit=_MESSAGES
        ):
            kind = kind_of(message.trigger_key)
            other_part = whole is not None and kind in PARTS and not (kind == "refund" and _gives_more(context))
            other_whole = part is not None and kind == "order"
            if not (other_part or other_whole) or not _same_order(message.context or {}, context):
                continue
            waits = message.state is MessageState.PLANNED and message.worker is None
            if waits and _gives_way(message.due_at <= now, draft.due_at <= now, to_part=other_whole):
                self._skip([message], f"told by {_type(context)}")
            elif other_part or message.state is not MessageState.SKIPPED:
                return replace(draft, reason=f"told by {_type(message.context or {})}")
        return draft

    def cancel(self, event: Event, customer: Customer, live: LiveTriggers, index: int) -> int:
        """Skip what `event` cancels; return how many."""
        trigger = live.triggers[index]
        cancelled = [
            message
            for message in self._of(customer, live, index)
            if event.time >= _happened_at(message)
            and _same_thing(trigger, event, message.trigger_key, message.context or {})
        ]
        self._skip(cancelled, f"cancelled by {event.type}")
        return len(cancelled)

    def cancelled_already(self, event: Event, customer: Customer, trigger: Trigger) -> bool:
        """Whether what cancels it happened after `event`, though it was told before."""
        for type in trigger.cancel_on:
            for other in self._store.events.page(customer_id=customer.id, type=type, limit=_LOOK_BACK):
                later = other.time >= event.time and other.key != event.key
                if later and _same_thing(trigger, other, trigger_key(trigger, event), context_of(event)):
                    return True
        return False

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


def told_as(draft: Draft) -> tuple[str | None, str | None]:
    """The order that `draft` tells of as a whole, and the one of which it tells a part; by what both know it."""
    context, kind = draft.context or {}, kind_of(draft.trigger_key)
    names = names_in(context).get("order")
    if names is None:
        return None, None
    event = context.get("event", {})
    order = "/".join((draft.customer.id, str(event.get("source")), str(event.get("shop")), next(iter(names.values()))))
    return (order if kind == "order" else None), (order if kind in PARTS else None)


def _same_thing(trigger: Trigger, event: Event, key: str | None, context: Mapping[str, Any]) -> bool:
    """Whether a cancelling `event` is about what waits under `key` with `context`."""
    if trigger.key is not None and "+" not in trigger.key and value_at(trigger.key, event) is not None:
        return trigger_key(trigger, event) == key
    return cancels(event, context)


def _same_order(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    only_order = ({"order": each.get("order"), "event": each.get("event", {})} for each in (one, other))
    return about_the_same(*only_order) is True


def _gives_more(context: Mapping[str, Any]) -> bool:
    """Whether the refund of a whole order gives back more than refunds before it did."""
    return Decimal(context.get("refund", {}).get("amount", 0)) > 0


def _type(context: Mapping[str, Any]) -> str:
    return str(context.get("event", {}).get("type"))


def _happened_at(message: Message) -> datetime:
    """When the event happened that the message was last planned by."""
    return datetime.fromisoformat((message.context or {})["event"]["time"])
