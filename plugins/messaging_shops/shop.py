"""What all shops have in common: their secrets, and a table of what they post and what becomes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from messaging import EventSource, Request, SourceSettings
from messaging_shops.people import is_somebody
from messaging_shops.reading import body_of, instant

Told = Mapping[str, Any]
#: Characters that each of several secrets in one variable has at least.
_WORD = 12

#: What tells an order and whose it is, by the end of the event's id: `order:1001:placed`.
_TELLING = ("placed", "paid", "shipped", "cancelled")


def _from_a_variable(value: object) -> object:
    if not isinstance(value, str):
        return value
    secrets = tuple(value.split())
    if len(secrets) > 1 and any(len(each) < _WORD for each in secrets):
        # A sentence is one secret, and each of its words would open the door.
        raise ValueError("words too short to be secrets: one with spaces in it goes into messaging.toml, in a list")
    return secrets


def _not_empty(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not all(secret.get_secret_value().strip() for secret in secrets):
        raise ValueError("a secret is empty")
    return secrets


#: Secrets of which any will do; in a variable, with spaces between, so that none has a space in it.
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_from_a_variable), AfterValidator(_not_empty)]


class ShopSettings(SourceSettings):
    """Base of a shop's settings. No provider's own variable is read: it would be the secret of every shop there is."""

    #: What the shop signs with, the newest first: a request that fits any of them is genuine, so that a secret is
    #: changed without a gap.
    secrets: Secrets = Field(min_length=1)
    #: Put before the ids of customers, where several shops number theirs alike: `tea-` makes `tea-25` of customer 25.
    customer_prefix: str = Field("", max_length=50)

    def keyring(self) -> list[bytes]:
        """The secrets as the bytes that most shops sign with: their text."""
        return in_bytes(self.secrets)


def in_bytes(secrets: Iterable[SecretStr]) -> list[bytes]:
    """The text of secrets."""
    return [secret.get_secret_value().strip().encode() for secret in secrets]


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of thing that a shop posts."""

    #: The types of the events that may come of it: the documents are made from this.
    types: tuple[str, ...]
    #: Those events, from the body.
    tell: Callable[[Told, Request], Iterator[Told]]
    #: What is worth knowing beside that, for the documents.
    note: str = ""


class Shop(EventSource):
    """A source whose requests say what they are about. What is not in `topics` is taken and nothing kept of it."""

    Settings: ClassVar[type[SourceSettings]] = ShopSettings
    #: By the shop's own word.
    topics: ClassVar[Mapping[str, Topic]]

    settings: ShopSettings

    @abstractmethod
    def topic(self, request: Request) -> str:
        """The shop's own word for what it posts; empty for a ping."""

    def events(self, request: Request) -> Iterator[Told]:
        topic = self.topics.get(self.topic(request))
        if topic is None:
            return
        known = set()
        for event in self.tell(topic, request):
            if event["id"] not in known and _is_about_somebody(event):
                known.add(event["id"])
                yield prefixed(event, self.settings)

    def known(self, order: str) -> tuple[Told, Told] | None:
        """Whose an order is, and the order, as this shop told of it before: for events that only name it."""
        for word in _TELLING:
            told = self.context.told(f"order:{order}:{word}")
            if told is not None and is_somebody(told.customer) and "order" in told.data:
                return {"id": told.customer_id} if told.customer_id else told.customer, told.data["order"]
        return None

    def tell(self, topic: Topic, request: Request) -> Iterator[Told]:
        """What becomes of a request about `topic`, where that is not in its table alone: settings have a say."""
        return topic.tell(body_of(request), request)


def prefixed(event: Told, settings: ShopSettings) -> Told:
    """The event, with the shop's prefix before the id of its customer."""
    customer, prefix = event.get("customer"), settings.customer_prefix
    if not prefix or not isinstance(customer, Mapping) or customer.get("id") is None:
        return event
    return {**event, "customer": {**customer, "id": f"{prefix}{customer['id']}"}}


def happened_at(request: Request, *times: object) -> str:
    """When it happened: the first of `times` that is one; else when it was posted."""
    told = (instant(time) for time in times)
    return next((time for time in told if time is not None), request.received_at.isoformat())


def _is_about_somebody(event: Told) -> bool:
    return is_somebody(event.get("customer", {})) or "product" in event.get("data", {}) or "incomplete" in event
