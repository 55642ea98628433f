"""The event-source contract: what a plugin author writes so that a shop's own webhooks become events.

A source is told of a request and says whether it is genuine and what happened. It does not store, deduplicate, find
customers or trigger messages: the core does. One whose shop tells little more than an id says what it has to ask for
(`incomplete`), and asks when the event is worked off (`complete`): the shop is answered in milliseconds either way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, model_validator

from messaging.nouns.event import Event
from messaging.nouns.http import HttpClient, Offline
from messaging.nouns.request import Request

#: Characters that each of several secrets in one variable has at least.
_WORD = 12


def _from_a_variable(value: object) -> object:
    if not isinstance(value, str):
        return value
    secrets = tuple(value.split())
    if len(secrets) > 1 and any(len(each) < _WORD for each in secrets):
        # A sentence is one secret, and each of its words would open the door.
        raise ValueError("words too short to be secrets: one with spaces in it goes into messaging.toml, in a list")
    return secrets


#: What a shop signs with, the newest first. A request that fits any of them is genuine, so that a secret is changed
#: without a gap. In a variable they have spaces between, so that none has a space in it.
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_from_a_variable)]


class SourceSettings(BaseModel):
    """Base of a source's settings for one shop: a field per setting, from `[sources.NAME.SHOP]` and the environment.

    What a shop signs with is `secrets: Secrets = Field(min_length=1)`; mark others `pydantic.SecretStr`. One that is
    empty is refused, as anybody could sign with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _secrets_are_set(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            for each in value if isinstance(value, list | tuple) else (value,):
                if isinstance(each, SecretStr) and not each.get_secret_value().strip():
                    raise ValueError(f"{name} is empty, and anybody could sign with that")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceContext:
    """What a source may know of where it works."""

    #: The shop's name in the address and in the settings; the `shop` of its events.
    shop: str
    #: For requests to the shop: bounded, and to nobody private (`[outgoing]`).
    http: HttpClient = field(default_factory=Offline)
    #: What this shop told before, by the id of its event; None if it did not (yet). For `complete`: whose order it is.
    #: Raises `Erased` if whose it was is erased; let that pass, and the event has no effect.
    told: Callable[[str], Event | None] = lambda id: None


class EventSource(ABC):
    """Understands what one kind of shop posts to `/hooks/NAME/SHOP`. One instance per shop, with its secrets."""

    #: What settings and addresses call it: `shopify`. Also the `source` of its events.
    name: ClassVar[str]
    Settings: ClassVar[type[SourceSettings]] = SourceSettings

    def __init__(self, settings: Any, context: SourceContext) -> None:
        self.settings = settings
        self.context = context

    @abstractmethod
    def verify(self, request: Request) -> None:
        """Check the signature, over the raw bytes and in constant time, before anything is parsed.

        Raises:
            RequestRejected: it is missing, wrong, or too old. Nothing of the request is kept.
        """

    @abstractmethod
    def events(self, request: Request) -> Iterable[Mapping[str, Any]]:
        """What happened, as envelopes (docs/events.md): `id`, `type`, `time`, `customer`, `data`. None for a test ping.

        Called for requests that `verify` let pass, and again for one that the shop posts again: an event that is the
        same has the same id then. `source` and `shop` are set by the core, so that no shop writes for another.

        Nobody is asked here: the shop waits. What is not in the request is left out, and `incomplete` says what
        `complete` needs to ask for it: `{"id", "type", "time", "incomplete": {"order": "1001"}}`.

        Raises:
            InputError: it is not what this kind of shop sends.
        """

    def complete(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The whole of an envelope that `events` left incomplete, asked of the shop through `self.context.http`.

        Called when the event is worked off, perhaps more than once: so it asks, and changes nothing. `id`, `source` and
        `shop` stay those of `event`; so do `type` and `time` where the answer has none. None: it turned out to be
        nothing to tell.

        Raises:
            DeliveryError: the shop cannot answer now (`NotSent` and `Unanswered` are some; a 429 or 5xx is one): it is
                asked again later, at growing intervals, for about a day, and its other events wait meanwhile. With
                `after`, it and all its events are left alone that long (5 seconds to 15 minutes). `NotYet`: only
                this one waits, for something that the shop has yet to tell.
            InputError: what it answers is no such thing, nor will it be: the event has failed.
        """
        return event

    def answer(self, request: Request) -> bytes | None:
        """What the shop wants to read in reply, as plain text: a challenge of its registration. None: nothing.

        Called for a request that `verify` let pass, once its events are kept, and for each GET of the address: that
        one nobody has verified, so it may be answered, and nothing else.
        """
        return None
