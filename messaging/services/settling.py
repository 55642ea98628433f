"""What a receipt, or its loss, makes of a message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from messaging.answers import adapters as answers
from messaging.errors import MessagingError
from messaging.nouns.adapter import Adapter, Receipt, Verdict
from messaging.nouns.consent import Suppression
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageClass, MessageState
from messaging.plugins import Plugins
from messaging.rules.retry import TWICE, backoff, still_said
from messaging.services.handover import without_secrets
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

log = logging.getLogger("messaging.settling")


class Handed(NamedTuple):
    """A message that is marked. Its row says so only where it was read since: a copy of each would cost as much as all
    that is done with it.
    """

    message: Message
    #: Which hand-over it is, from 1.
    attempt: int
    #: The template's variant it was rendered in, if that is known.
    variant: str | None

    @classmethod
    def read(cls, row: Message) -> Handed:
        """From a row that says it."""
        return cls(row, row.attempts, row.variant)


class Settling:
    """Records receipts; decides about another attempt."""

    def __init__(
        self,
        store: Store,
        plugins: Plugins,
        *,
        attempts: int,
        first_wait: timedelta,
        longest_wait: timedelta,
        at_least_once: bool,
        timeout: timedelta,
        record: Callable[[Sequence[Engagement]], object],
    ) -> None:
        """`at_least_once`: a transactional message whose answer was lost is sent again. `timeout`: how long an adapter
        may take to tell of one. `record` keeps engagement.
        """
        self._store = store
        self._plugins = plugins
        self._attempts = attempts
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._at_least_once = at_least_once
        self._timeout = timeout.total_seconds()
        self._record = record
        self._sent: list[Message] = []
        self._delivered: list[Engagement] = []

    def receipts(
        self, receipts: Sequence[Receipt], handed: Mapping[str, Handed], adapter: Adapter, *, now: datetime
    ) -> list[MessageState]:
        """Record receipts of messages (by id) that were handed over; return the messages' new states, in order."""
        outcomes = []
        suppressions: dict[str, Suppression] = {}
        for receipt in receipts:
            one = handed[receipt.message_id]
            outcomes.append(self._outcome(one, receipt, adapter, now))
            message = one.message
            if receipt.suppress and message.address:
                suppressions[message.id] = Suppression(
                    channel=message.channel,
                    address=message.address,
                    reason=receipt.suppress,
                    at=now,
                    source=f"{adapter.name}: {receipt.reason}",
                )
        if suppressions:
            with self._store.transaction():
                self._store.outbox.settle(outcomes)
                kept = self._store.outbox.get(suppressions).values()  # not those of customers erased meanwhile
                self._store.addresses.suppress(suppressions[message.id] for message in kept if message.address)
        else:
            self._store.outbox.settle(outcomes)
        return [outcome.state for outcome in outcomes]

    def lost(self, handed: Sequence[Handed], why: str, adapter: Adapter | None, *, now: datetime) -> list[MessageState]:
        """Settle messages whose answer was lost, as far as that can be done without doubling one."""
        outcomes = [self._lost(one, why, adapter, now) for one in handed]
        self._store.outbox.settle(outcomes)
        self.tell()  # of those that an adapter, when asked, says it took
        return [outcome.state for outcome in outcomes]

    def tell(self) -> None:
        """Tell plugins what was sent since the last time, and record what is known to have arrived."""
        if self._sent:
            sent, self._sent = self._sent, []
            self._plugins.messages_sent(sent)
        if self._delivered:
            delivered, self._delivered = self._delivered, []
            self._record(delivered)

    def _outcome(self, handed: Handed, receipt: Receipt, adapter: Adapter, now: datetime) -> Outcome:
        message = handed.message
        if receipt.verdict is Verdict.ACCEPTED:
            if self._plugins.hears("messages_sent"):
                self._sent.append(_sent(handed, adapter, now))
            if receipt.delivered:
                self._delivered.append(_delivery(message, adapter, now))
            return Outcome(
                message_id=message.id,
                state=MessageState.SENT,
                reason=still_said(message.reason, None),
                adapter=adapter.name,
                provider_id=receipt.provider_id,
                sent_at=now,
                context=message.context,
                variant=handed.variant,
                of_attempt=handed.attempt,
            )
        if receipt.verdict is Verdict.REFUSED:
            return Outcome(
                message_id=message.id,
                state=MessageState.REFUSED,
                reason=still_said(message.reason, receipt.reason or "refused"),
                adapter=adapter.name,
                of_attempt=handed.attempt,
            )
        if receipt.verdict is Verdict.UNKNOWN:
            return self._lost(handed, receipt.reason or "no answer", adapter, now)
        return self._again(handed, receipt.reason or "try again", receipt.after, now, adapter.name)

    def _again(
        self, handed: Handed, reason: str, after: timedelta | None, now: datetime, adapter: str | None
    ) -> Outcome:
        message = handed.message
        reason = still_said(message.reason, reason) or reason
        if handed.attempt >= self._attempts:
            return Outcome(
                message_id=message.id,
                state=MessageState.REFUSED,
                reason=f"gave up: {reason}",
                adapter=adapter,
                of_attempt=handed.attempt,
            )
        wait = backoff(message.id, handed.attempt, first=self._first_wait, longest=self._longest_wait, asked=after)
        return Outcome(
            message_id=message.id,
            state=MessageState.PLANNED,
            reason=reason,
            due_at=now + wait,
            of_attempt=handed.attempt,
        )

    def _lost(self, handed: Handed, why: str, adapter: Adapter | None, now: datetime) -> Outcome:
        message = handed.message
        unknown = Outcome(
            message_id=message.id,
            state=MessageState.UNKNOWN,
            reason=still_said(message.reason, why),
            adapter=adapter.name if adapter else None,
            variant=handed.variant,
            of_attempt=handed.attempt,
        )
        if adapter is None:
            return unknown
        spent = handed.attempt >= self._attempts  # it is not "refused": the last time, too, it may have been taken
        if adapter.capabilities.idempotency_key and not spent:
            return self._again(handed, why, None, now, adapter.name)
        if adapter.capabilities.lookup:
            found = self._found(adapter, message.id)
            if found is not None and found.verdict is not Verdict.UNKNOWN:
                return self._outcome(handed, found, adapter, now)
        if self._at_least_once and not spent and message.message_class is MessageClass.TRANSACTIONAL:
            return self._again(handed, f"{why}; sent again, {TWICE}", None, now, adapter.name)
        return unknown

    def _found(self, adapter: Adapter, message_id: str) -> Receipt | None:
        """What the adapter says of a message when it is asked, if it can tell."""
        try:
            found = self._plugins.call_adapter(
                adapter.name, "lookup", lambda: answers.found(adapter.lookup(message_id), message_id), self._timeout
            )
        except MessagingError as error:
            log.error("%s", error)
            return None
        if found is not None and found.reason is not None:
            return replace(found, reason=without_secrets(found.reason, adapter.settings))
        return found


def _sent(handed: Handed, adapter: Adapter, at: datetime) -> Message:
    return replace(
        handed.message,
        state=MessageState.SENT,
        attempts=handed.attempt,
        adapter=adapter.name,
        sent_at=at,
        variant=handed.variant,
    )


def _delivery(message: Message, adapter: Adapter, at: datetime) -> Engagement:
    # One a message, should an attempt whose answer was lost have arrived too.
    return Engagement(
        id=f"{message.id}:delivered", kind=EngagementKind.DELIVERED, at=at, message_id=message.id, source=adapter.name
    )
