"""The outbox's part of the store port: messages with their states, and what becomes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from messaging.nouns.history import MessageFact
from messaging.nouns.message import Lane, Message, MessageState


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a message becomes: the next state and all that changes with it.

    Nobody changes one. It is not frozen because there is one for each message, and a frozen one takes longer to make.
    """

    message_id: str
    state: MessageState
    reason: str | None = None
    #: For a message that is planned again.
    due_at: datetime | None = None
    #: How often it was handed over, should the last time turn out to be none; None leaves it as it is.
    attempts: int | None = None
    #: None leaves it as it is.
    adapter: str | None = None
    provider_id: str | None = None
    sent_at: datetime | None = None
    #: The rendering context as it went out; None leaves it as it is.
    context: Mapping[str, Any] | None = None
    #: What it was rendered in; None leaves it as it is.
    variant: str | None = None
    #: Of which hand-over a sender speaks, who may have been taken for dead since; None: of the message as it is now.
    of_attempt: int | None = None


class Outbox(ABC):
    """Messages with their states; the one truth about what was sent."""

    @abstractmethod
    def add(self, messages: Sequence[Message]) -> int:
        """Insert those whose id is not there yet; return how many were new. Others are left as they are."""

    @abstractmethod
    def replan(self, messages: Sequence[Message]) -> int:
        """Put messages in the place of those with their ids that were skipped; return how many. Others stay.

        So does what may have arrived already (`rules.retry.TWICE`): that is for a person to say.

        Of several with one id the last counts.
        """

    @abstractmethod
    def get(self, ids: Iterable[str]) -> dict[str, Message]: ...

    @abstractmethod
    def page(
        self,
        *,
        campaign: str | None = None,
        customer_id: str | None = None,
        template: str | None = None,
        state: MessageState | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> list[Message]:
        """Messages in order of id, after the id `after`."""

    @abstractmethod
    def counts(self, campaign: str) -> dict[MessageState, int]:
        """How many of a campaign's messages are in each state; every state has an entry."""

    @abstractmethod
    def totals(self) -> dict[tuple[Lane, str, MessageState], int]:
        """How many messages there are by lane, channel and state, those of which there are some. Counts nothing anew.

        Event-driven messages go by their version's class: also the few that are transactional and to many, and wait
        in the second lane, count as the first's.
        """

    @abstractmethod
    def reasons(self, campaign: str) -> dict[tuple[MessageState, str], int]:
        """How many of a campaign's messages are in a state for a reason."""

    @abstractmethod
    def claim(
        self,
        worker: str,
        *,
        now: datetime,
        limit: int,
        lanes: Collection[Lane] | None = None,
        campaign: str | None = None,
        channel: str | None = None,
    ) -> list[Message]:
        """Lock up to `limit` planned messages that are due, for `worker`, and return them: by lane, then due time.

        Only messages of `lanes`, or of `campaign`, and on `channel`, if given. Nobody else is given them until they
        are settled, released, or the worker is dead. Need not be durable: a lost lock frees the row.
        """

    @abstractmethod
    def begin(self, worker: str, ids: Sequence[str], *, now: datetime) -> list[str]:
        """Mark as `sending`, with one attempt more, those of `ids` that are still planned and locked by `worker`.

        Returns them. Durable when it returns: from then on their bytes may leave.
        """

    @abstractmethod
    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Record what became of messages; ends their lock. Survives the death of this process when it returns.

        A message that is already `sent` stays sent. Of an outcome with `of_attempt`, `sent` is a fact, however late (a
        later hand-over's reason stays); all else counts of the last hand-over only, while nothing was decided, and an
        unknown none of what is planned again. Of one whose customer was erased meanwhile only what counts is
        recorded: no context, no words of a provider's; and it is never planned again.
        """

    @abstractmethod
    def release(self, worker: str, ids: Sequence[str] | None = None) -> None:
        """Unlock planned messages that `worker` has (of `ids` only, if given)."""

    @abstractmethod
    def workers(self) -> list[str]:
        """Who has messages locked or in hand, in order. Who is settling what others lost is one, too."""

    @abstractmethod
    def bury(self, worker: str, *, by: str) -> list[Message]:
        """`worker` is dead: free its planned messages, make its `sending` ones `unknown`; return the latter.

        They are in the hands of the worker `by` until they are settled, so that nobody forgets them, should it die as
        well: what `worker` itself had buried, and had not settled, is among them.
        """

    @abstractmethod
    def next_due(
        self, *, lanes: Collection[Lane] | None = None, campaign: str | None = None, channel: str | None = None
    ) -> datetime | None:
        """When the earliest unlocked planned message is due."""

    @abstractmethod
    def postpone(
        self,
        ids: Sequence[str],
        due_at: datetime,
        *,
        expires_at: datetime | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> int:
        """Move messages that are still planned and unlocked to another due time; return how many.

        Their expiry and context change with it, where they are given.
        """

    @abstractmethod
    def waiting(self, *, customer_id: str) -> list[Message]:
        """Planned, unlocked, event-driven messages of a customer."""

    @abstractmethod
    def stop(self, campaign: str, reason: str) -> int:
        """Skip all of a campaign's messages that are still planned; return how many. Who has one locked has lost it.

        Outside of a transaction in parts, so that nobody waits for all of them.
        """

    @abstractmethod
    def recent(self, customer_ids: Sequence[str], since: datetime) -> dict[str, tuple[MessageFact, ...]]:
        """What was sent to each customer since then."""

    @abstractmethod
    def pending(self, customer_ids: Sequence[str]) -> dict[str, tuple[Message, ...]]:
        """What each customer may still get, or may have got: planned, sending and unknown messages."""

    @abstractmethod
    def skipped(self, customer_ids: Sequence[str], *, now: datetime) -> list[Message]:
        """Event-driven messages of these customers that were skipped and would not have expired by `now`."""

    @abstractmethod
    def forget_contexts(self, before: datetime) -> int:
        """Drop the rendering contexts of messages settled before then (retention); return how many."""
