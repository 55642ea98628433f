"""What all shops have in common: their secrets, and a table of what they post and what becomes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field, SecretStr

from messaging import EventSource, NotYet, Request, Secrets, SourceSettings
from messaging_shops.people import is_somebody
from messaging_shops.reading import body_of
from messaging_shops.telling import Told, order_event

#: What tells an order and whose it is, by the end of the event's id.
_TELLING = ("placed", "paid", "shipped", "cancelled")


class ShopSettings(SourceSettings):
    """Base of a shop's settings. No provider's own variable is read: it would be the secret of every shop there is."""

    #: What the shop signs with, the newest first.
    secrets: Secrets = Field(min_length=1)
    #: Put before the ids of customers, where several shops number theirs alike: `tea-` makes `tea-25` of customer 25.
    customer_prefix: str = Field("", max_length=50)

    def keyring(self) -> list[bytes]:
        """The secrets as the bytes that most shops sign with: their text."""
        return in_bytes(self.secrets)

    def prefixed(self, event: Told) -> Told:
        """An event, or what completes one, with the prefix before the id of its customer."""
        customer, prefix = event.get("customer"), self.customer_prefix
        id = customer.get("id") if isinstance(customer, Mapping) else None
        if not prefix or isinstance(id, bool) or not isinstance(id, str | int):
            return event
        return {**event, "customer": {**event["customer"], "id": f"{prefix}{id}"}}


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
                yield self.settings.prefixed(event)

    def known(self, order: str) -> tuple[Told, Told] | None:
        """Whose an order is, and the order, as this shop told of it before: for events that only name it."""
        for word in _TELLING:
            told = self.context.told(order_event(order, word))
            if told is not None and is_somebody(told.customer) and "order" in told.data:
                return {"id": told.customer_id} if told.customer_id else told.customer, told.data["order"]
        return None

    def tell(self, topic: Topic, request: Request) -> Iterator[Told]:
        """What becomes of a request about `topic`, where that is not in its table alone: settings have a say."""
        return topic.tell(body_of(request), request)


def not_known(order: object, topic: str, setting: str) -> NotYet:
    """That an order was not told of yet: `topic` does, and with `setting` it is asked for."""
    return NotYet(
        f"order {order} is not known yet, nor whose it is", hint=f"have {topic} posted, or set {setting} to ask for it"
    )


def _is_about_somebody(event: Told) -> bool:
    return is_somebody(event.get("customer", {})) or "product" in event.get("data", {}) or "incomplete" in event
