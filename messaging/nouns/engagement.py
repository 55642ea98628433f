"""What came back from a message: deliveries, bounces, opens, clicks, withdrawals, replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from messaging.nouns.documents import Document, time_from_text, time_to_text, without_empty


class EngagementKind(StrEnum):
    """The common words for what providers and links report."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    RESUBSCRIBED = "resubscribed"
    REPLIED = "replied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engagement:
    """One thing that came back. Recorded once, however often it is told."""

    #: The provider's event id, or a random one for a hit on our own link.
    id: str
    kind: EngagementKind
    at: datetime
    #: None where it could not be joined to a message (a bounce of unknown mail).
    message_id: str | None = None
    #: Our customer, if the message is known.
    customer_id: str | None = None
    #: Whom it is about where it names no message (an answer to a number): a channel and an address on it.
    channel: str | None = None
    address: str | None = None
    #: Who told it: an adapter's name, or `links`.
    source: str = "links"
    #: Click: the link's slot, e.g. `3` or `3.2` (third place, second time round the loop).
    slot: str | None = None
    #: The address gets nothing any more, and is suppressed: a hard bounce, or an opt-out that the provider itself
    #: enforces (SMS STOP).
    permanent: bool = False
    #: Bounced: it is the address that could not be reached this time (a phone that is off, a full mailbox), and not the
    #: content, the sender or the way there. Several messages in a row suppress it: `[sending] soft_bounces`.
    soft: bool = False
    #: Judged to be a machine (scanner, prefetch), with the reasons; can be judged again from `raw`.
    machine: bool = False
    reasons: tuple[str, ...] = ()
    #: The event as it came, or the hit's own facts (agent, method, seconds since sending).
    raw: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> Document:
        return without_empty(
            {
                "id": self.id,
                "kind": self.kind.value,
                "at": time_to_text(self.at),
                "message_id": self.message_id,
                "customer_id": self.customer_id,
                "channel": self.channel,
                "address": self.address,
                "source": self.source,
                "slot": self.slot,
                "permanent": self.permanent or None,
                "soft": self.soft or None,
                "machine": self.machine or None,
                "reasons": list(self.reasons),
                "raw": dict(self.raw),
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Engagement:
        values = {**document, "at": time_from_text(document["at"])}
        values["kind"] = EngagementKind(values["kind"])
        values["machine"] = bool(values.get("machine"))
        values["permanent"] = bool(values.get("permanent"))
        values["soft"] = bool(values.get("soft"))
        values["reasons"] = tuple(values.get("reasons", ()))
        return cls(**values)
