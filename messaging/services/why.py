"""Why a message was sent, waits, or was not sent: what caused it, and what each rule said of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from messaging.errors import PluginError
from messaging.nouns.consent import ALL_TOPICS, AddressStatus
from messaging.nouns.event import Event
from messaging.nouns.message import Message, MessageClass, MessageState
from messaging.nouns.template import Trigger
from messaging.rules import policy
from messaging.rules.timing import duration_text
from messaging.services.live_triggers import TriggerSwitch
from messaging.services.planning import Planner
from messaging.services.waiting import SUPERSEDED
from messaging.stores.base import Store

#: Says of messages which must be skipped now, and why (`unless`).
DueChecks = Callable[[Sequence[Message], datetime], Mapping[str, str]]
#: Messages with the reason why they wait as of now.
Shown = Callable[[Sequence[Message]], Sequence[Message]]


@dataclass(frozen=True, slots=True)
class Reason:
    """One question and its answer."""

    #: `cause`, `content`, `address`, `consent`, `suppression`, `unless`, `rules`, `time`, `adapter`, `outcome`.
    about: str
    text: str
    #: Whether it stops the message, or holds it back.
    against: bool = False

    def to_document(self) -> dict[str, Any]:
        return {"about": self.about, "text": self.text, "against": self.against}


class Why:
    """Explains messages from what is kept. Of those that wait, it asks the rules as of now."""

    def __init__(
        self, store: Store, planner: Planner, switch: TriggerSwitch, due_checks: DueChecks, shown: Shown = list
    ) -> None:
        """`shown` puts in why a message waits now, if its adapter rests."""
        self._store = store
        self._planner = planner
        self._switch = switch
        self._due_checks = due_checks
        self._shown = shown

    def message(self, message: Message, *, now: datetime) -> list[Reason]:
        """What caused a message, and what each rule says of it, in the order they are asked."""
        status = self._store.addresses.status([(message.channel, message.address or "")])
        waits = message.state is MessageState.PLANNED
        (shown,) = self._shown([message])
        rests = [Reason("adapter", shown.reason, against=True)] if shown != message and shown.reason else []
        return [
            self.cause(message),
            Reason("content", f"{message.template}, version {message.version[:7]}, {message.message_class.value}"),
            *_of_the_address(message, status[message.channel, message.address or ""]),
            *self._unless(message, now if waits else None),
            *(self._rules(message, status, now) if waits else ()),
            *_of_the_time(message, now),
            *rests,
            Reason("outcome", _outcome(message), against=message.state in (MessageState.SKIPPED, MessageState.REFUSED)),
        ]

    def cause(self, message: Message) -> Reason:
        """The trigger and its event, the campaign and its segment, or the test."""
        if message.campaign is not None:
            campaign = self._store.campaigns.get(message.campaign)
            to = f", to the segment {campaign.segment} as of {_shown(campaign.started_at)}" if campaign else ""
            return Reason("cause", f"the campaign {message.campaign}{to}")
        if message.event_key is None:
            return Reason("cause", "a test, asked for by a person")
        event = self._store.events.get([message.event_key]).get(message.event_key)
        trigger = self._trigger(message)
        timing = _timing(trigger) if trigger is not None else ""
        what = of_the_event(event) if event is not None else "an event that is gone by now"
        return Reason("cause", f"{what}{timing}, once for {unquote(message.trigger_key or '')}")

    def _trigger(self, message: Message) -> Trigger | None:
        triggers = self._switch.triggers(message.template)
        index = message.trigger
        return triggers[index] if index is not None and index < len(triggers) else None

    def _unless(self, message: Message, now: datetime | None) -> list[Reason]:
        trigger = self._trigger(message)
        against = self._due_checks([message], now).get(message.id, "") if now is not None else ""
        if against.startswith(SUPERSEDED):
            return [Reason("news", f"it is none any more: {against}", against=True)]
        if trigger is None or trigger.unless is None:
            return []
        if now is None:
            was = (message.reason or "").startswith("unless: ")
            return [Reason("unless", f"{trigger.unless}: was {'true' if was else 'false'} when asked", against=was)]
        true = bool(against)
        return [Reason("unless", f"{trigger.unless}: is {'true' if true else 'false'} now; asked when it is due", true)]

    def _rules(
        self, message: Message, statuses: Mapping[tuple[str, str], AddressStatus], now: datetime
    ) -> list[Reason]:
        """What plugins' checks say of a message that waits."""
        customers = self._store.customers.get([message.customer_id])
        try:
            (checked,) = self._planner.check([message], customers, statuses, now=now)
        except PluginError as error:
            return [Reason("rules", f"hold it back: {error}", against=True)]
        if checked.state is MessageState.SKIPPED:
            return [Reason("rules", f"would stop it now: {checked.reason}", against=True)]
        if checked.due_at > message.due_at:
            return [Reason("rules", f"would hold it until {_shown(checked.due_at)}: {checked.reason}", against=True)]
        return [Reason("rules", "quiet hours, caps and other plugins' rules let it pass now")]


def _of_the_address(message: Message, status: AddressStatus) -> list[Reason]:
    if not message.address:
        return [Reason("address", f"there is none for {message.channel}", against=True)]
    found = [Reason("address", f"{message.address} by {message.channel}")]
    if status.suppression is not None:
        stop = status.suppression
        by = f", told by {stop.source}" if stop.source else ""
        found.append(Reason("suppression", f"{stop.reason} since {_shown(stop.at)}{by}", against=True))
    if message.message_class is MessageClass.TRANSACTIONAL:
        found.append(Reason("consent", "not asked for: it is transactional"))
        return found
    decision = policy.standing(status.consents, message.topic)
    if decision is None:
        found.append(Reason("consent", f"none to {message.topic}", against=True))
        return found
    topic = "everything" if decision.topic == ALL_TOPICS else decision.topic
    word = "given to" if decision.granted else "withdrawn from"
    text = f"{word} {topic} on {_shown(decision.at)}{f' by {decision.source}' if decision.source else ''}"
    found.append(Reason("consent", text, against=not decision.granted))
    return found


def of_the_event(event: Event) -> str:
    """An event in a line."""
    return f"the event {event.type} {event.id} of {event.source}/{event.shop}, {_shown(event.time)}"


def _timing(trigger: Trigger) -> str:
    if trigger.at is not None:
        return f", at {trigger.at}"
    told = f", or once {' or '.join(trigger.waits_for)} is told" if trigger.waits_for else ""
    return f", {duration_text(trigger.after)} later{told}" if trigger.after else ""


def _of_the_time(message: Message, now: datetime) -> list[Reason]:
    if message.state is not MessageState.PLANNED:
        return []
    held = f": {message.reason}" if message.reason else ""
    if message.due_at > now:
        return [Reason("time", f"due on {_shown(message.due_at)}{held}", against=bool(held))]
    return [Reason("time", f"due since {_shown(message.due_at)}{held}: what sends it is messaging serve or send-due")]


def _outcome(message: Message) -> str:
    because = f": {message.reason}" if message.reason else ""
    if message.state is MessageState.SENT:
        by = f" by {message.adapter}" if message.adapter else ""
        name = f" as {message.provider_id}" if message.provider_id else ""
        return f"sent on {_shown(message.sent_at)}{by}{name}{because}"
    attempts = f", {message.attempts} attempts" if message.attempts > 1 else ""
    return f"{message.state.value}{attempts}{because}"


def _shown(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time is not None else "a time that is not kept"
