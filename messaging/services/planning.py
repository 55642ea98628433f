"""Who gets what: turns drafts into messages, each planned, held back, or skipped with its reason.

Both doors come through here, campaigns and triggers, and so does a test send. It decides; it stores nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from messaging.errors import PluginError
from messaging.ids import message_id
from messaging.nouns.campaign import CampaignState
from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.decision import MessageFacts
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.template import TemplateVersion
from messaging.patience import at_home
from messaging.plugins import Plugins
from messaging.rules import policy
from messaging.stores.base import Address, Store

#: How far back plugins' checks see what was sent to a customer.
RECENT = timedelta(days=31)
#: Campaigns whose planned messages are on their way.
_RUNS = (CampaignState.PLANNING, CampaignState.SENDING)


@dataclass(slots=True, kw_only=True)
class Draft:
    """A message that somebody wants sent."""

    origin: str
    customer: Customer
    version: TemplateVersion
    lane: Lane
    due_at: datetime
    #: Not after this.
    expires_at: datetime | None = None
    #: None: the first of the template's channels that can reach the customer.
    channel: str | None = None
    campaign: str | None = None
    event_key: str | None = None
    trigger_key: str | None = None
    trigger: int | None = None
    context: Mapping[str, Any] | None = None
    #: Why it is skipped from the start.
    reason: str | None = None
    #: None: the template's. A test send is not marketing, whatever it shows.
    message_class: MessageClass | None = None


class Planner:
    """Chooses channels and applies policy to batches of drafts."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        *,
        channels: Callable[[str], bool],
        plugin_settings: Callable[[str], Any],
        address: Callable[[Customer, str], str | None] = Customer.address,
        timezone: str = "UTC",
    ) -> None:
        """`channels` says whether an adapter delivers on a channel, `address` where a customer is reached on it;
        `timezone` is that of customers who have none."""
        self._store = store
        self._plugins = plugins
        self._has_adapter = channels
        self._plugin_settings = plugin_settings
        self._address = address
        self._timezone = timezone

    def plan(self, drafts: Sequence[Draft], *, now: datetime, hold: bool = False) -> list[Message]:
        """A message for each draft, in order.

        `hold`: if a check cannot be asked now, they are planned all the same and say so. None goes unchecked by that:
        checks are asked again before a message is handed over.

        Raises:
            PluginError: a check failed, unless `hold`.
        """
        choices = [
            [(channel, self._address(draft.customer, channel)) for channel in self._channels(draft)] for draft in drafts
        ]
        statuses = self._store.addresses.status(
            {(channel, address) for places in choices for channel, address in places if address}
        )
        messages = [self._message(draft, places, statuses, now) for draft, places in zip(drafts, choices, strict=True)]
        customers = {draft.customer.id: draft.customer for draft in drafts}
        try:
            return self.check(messages, customers, statuses, now=now)
        except PluginError as error:
            if not hold:
                raise
            return [
                replace(message, reason=error.message) if message.state is MessageState.PLANNED else message
                for message in messages
            ]

    def _channels(self, draft: Draft) -> Sequence[str]:
        if draft.channel is not None:
            return (draft.channel,)
        usable = [channel for channel in draft.version.channels if self._has_adapter(channel)]
        return usable or draft.version.channels[:1]

    def _message(
        self,
        draft: Draft,
        places: Sequence[tuple[str, str | None]],
        statuses: Mapping[Address, AddressStatus],
        now: datetime,
    ) -> Message:
        message_class = draft.message_class or draft.version.message_class
        (chosen, address), reason = places[0], draft.reason
        for place in places if reason is None else ():
            why = _refusal(draft, *place, message_class, statuses)
            if why is None:
                (chosen, address), reason = place, None
                break
            reason = reason or why
        return Message(
            id=message_id(draft.origin, draft.customer.id, chosen),
            origin=draft.origin,
            customer_id=draft.customer.id,
            channel=chosen,
            address=address,
            template=draft.version.template,
            version=draft.version.version,
            message_class=message_class,
            topic=draft.version.topic,
            lane=draft.lane,
            campaign=draft.campaign,
            event_key=draft.event_key,
            trigger_key=draft.trigger_key,
            trigger=draft.trigger,
            context=draft.context,
            state=MessageState.SKIPPED if reason else MessageState.PLANNED,
            reason=reason,
            due_at=draft.due_at,
            expires_at=draft.expires_at,
            created_at=now,
        )

    def check(
        self,
        messages: Sequence[Message],
        customers: Mapping[str, Customer],
        statuses: Mapping[Address, AddressStatus],
        *,
        now: datetime,
    ) -> list[Message]:
        """Let plugins deny or delay those that are planned; the others come back as they are.

        Raises:
            PluginError: a check failed; the batch must be held.
        """
        if not self._plugins.has_checks():
            return list(messages)
        asked = [message for message in messages if message.state is MessageState.PLANNED]
        if not asked:
            return list(messages)
        people = list(dict.fromkeys(message.customer_id for message in asked))
        facts = MessageFacts(
            now=now,
            customers=customers,
            recent=Later(lambda: self._store.outbox.recent(people, now - RECENT)),
            pending=Later(lambda: self._pending(people)),
            addresses=statuses,
            timezone=self._timezone,
        )
        denied, delayed = policy.combine(self._plugins.check_messages(asked, facts, self._plugin_settings))
        return [_decided(message, denied, delayed) for message in messages]

    def _pending(self, people: Sequence[str]) -> dict[str, tuple[Message, ...]]:
        """What else they may get; a campaign that is paused or stopped may never send its own."""
        found = self._store.outbox.pending(people)
        names = {message.campaign for messages in found.values() for message in messages if message.campaign}
        runs = {name for name in names if (one := self._store.campaigns.get(name)) is not None and one.state in _RUNS}
        return {
            customer_id: tuple(
                message
                for message in messages
                if message.state is not MessageState.PLANNED or message.campaign is None or message.campaign in runs
            )
            for customer_id, messages in found.items()
        }


class Later(Mapping[Any, Any]):
    """A mapping that is loaded when it is first looked at: most checks ask for one, or for none.

    By the thread that asks the checks: it may be in a transaction.
    """

    def __init__(self, load: Callable[[], Mapping[Any, Any]]) -> None:
        self._load = load
        self._known: Mapping[Any, Any] | None = None

    @property
    def _loaded(self) -> Mapping[Any, Any]:
        # No cached_property: before Python 3.12 all of these would share one lock while they ask the store.
        if self._known is None:
            self._known = at_home(self._load)
        return self._known

    def __getitem__(self, key: Any) -> Any:
        return self._loaded[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._loaded)

    def __len__(self) -> int:
        return len(self._loaded)


def _refusal(
    draft: Draft,
    channel: str,
    address: str | None,
    message_class: MessageClass,
    statuses: Mapping[Address, AddressStatus],
) -> str | None:
    if not address:
        return f"{policy.NO_ADDRESS} ({channel})"
    if channel not in draft.version.parts:
        return f"template has no {channel} part"
    return policy.refusal(statuses[channel, address], message_class, draft.version.topic)


def _decided(message: Message, denied: Mapping[str, str], delayed: Mapping[str, tuple[datetime, str]]) -> Message:
    if message.id in denied:
        return replace(message, state=MessageState.SKIPPED, reason=denied[message.id])
    if message.id in delayed and delayed[message.id][0] > message.due_at:
        time, reason = delayed[message.id]
        return replace(message, due_at=time, reason=reason)
    return message
