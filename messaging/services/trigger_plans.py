"""What a template's triggers would have done with the events of the last days, and what of theirs waits now.

Nothing is stored. It is a look at the past with today's customers, consent and `unless`: a close guess, not
a replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain
from typing import Any

from messaging.clock import Clock
from messaging.nouns.event import Event
from messaging.nouns.message import Message, MessageState
from messaging.rules.event_types import names_of
from messaging.rules.subjects import kind_of, names_in
from messaging.services.live_triggers import LiveTriggers
from messaging.services.planning import Draft, Planner
from messaging.services.triggering import PAGE, Holding, Triggering
from messaging.services.waiting import PARTS
from messaging.stores.base import Store

_ALL = 10_000_000


@dataclass(slots=True, kw_only=True)
class TriggerPlan:
    """The look."""

    template: str
    enabled: bool
    days: float
    #: Events of the last days that its triggers go by.
    events: int = 0
    #: Messages that would have been planned; each key once.
    planned: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    #: Messages that wait now.
    waiting: int = 0

    def summary(self) -> dict[str, Any]:
        """What the command line prints as JSON."""
        return {
            "template": self.template,
            "enabled": self.enabled,
            "days": self.days,
            "events": self.events,
            "planned": self.planned,
            "skipped": dict(self.skipped.most_common()),
            "warnings": dict(self.warnings.most_common()),
            "waiting": self.waiting,
        }


class TriggerPlans:
    """Makes them."""

    def __init__(
        self, store: Store, clock: Clock, *, triggering: Triggering, planner: Planner, holding: Holding
    ) -> None:
        self._store = store
        self._clock = clock
        self._triggering = triggering
        self._planner = planner
        self._holding = holding

    def make(self, name: str, *, days: float) -> TriggerPlan:
        """Look at a template's triggers, whether they are on or off.

        Raises:
            NotFound: there is no such template, or it has no triggers.
        """
        live = self._triggering.switch.live(name)
        plan = TriggerPlan(template=name, enabled=live is not None, days=days)
        live = live or self._triggering.switch.written(name)
        page: list[Draft] = []
        for draft in self._drafts(live, plan):
            page.append(draft)
            if len(page) == PAGE:
                self._count(page, live, plan)
                page = []
        self._count(page, live, plan)
        plan.waiting = sum(1 for _ in waiting(self._store, name))
        return plan

    def _drafts(self, live: LiveTriggers, plan: TriggerPlan) -> Iterator[Draft]:
        """What the triggers ask for, each key and customer once; of an order and its parcels, the parcels."""
        since = self._clock.now() - timedelta(days=plan.days)
        seen: set[tuple[str, str]] = set()
        wholes: list[tuple[tuple[str, ...], Draft]] = []
        in_parts: set[tuple[str, ...]] = set()
        for index, trigger in enumerate(live.triggers):
            for event in chain(*(self._store.events.page(type=name, limit=_ALL) for name in names_of(trigger.event))):
                if since <= event.time <= self._clock.now():
                    plan.events += 1
                    for draft in self._of(event, live, index, plan):
                        once = (draft.origin, draft.customer.id)
                        if once in seen:
                            continue
                        seen.add(once)
                        order, kind = _order(draft), kind_of(draft.trigger_key) if trigger.key is None else None
                        if order is not None and kind == "order":
                            wholes.append((order, draft))
                            continue
                        if order is not None and kind in PARTS:
                            in_parts.add(order)
                        yield draft
        yield from (draft for order, draft in wholes if order not in in_parts)

    def _of(self, event: Event, live: LiveTriggers, index: int, plan: TriggerPlan) -> list[Draft]:
        if live.triggers[index].to_many:
            customers = list(self._triggering.audience(event, live, index))
        elif event.customer_id is None:
            customers = []
        else:
            customers = list(self._store.customers.get([event.customer_id]).values())
        told = [(customer, self._triggering.story(event, customer.id)) for customer in customers]
        drafts, problems = self._triggering.drafts(told, live, index, now=event.time)
        plan.warnings.update(problems)
        return drafts

    def _count(self, drafts: list[Draft], live: LiveTriggers, plan: TriggerPlan) -> None:
        now = self._clock.now()
        messages = self._planner.plan(drafts, now=now)
        for index, trigger in enumerate(live.triggers):
            mine = [m for m in messages if m.trigger == index and m.state is MessageState.PLANNED]
            if trigger.unless and mine:
                vetoed = set(self._holding(trigger.unless, mine, now))
                messages = [_vetoed(m, trigger.unless) if m.id in vetoed else m for m in messages]
        for message in messages:
            if message.state is MessageState.PLANNED:
                plan.planned += 1
            else:
                plan.skipped[message.reason or ""] += 1


def waiting(store: Store, template: str) -> Iterator[Message]:
    """A template's event-driven messages that are planned."""
    after = None
    while page := store.outbox.page(template=template, state=MessageState.PLANNED, after=after, limit=PAGE):
        after = page[-1].id
        yield from (message for message in page if message.trigger is not None)


def _order(draft: Draft) -> tuple[str, ...] | None:
    """The customer's order that a draft tells of."""
    context = draft.context or {}
    names, event = names_in(context).get("order"), context["event"]
    return (draft.customer.id, event["source"], event["shop"], next(iter(names.values()))) if names else None


def _vetoed(message: Message, unless: str) -> Message:
    return replace(message, state=MessageState.SKIPPED, reason=f"unless: {unless}")
