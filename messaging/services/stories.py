"""An event with what else was told of its order or cart: asked for once, however many look at it."""

from __future__ import annotations

from typing import Any

from messaging.nouns.event import Event
from messaging.rules.telling import context_with
from messaging.stores.base import Store


class Story:
    """An event, and what was told of the order or cart that it is about until somebody first looked.

    For one thread. It remembers by itself: `functools.cached_property` has, before Python 3.12, one lock for all
    stories, and who holds it would ask the store that somebody else holds and waits in with a story of theirs.
    """

    def __init__(self, store: Store, event: Event, customer_id: str, *more: Event) -> None:
        """`more` happened as well, and is perhaps not in the store as theirs."""
        self._store = store
        self.event = event
        self.customer_id = customer_id
        self.more = more
        self._told: list[Event] | None = None
        self._context: dict[str, Any] | None = None

    @property
    def told(self) -> list[Event]:
        """The customer's events about the same order or cart, in no particular order."""
        if self._told is None:
            self._told = self._store.events.about_the_same(self.event, self.customer_id)
        return self._told

    @property
    def context(self) -> dict[str, Any]:
        """What a template sees of the event. Others get it too: not to be changed."""
        if self._context is None:
            self._context = context_with(self.event, (*self.told, *self.more))
        return self._context
