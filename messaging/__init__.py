"""Segments a shop's customers, sends them personalised messages, and measures each template's click-through.

This is the whole public door: what is not in `__all__` may change without notice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from messaging.errors import (
    AdapterUnusable,
    AddressRefused,
    Conflict,
    DeliveryError,
    Erased,
    InputError,
    MessagingError,
    NotFound,
    NotSent,
    NotYet,
    PluginError,
    RequestRejected,
    SettingsError,
    StoreError,
    TemplateError,
    Unanswered,
    Untrusted,
)
from messaging.hookspecs import hookimpl
from messaging.nouns.adapter import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    Callback,
    Capabilities,
    Measure,
    Receipt,
    RenderedMessage,
    Verdict,
)
from messaging.nouns.customer import Customer
from messaging.nouns.decision import Decision, Deny, MessageFacts, NotBefore
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.event import Accepted, Event, EventState
from messaging.nouns.history import MessageFact
from messaging.nouns.http import HttpAnswer, HttpClient
from messaging.nouns.message import Lane, Message, MessageClass, MessageState
from messaging.nouns.pieces import Pieces
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource, Secrets, SourceContext, SourceSettings
from messaging.parallel import Feed, Unavailable, hand_over, one_by_one
from messaging.rules.places import ApiHost, is_near

if TYPE_CHECKING:
    from messaging.app import Messaging

__version__ = "0.1.0"

__all__ = [
    "Accepted",
    "Adapter",
    "AdapterContext",
    "AdapterSettings",
    "AdapterUnusable",
    "AddressRefused",
    "ApiHost",
    "Callback",
    "Capabilities",
    "Conflict",
    "Customer",
    "Decision",
    "DeliveryError",
    "Deny",
    "Engagement",
    "EngagementKind",
    "Erased",
    "Event",
    "EventSource",
    "EventState",
    "Feed",
    "HttpAnswer",
    "HttpClient",
    "InputError",
    "Lane",
    "Measure",
    "Message",
    "MessageClass",
    "MessageFact",
    "MessageFacts",
    "MessageState",
    "Messaging",
    "MessagingError",
    "NotBefore",
    "NotFound",
    "NotSent",
    "NotYet",
    "Pieces",
    "PluginError",
    "Receipt",
    "RenderedMessage",
    "Request",
    "RequestRejected",
    "Secrets",
    "SettingsError",
    "SourceContext",
    "SourceSettings",
    "StoreError",
    "TemplateError",
    "Unanswered",
    "Unavailable",
    "Untrusted",
    "Verdict",
    "__version__",
    "hand_over",
    "hookimpl",
    "is_near",
    "one_by_one",
]


def __getattr__(name: str) -> Any:
    # The assembly imports every service: whoever only writes an adapter does not pay for it.
    if name == "Messaging":
        from messaging.app import Messaging

        return Messaging
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
