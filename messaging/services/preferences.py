"""What a reader wants: the choices behind the preferences page, by topic and channel.

Whoever holds a message may choose for its reader, as with every unsubscribe link. A message that went to an
address its customer no longer has speaks for that address only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter

from messaging.errors import InputError
from messaging.ids import random_id
from messaging.nouns.consent import ALL_TOPICS, Consent
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageClass
from messaging.rules.policy import agreed_to, standing
from messaging.services.customers import Reached
from messaging.services.recording import Recorder
from messaging.stores.base import Store

PROOF = "preferences page"
#: How often in a day a reader may agree again, for one address: each decision is kept for ever, and whoever was
#: forwarded a message could fill the disk. Withdrawing is never refused.
MOST_A_DAY = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """One box of the page: whether messages on a topic may come on a channel."""

    topic: str
    channel: str
    granted: bool


class TooOften(InputError):
    """Somebody changes their mind more often than people do."""

    status = 429


class Preferences:
    """Shows and changes choices."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        *,
        topics: Callable[[], Sequence[str]],
        channels: Callable[[], Sequence[str]],
        reached: Reached = lambda customer_ids, places: None,
    ) -> None:
        """`topics` are those of marketing; `channels` those that messages can go out on.

        `reached` is told of who may be written to now.
        """
        self._store = store
        self._recorder = recorder
        self._topics = topics
        self._channels = channels
        self._reached = reached

    def choices(self, message_id: str) -> list[Choice]:
        """What the reader of a message can choose and how it stands, by topic and channel.

        Raises:
            NotFound: there is no such message.
        """
        message = self._recorder.message(message_id)
        addresses = self._addresses(message)
        status = self._store.addresses.status(list(addresses.items()))
        found = []
        for topic in self._offered(message):
            for channel, address in addresses.items():
                decision = standing(status[channel, address].consents, topic)
                found.append(Choice(topic, channel, decision is not None and decision.granted))
        return found

    def choose(
        self, message_id: str, wanted: Collection[tuple[str, str]], *, shown: Collection[tuple[str, str]]
    ) -> None:
        """Of `shown` (topic, channel), set those in `wanted` and unset the others; what was not shown stays.

        Raises:
            NotFound: there is no such message.
            TooOften: it would be agreed to something more than `MOST_A_DAY` times; nothing is changed.
        """
        with self._store.transaction():
            message = self._recorder.message(message_id)
            changes = {
                (choice.topic, choice.channel): (choice.topic, choice.channel) in wanted
                for choice in self.choices(message_id)
                if (choice.topic, choice.channel) in shown
                and choice.granted != ((choice.topic, choice.channel) in wanted)
            }
            self._change(message, changes)

    def withdraw_all(self, message_id: str) -> None:
        """Withdraw from everything, on every channel.

        Raises:
            NotFound: there is no such message.
        """
        with self._store.transaction():
            message = self._recorder.message(message_id)
            changes = dict.fromkeys(((ALL_TOPICS, channel) for channel in self._addresses(message)), False)
            self._change(message, changes)

    def _change(self, message: Message, changes: Mapping[tuple[str, str], bool]) -> None:
        """Add the decisions, and count a withdrawal from what this message is about as its."""
        addresses = self._addresses(message)
        consents = []
        for (topic, channel), granted in changes.items():
            address = channel, addresses[channel]
            known = self._store.addresses.status([address])[address].consents
            if granted and self._agreed_lately(known) >= MOST_A_DAY:
                raise TooOften("too many changes today", hint="try again tomorrow")
            latest = max(known, key=attrgetter("at"), default=None)
            if latest is not None and (latest.topic, latest.granted) == (ALL_TOPICS, False) and not granted:
                continue
            consents.append(
                Consent(
                    channel=channel,
                    address=addresses[channel],
                    topic=topic,
                    granted=granted,
                    at=self._recorder.now_after(latest),
                    source=PROOF,
                    message_id=message.id,
                )
            )
        self._store.addresses.add_consents(consents)
        if agreed := agreed_to(consents):
            self._reached([message.customer_id], agreed)
        for consent in consents:
            about_it = consent.channel == message.channel and consent.topic in (message.topic, ALL_TOPICS)
            if about_it and not consent.granted:
                self._recorder.record([_withdrawal(consent)], moves=False)

    def _agreed_lately(self, consents: Sequence[Consent]) -> int:
        since = self._recorder.now_after(None) - timedelta(days=1)
        return sum(consent.granted and consent.source == PROOF and consent.at > since for consent in consents)

    def _offered(self, message: Message) -> list[str]:
        topics = list(dict.fromkeys(self._topics()))
        if message.message_class is MessageClass.MARKETING and message.topic not in topics:
            topics.append(message.topic)
        return topics

    def _addresses(self, message: Message) -> dict[str, str]:
        """Channel -> address that this message speaks for."""
        if message.address is None:
            return {}
        own: dict[str, str] = {message.channel: message.address}
        customer = self._store.customers.get([message.customer_id]).get(message.customer_id)
        if customer is None or customer.address(message.channel) != message.address:
            return own
        for channel in self._channels():
            address = customer.address(channel)
            if address is not None:
                own.setdefault(channel, address)
        return own


def _withdrawal(consent: Consent) -> Engagement:
    return Engagement(
        id=random_id(),
        kind=EngagementKind.UNSUBSCRIBED,
        at=consent.at,
        message_id=consent.message_id,
        raw={"proof": PROOF},
    )
