"""Consent and suppression: both belong to an address, not to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from messaging.nouns.documents import Document, time_from_text, time_to_text, without_empty

#: The topic that stands for everything on a channel.
ALL_TOPICS = "*"

#: Why an address is suppressed: it can never be reached; its owner told the provider to stop everything (SMS STOP); it
#: could not be reached several times in a row.
BOUNCED = "bounced"
OPTED_OUT = "opted out"
UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One decision about being written to: given or withdrawn. Decisions are only ever added (GDPR art. 7 proof)."""

    channel: str
    address: str
    #: What it is about; `*` is everything on the channel.
    topic: str = ALL_TOPICS
    #: True: given. False: withdrawn.
    granted: bool
    #: When the person decided.
    at: datetime
    #: Whether `at` is the person's own time; an import without dates only knows its own, and never beats a withdrawal.
    dated: bool = True
    #: By what proof: "import newsletter.csv", "unsubscribe link", "preferences page", "one-click".
    source: str = ""
    #: The message whose link was used, if any.
    message_id: str | None = None

    def to_document(self) -> Document:
        return without_empty(
            {
                "channel": self.channel,
                "address": self.address,
                "topic": self.topic,
                "granted": self.granted,
                "at": time_to_text(self.at),
                "dated": self.dated,
                "source": self.source,
                "message_id": self.message_id,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Consent:
        return cls(**{**document, "at": time_from_text(document["at"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address that must not be written to at all: it bounced for good or could not be reached again and again, its
    owner complained, or had the provider stop everything."""

    channel: str
    address: str
    #: `bounced`, `unreachable`, `opted out`, `complained`, `erased`, or an adapter's own word.
    reason: str
    at: datetime
    source: str = ""

    def to_document(self) -> Document:
        return without_empty(
            {
                "channel": self.channel,
                "address": self.address,
                "reason": self.reason,
                "at": time_to_text(self.at),
                "source": self.source,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Suppression:
        return cls(**{**document, "at": time_from_text(document["at"])})


@dataclass(frozen=True, slots=True)
class AddressStatus:
    """All that is known about writing to one address: what policy decides by."""

    consents: tuple[Consent, ...] = ()
    suppression: Suppression | None = None
