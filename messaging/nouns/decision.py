"""What a check says about a message that is about to be planned or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.history import MessageFact
from messaging.nouns.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Deny:
    """This message must not be sent. All reasons are kept."""

    message_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBefore:
    """This message must wait: of several, the latest time wins."""

    message_id: str
    time: datetime
    reason: str


#: What `check_messages` answers with.
Decision = Deny | NotBefore


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What checks may know about a batch. `recent`, `pending` and `addresses` are loaded when first looked at."""

    #: Business time.
    now: datetime
    #: Customer id -> customer.
    customers: Mapping[str, Customer]
    #: Customer id -> what was sent to them in the last 31 days.
    recent: Mapping[str, tuple[MessageFact, ...]] = field(default_factory=dict)
    #: (channel, address) -> consent and suppression.
    addresses: Mapping[tuple[str, str], AddressStatus] = field(default_factory=dict)
    #: The settings of the plugin that is asked: what its `register_settings` made of its `[plugins.NAME]` table, else
    #: the table.
    settings: Any = field(default_factory=dict)
    #: Customer id -> what else they may get, or may have got: planned, sending and unknown messages. The batch's own
    #: are among them once they are planned; those of campaigns that do not run are not.
    pending: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)
    #: The zone of customers who have none: `[brand] timezone`.
    timezone: str = "UTC"
