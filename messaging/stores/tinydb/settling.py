"""What an outcome makes of a row, and whether it still may."""

from __future__ import annotations

from messaging.nouns.documents import Document, time_to_text
from messaging.nouns.message import MessageState
from messaging.rules.retry import TWICE
from messaging.stores.outbox import Outcome
from messaging.stores.values import clean_text

#: States as they stand in a row.
PLANNED = MessageState.PLANNED.value
SENDING = MessageState.SENDING.value
SENT = MessageState.SENT.value
SKIPPED = MessageState.SKIPPED.value
UNKNOWN = MessageState.UNKNOWN.value
PENDING = (PLANNED, SENDING, UNKNOWN)


def may_be_replanned(document: Document) -> bool:
    """It was skipped, and has surely not arrived."""
    return document["state"] == SKIPPED and TWICE not in document.get("reason", "")


def may_settle(document: Document, outcome: Outcome) -> bool:
    """Whether what is said of a message still counts."""
    state: str = document["state"]
    if outcome.of_attempt is None or state == SENT or outcome.state is MessageState.SENT:
        return state != SENT
    open_ = (SENDING, UNKNOWN) if outcome.state is MessageState.UNKNOWN else PENDING
    return state in open_ and outcome.of_attempt == document.get("attempts", 0)


def settled(outcome: Outcome) -> Document:
    """The fields that an outcome sets. Whatever a provider said: a receipt is never lost for it."""
    fields: Document = {"state": outcome.state.value, "worker": None}
    fields["reason"] = clean_text(outcome.reason) if outcome.reason else None
    if outcome.due_at is not None:
        fields["due_at"] = time_to_text(outcome.due_at)
    if outcome.attempts is not None:
        fields["attempts"] = outcome.attempts
    if outcome.adapter is not None:
        fields["adapter"] = outcome.adapter
    if outcome.provider_id is not None:
        fields["provider_id"] = clean_text(outcome.provider_id)
    if outcome.sent_at is not None:
        fields["sent_at"] = time_to_text(outcome.sent_at)
    if outcome.context is not None:
        fields["context"] = dict(outcome.context)
    if outcome.variant is not None:
        fields["variant"] = outcome.variant
    return fields


def erased(fields: Document) -> Document:
    """What an outcome sets in a row that lost its address because its customer was erased: what counts, nothing else.

    A message that is in hand always has an address.
    """
    kept = {name: value for name, value in fields.items() if name not in ("context", "provider_id", "due_at")}
    if kept["reason"] is not None:
        kept["reason"] = "erased"
    if kept["state"] == PLANNED:
        kept |= {"state": MessageState.SKIPPED.value, "reason": "erased"}
    return kept
