"""The adapter contract: what a plugin author writes to deliver on a channel.

An adapter is told what to send and says for each message what became of it. It does not retry, limit its rate, touch
the outbox, rewrite links or decide who may be written to: the core does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from messaging.errors import RequestRejected
from messaging.nouns.engagement import Engagement
from messaging.nouns.http import HttpClient, Offline
from messaging.nouns.message import MessageClass
from messaging.nouns.pieces import Joined, Pieces
from messaging.nouns.request import Request
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
    #: The address must not be tried again, and why: `bounced`, `opted out`. The core suppresses it.
    suppress: str | None = None
    #: It is where it should be: who took it is the receiver's own machine. The core records it as delivered.
    delivered: bool = False

    @classmethod
    def accepted(cls, message_id: str, provider_id: str | None = None, *, delivered: bool = False) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.ACCEPTED, provider_id=provider_id, delivered=delivered)

    @classmethod
    def refused(cls, message_id: str, reason: str, *, suppress: bool | str = False) -> Receipt:
        """`suppress`: the address can never be reached (True: it bounced), or its owner wants nothing."""
        word = "bounced" if suppress is True else suppress or None
        return cls(message_id=message_id, verdict=Verdict.REFUSED, reason=reason, suppress=word)

    @classmethod
    def try_again(cls, message_id: str, reason: str, after: timedelta | None = None) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.TRY_AGAIN, reason=reason, after=after)

    @classmethod
    def unknown(cls, message_id: str, reason: str) -> Receipt:
        return cls(message_id=message_id, verdict=Verdict.UNKNOWN, reason=reason)

    def about(self, message_id: str) -> Receipt:
        """The same answer for another message."""
        return Receipt(
            message_id=message_id,
            verdict=self.verdict,
            provider_id=self.provider_id,
            reason=self.reason,
            after=self.after,
            suppress=self.suppress,
            delivered=self.delivered,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an adapter can do; the core relies on it and the kit checks it."""

    #: How many messages go in one request; 1: they are handed over one by one.
    batch_size: int = 1
    #: The provider takes our message id and accepts it once only: the core may retry an `unknown`.
    idempotency_key: bool = False
    #: `lookup` can tell whether the provider took a message.
    lookup: bool = False
    #: Each address is a receiver of its own (webhooks): that one turns all away says nothing about others, so the
    #: adapter rests only when it fails itself.
    many_receivers: bool = False
    #: The provider posts what came back to `/callbacks/NAME`, and `callback` understands it.
    callbacks: bool = False


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
    #: Parts taken apart, for adapters whose `capabilities.batch_size` is above 1: those whose skeletons are the same
    #: can share a body. Joined they are the part.
    pieces: Mapping[str, Pieces] = field(default_factory=dict)
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
    #: email: what a Message-ID says before its @, where the adapter writes one: `id` and a proof that it is ours, by
    #: which mail that comes back is believed. Empty: `id` alone.
    mail_id: str = ""

    def apart(self, part: str) -> Pieces | None:
        """The pieces that a part surely is joined of; None: there are none."""
        pieces = self.pieces.get(part)
        if pieces is None or (isinstance(self.parts, Joined) and self.parts.pieces is self.pieces):
            return pieces
        whole = len(pieces.skeleton) == len(pieces.values) + 1 and pieces.text == self.parts.get(part)
        return pieces if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What one message comes to on its channel: shown before anything is sent."""

    #: How many the provider counts and charges for: the parts of a long SMS.
    units: int
    #: For all of them, in `currency`; None if no price is set.
    price: Decimal | None = None
    #: ISO 4217.
    currency: str | None = None
    #: What a person should know of it: `UCS-2 because of “ł”: 70 characters a part, not 160`.
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What an adapter makes of a request of its provider's."""

    #: What came back, in the common words. With the provider's own event id: it is recorded once, however often told.
    engagements: Sequence[Engagement] = ()
    #: What the provider wants to read back.
    answer: str = ""
    media_type: str = "text/plain"
    #: Whoever signed it has a say for this address only: what is about another, or another's message, is left out.
    speaks_for: str | None = None


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
    #: An instance may say less than its class, by its settings.
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

    def callback(self, request: Request) -> Callback:
        """What the provider tells by a request to `/callbacks/NAME`. Called if `capabilities.callbacks` says so.

        Check the signature over the raw body first. An event that has no common word is left out; the raw event goes
        into `Engagement.raw`.

        Raises:
            RequestRejected: the signature is missing, wrong, or too old. Nothing is recorded; the provider gets a 403.
            InputError: it is not what this provider sends.
        """
        raise RequestRejected(f"{self.name} takes no callbacks")

    @classmethod
    def read_mail(cls, mail: bytes, now: datetime) -> Sequence[Engagement]:
        """What a mail that came back tells (`messaging bounces import`); nothing, where it is no such mail.

        `message_id` is the `mail_id` that it returns, and `address` whom it is about; `raw["unsubscribe"]` a link of
        ours that it returns. The core finds out whether to believe it. `id` is the same whenever the same mail is read;
        `now` is the time of a mail that has none. The mail may be cut short, broken, or made by an enemy.
        """
        return ()

    def measure(self, message: RenderedMessage) -> Measure | None:
        """What a message comes to on this channel; None where there is nothing to count."""
        return None

    def close(self) -> None:  # noqa: B027 - most adapters hold nothing open
        """Give back connections and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterContext:
    """What an adapter may know of the workspace it works in."""

    #: Folder of the workspace, for adapters that keep files.
    workspace: str
    #: How the world reaches us (`[server] base_url`): providers post to `{base_url}/callbacks/NAME`.
    base_url: str = ""
    #: How long one hand-over may take, in seconds; the core gives up on the adapter some time after that.
    timeout: float = 30.0
    #: For requests to others: bounded, and to nobody private (`[outgoing]`).
    http: HttpClient = field(default_factory=Offline)
