"""Whether a planned message may still go: asked when it is locked, and again in the transaction that marks it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from messaging.errors import PluginError
from messaging.meters import note
from messaging.nouns.campaign import CampaignState
from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.message import Message, MessageState
from messaging.rules import policy
from messaging.rules.retry import still_said
from messaging.services.planning import Later, Planner
from messaging.services.triggering import Triggering
from messaging.services.waiting import SUPERSEDED
from messaging.stores.base import Address, Store
from messaging.stores.outbox import Outcome

#: When what could not be asked is asked again.
AGAIN = timedelta(minutes=1)
#: What reasons begin with; all others are the rules' and other plugins'.
_CLASSES = (
    *(policy.SUPPRESSED, policy.NO_CONSENT, policy.UNSUBSCRIBED, "late", "unless", SUPERSEDED),
    *("cannot be rendered", "its short link"),
)


class Rechecks:
    """What is asked once more, since a message may have waited for days."""

    def __init__(self, store: Store, planner: Planner, triggering: Triggering) -> None:
        self._store = store
        self._planner = planner
        self._triggering = triggering

    def ready(
        self, messages: Sequence[Message], customers: Mapping[str, Customer], now: datetime
    ) -> tuple[list[Message], list[Outcome], PluginError | None]:
        """Those that may still go, what becomes of the others, and why checks could not be asked, if so."""
        decided: list[Outcome] = []
        timely = []
        for message in messages:
            if message.expires_at is not None and message.expires_at <= now:
                decided.append(skipped(message, "late"))
            else:
                timely.append(message)
        stories = self._triggering.stories(timely)
        vetoed = self._triggering.due_checks(timely, now, stories)
        decided.extend(skipped(message, vetoed[message.id]) for message in timely if message.id in vetoed)
        timely = [message for message in timely if message.id not in vetoed]
        ready = []
        try:
            # Consent itself is asked in the transaction that marks them; a plugin's check may want to see it now.
            statuses = Later(lambda: self._statuses(timely))
            checked = self._planner.check(timely, customers, statuses, now=now)
        except PluginError as error:
            # A check that fails holds the batch: it is asked again, and nobody is written to meanwhile.
            later = now + AGAIN
            return [], [*decided, *(held(message, later, error.message) for message in timely)], error
        for message in checked:
            if message.state is MessageState.SKIPPED:
                decided.append(skipped(message, message.reason or ""))
            elif message.due_at > now:
                decided.append(held(message, message.due_at, message.reason or "held"))
            else:
                ready.append(message)
        return self._triggering.renewed(ready, stories), decided, None

    def stopped(self, messages: Collection[Message]) -> bool:
        """Whether a campaign of theirs is no longer being sent."""
        for name in {message.campaign for message in messages if message.campaign}:
            campaign = self._store.campaigns.get(name)
            if campaign is None or campaign.state is not CampaignState.SENDING:
                return True
        return False

    def refused(self, messages: Collection[Message]) -> list[Outcome]:
        """What becomes of those whose address must not be written to (any more)."""
        statuses = self._statuses(messages)
        refused = []
        for message in messages:
            status = statuses[message.channel, message.address or ""]
            why = policy.refusal(status, message.message_class, message.topic)
            if why is not None:
                refused.append(skipped(message, why))
        return refused

    def _statuses(self, messages: Collection[Message]) -> dict[Address, AddressStatus]:
        return self._store.addresses.status({(message.channel, message.address or "") for message in messages})


def skipped(message: Message, reason: str) -> Outcome:
    """It does not go."""
    note("skips", reason=next((known for known in _CLASSES if reason.startswith(known)), "rule"))
    said = still_said(message.reason, reason)
    return Outcome(message_id=message.id, state=MessageState.SKIPPED, reason=said, of_attempt=message.attempts)


def held(message: Message, until: datetime, reason: str) -> Outcome:
    """It goes later."""
    said = still_said(message.reason, reason)
    return Outcome(
        message_id=message.id, state=MessageState.PLANNED, reason=said, due_at=until, of_attempt=message.attempts
    )
