"""The part of the store port that knows products: who asked for one, what was bought with it, what it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from messaging.nouns.event import Event

#: Different articles in an order that is somebody's choice. A longer one (a retailer's, a test's) says nothing of what
#: goes together, and would cost its square.
LARGEST = 200
#: Orders that are asked what an article is: the last ones.
ORDERS_ASKED = 20


class Products(ABC):
    """What events and orders tell of products. Article numbers mean something within a source and shop."""

    @abstractmethod
    def events(self, type: str, event: Event) -> list[Event]:
        """Events of a type about the product that `event` is about, in order of time (then key).

        Those that failed are left out; those whose effects are not there yet are nobody's so far.
        """

    @abstractmethod
    def bought_with(self, source: str, shop: str, skus: Collection[str]) -> dict[str, int]:
        """How many orders of a shop have each other article beside each of `skus`, added up over these.

        Orders that count: placed, not cancelled as a whole. One of more than `LARGEST` articles need not be looked at.
        """

    @abstractmethod
    def get(self, source: str, shop: str, sku: str) -> dict[str, Any] | None:
        """What the last orders with an article tell of it: `sku`, `name`, and what is known of `price`, `currency`,
        `url`, `image`.

        By the name that most customers had it under (`rules.products`); None: too few had it under one name.
        """
