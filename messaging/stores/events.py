"""The part of the store port that is about events, and the orders they add up to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime

from messaging.nouns.event import Event, EventState
from messaging.nouns.order import Order


class Events(ABC):
    """Events and the orders they add up to."""

    @abstractmethod
    def add(self, events: Sequence[Event]) -> list[Event | None]:
        """Keep those that are new. For each: None if it was new, else the one that has its key.

        Of one that was forgotten its key is known, and that it is done; it is not kept again.
        """

    @abstractmethod
    def get(self, keys: Iterable[str]) -> dict[str, Event]: ...

    @abstractmethod
    def settle(self, key: str, state: EventState, *, customer_id: str | None = None, error: str | None = None) -> None:
        """Say how far an event has come; nobody works on it any more."""

    @abstractmethod
    def fill(self, event: Event) -> None:
        """Give an incomplete event the type, time, customer and data of `event`, which is whole."""

    @abstractmethod
    def forget(self, keys: Iterable[str]) -> None:
        """Leave nothing of events but that they are known. Their data is gone from the store's files when this returns.

        Raises:
            Uncompacted: they are forgotten, but their data is still in the store's files.
        """

    @abstractmethod
    def forgotten(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys whose events were forgotten, by themselves or with their customer."""

    @abstractmethod
    def put_off(self, events: Iterable[Event], until: datetime) -> None:
        """Do not give out events that are received before then. Their `attempts` and `error` are kept with them."""

    @abstractmethod
    def received(self, *, now: datetime, limit: int = 1000) -> list[Event]:
        """Events whose effects are not there yet and that are not put off, in the order they came.

        Those that were put off, and may be given out by now, come first.
        """

    @abstractmethod
    def waiting(self) -> int:
        """How many events have no effects yet, those that are put off included. It costs what waits."""

    @abstractmethod
    def page(
        self,
        *,
        customer_id: str | None = None,
        type: str | None = None,
        state: EventState | None = None,
        limit: int = 100,
    ) -> list[Event]:
        """The latest events, the last to arrive first.

        With a customer and a type it costs what it returns, however many events that customer has.
        """

    @abstractmethod
    def about_the_same(self, event: Event, customer_id: str) -> list[Event]:
        """The customer's events about the order that `event` is about, else about its cart, in no particular order.

        None if it is about neither. Those that failed are left out. It costs what it returns, however many events the
        customer has.
        """

    @abstractmethod
    def count(self) -> int: ...

    @abstractmethod
    def orders(self, keys: Iterable[str]) -> dict[str, Order]:
        """Orders by their key."""

    @abstractmethod
    def put_orders(self, orders: Iterable[Order]) -> None: ...

    @abstractmethod
    def orders_of(self, customer_ids: Sequence[str]) -> dict[str, tuple[Order, ...]]:
        """All orders of each customer, in order of placing; those not placed last."""
