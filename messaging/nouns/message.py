"""A message: one template to one customer on one channel, as a row in the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

from messaging.nouns.documents import Document, time_to_text, without_empty


class MessageState(StrEnum):
    """Where a message is. `planned + sending + sent + refused + skipped + unknown` is the audience."""

    PLANNED = "planned"  # to be sent at `due_at`; a try-again and a message held back are planned again
    SENDING = "sending"  # committed just before its bytes may leave; only its receipt leads out, or its sender's death
    SENT = "sent"  # the provider took it
    REFUSED = "refused"  # the provider will not take it, or every attempt was used up (`gave up`)
    SKIPPED = "skipped"  # we decided not to send it: `reason` says why
    UNKNOWN = "unknown"  # the request left and no answer came: it may or may not have been taken


class Lane(IntEnum):
    """Who goes first. An order message never waits behind a promotion."""

    ORDER = 0  # event-driven transactional
    EVENT = 1  # event-driven marketing
    CAMPAIGN = 2
    TEST = 3  # a test send: only by the command that asked for it


class MessageClass(StrEnum):
    """What law and policy go by (CAN-SPAM, GDPR): the template declares it."""

    TRANSACTIONAL = "transactional"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A row of the outbox. Unique by (origin, customer, channel): `id` is the hash of the three."""

    id: str
    #: `campaign:NAME`, or `trigger:TEMPLATE:KEY`.
    origin: str
    customer_id: str
    channel: str
    #: Where it goes, fixed when planned.
    address: str | None
    template: str
    #: The frozen version it is rendered from, also after a resume.
    version: str
    message_class: MessageClass
    topic: str
    lane: Lane
    #: The campaign's name, if it belongs to one.
    campaign: str | None = None
    #: The event that caused it, if one did; its data is in the rendering context.
    event_key: str | None = None
    #: What a trigger went by: orders, carts … cancel by it.
    trigger_key: str | None = None
    #: Which of the template's triggers, by position; None for campaigns.
    trigger: int | None = None
    #: What the template sees beside the customer, as planned: `event`, `order`, `cart` … (triggered messages only).
    context: Mapping[str, Any] | None = None
    state: MessageState = MessageState.PLANNED
    #: Why it is skipped, refused, unknown, or held back.
    reason: str | None = None
    #: Not before this; also the next attempt after a try-again.
    due_at: datetime
    #: Not after this: then it is skipped (late).
    expires_at: datetime | None = None
    created_at: datetime
    #: Hand-overs begun so far.
    attempts: int = 0
    #: The worker that has it locked (planned) or in hand (sending).
    worker: str | None = None
    #: The adapter that took it, and what that adapter calls it.
    adapter: str | None = None
    provider_id: str | None = None
    sent_at: datetime | None = None
    #: The template's variant that was handed over: a locale, or `default`. None before, and where it is not known.
    variant: str | None = None

    def to_document(self) -> Document:
        return without_empty(
            {
                "id": self.id,
                "origin": self.origin,
                "customer_id": self.customer_id,
                "channel": self.channel,
                "address": self.address,
                "template": self.template,
                "version": self.version,
                "message_class": self.message_class.value,
                "topic": self.topic,
                "lane": int(self.lane),
                "campaign": self.campaign,
                "event_key": self.event_key,
                "trigger_key": self.trigger_key,
                "trigger": self.trigger,
                "context": dict(self.context) if self.context is not None else None,
                "state": self.state.value,
                "reason": self.reason,
                "due_at": time_to_text(self.due_at),
                "expires_at": time_to_text(self.expires_at),
                "created_at": time_to_text(self.created_at),
                "attempts": self.attempts or None,
                "worker": self.worker,
                "adapter": self.adapter,
                "provider_id": self.provider_id,
                "sent_at": time_to_text(self.sent_at),
                "variant": self.variant,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Message:
        values = {"address": None, **document}
        values["message_class"] = MessageClass(values["message_class"])
        values["lane"] = Lane(values["lane"])
        values["state"] = MessageState(values["state"])
        for name in ("due_at", "expires_at", "created_at", "sent_at"):
            if values.get(name):
                values[name] = datetime.fromisoformat(values[name])
        return cls(**values)
