"""The adapter contract: what a plugin author writes to deliver on a channel.

An adapter is told what to send and says for each message what became of it. It does not retry, limit its rate, touch
the outbox, rewrite links or decide who may be written to: the core does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from messaging.nouns.message import MessageClass
from messaging.nouns.template import DEFAULT_VARIANT


class Verdict(StrEnum):
    """What became of one message."""

    ACCEPTED = "accepted"  # the provider took it: `provider_id` is its name there
    REFUSED = "refused"  # it never will: `reason`; `suppress` if the address itself is the cause
    TRY_AGAIN = "try_again"  # not taken now, and surely not taken: `after` if the provider said when
    UNKNOWN = "unknown"  # the request left and no answer came


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An adapter's answer for one message. Make it with `accepted`, `refused`, `try_again` or `unknown`."""

    message_id: str
    verdict: Verdict
    provider_id: str | None = None
    reason: str | None = None
    after: timedelta | None = None
    #: The address can never be reached (no such user): the core suppresses it.
    suppress: bool = False

    @classmethod
    def accepted(cls, message_id: str, provider_id: str | None = None) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.ACCEPTED, provider_id=provider_id)

    @classmethod
    def refused(cls, message_id: str, reason: str, *, suppress: bool = False) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.REFUSED, reason=reason, suppress=suppress)

    @classmethod
    def try_again(cls, message_id: str, reason: str, after: timedelta | None = None) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.TRY_AGAIN, reason=reason, after=after)

    @classmethod
    def unknown(cls, message_id: str, reason: str) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.UNKNOWN, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an adapter can do; the core relies on it and the kit checks it."""

    #: How many messages go in one request; 1: they are handed over one by one.
    batch_size: int = 1
    #: The provider takes our message id and accepts it once only: the core may retry an `unknown`.
    idempotency_key: bool = False
    #: `lookup` can tell whether the provider took a message.
    lookup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedMessage:
    """One message as an adapter gets it: rendered, addressed, with its links in place. Plain text values only."""

    #: Ours; opaque. Pass it to the provider, so that its events can be joined to it.
    id: str
    channel: str
    #: The bare address: an email address, an E.164 number, a URL.
    to: str
    message_class: MessageClass
    template: str
    #: email: `subject`, `html`, `text`; sms: `text`; others: `body`. An empty part is absent.
    parts: Mapping[str, str]
    #: The sender: `Name <address>` for email.
    from_: str = ""
    reply_to: str | None = None
    #: Extra headers (List-Unsubscribe …), already safe; an adapter that cannot send one refuses the message.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Which hand-over this is, from 1.
    attempt: int = 1
    #: Seconds since the epoch of business time: for Date headers, so that a run repeats exactly.
    timestamp: float = 0.0
    #: The template's variant it was rendered in: a locale, or `default`.
    variant: str = DEFAULT_VARIANT


class AdapterSettings(BaseModel):
    """Base of an adapter's settings: a field per setting, from `[adapters.NAME]` and the environment.

    Give a field `json_schema_extra={"env": "SMTP_HOST"}` to let the provider's own variable set it too.
    Mark secrets with `pydantic.SecretStr`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Adapter(ABC):
    """Delivers on a channel. One instance per process; `deliver` may be called from several threads."""

    #: What settings and the command line call it: `smtp`.
    name: ClassVar[str]
    #: The channel it delivers on: `email`, `sms`, `webhook`, or any other word.
    channel: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities()
    Settings: ClassVar[type[AdapterSettings]] = AdapterSettings
    #: Whether what it takes leaves this machine: then links must be ones the world can open.
    leaves_the_machine: ClassVar[bool] = True

    def __init__(self, settings: Any, context: AdapterContext) -> None:
        self.settings = settings
        self.context = context

    @abstractmethod
    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        """Hand over `messages` and yield the receipt of each as soon as it is known.

        Exactly one receipt per message. Raise `AdapterUnusable` when the adapter itself is refused (bad key):
        messages without a receipt were then surely not taken. Any other exception makes them `unknown`.
        """

    def lookup(self, message_id: str) -> Receipt | None:
        """What became of a message whose answer was lost; None if it cannot be told."""
        return None

    def close(self) -> None:  # noqa: B027 - most adapters hold nothing open
        """Give back connections and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterContext:
    """What an adapter may know of the workspace it works in."""

    #: Folder of the workspace, for adapters that keep files.
    workspace: str
    #: How long one hand-over may take, in seconds; the core gives up on the adapter some time after that.
    timeout: float = 30.0
