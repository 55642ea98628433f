"""What shops post: the sources of a workspace, each shop with settings of its own, and their events on their way in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from messaging.answers import sources as answers
from messaging.errors import Erased, InputError, NotFound
from messaging.nouns.event import Accepted, Event, event_key
from messaging.nouns.http import HttpClient
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource, SourceContext
from messaging.patience import at_home
from messaging.plugins import Plugins
from messaging.services.plugin_settings import read_settings
from messaging.stores.events import Events

T = TypeVar("T")

#: Seconds that a source may take with one request, what it asks the shop included.
SECONDS = 60.0


class Sources:
    """Takes what shops post through the source that understands it."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        settings: Mapping[str, Mapping[str, Mapping[str, Any]]],
        accept: Callable[[Sequence[Mapping[str, Any]]], list[Accepted]],
        events: Events,
        http: HttpClient,
    ) -> None:
        """`settings` are the `[sources.NAME.SHOP]` tables; `accept` keeps events, `http` is the way out.

        `events` are those that came before: a source may look up what its own shop told.
        """
        self._plugins = plugins
        self._settings = settings
        self._accept = accept
        self._events = events
        self._http = http
        self._made: dict[tuple[str, str], EventSource] = {}
        self._lock = threading.Lock()

    def get(self, name: str, shop: str) -> EventSource:
        """The source of one shop.

        Raises:
            NotFound: there is no such source, or the shop is not set up: one must not be able to tell which.
            SettingsError: its settings are wrong.
        """
        with self._lock:
            source = self._made.get((name, shop))
            if source is None:
                kind, table = self._plugins.sources().get(name), self._settings.get(name, {}).get(shop)
                if kind is None or table is None:
                    raise _nobody()
                make = partial(self._make, kind, table, name, shop)
                self._made[name, shop] = source = self._call(name, shop, "__init__", make)
            return source

    def _make(self, kind: type[EventSource], table: Mapping[str, Any], name: str, shop: str) -> EventSource:
        settings = read_settings(kind.Settings, table, ("sources", name, shop))
        context = SourceContext(
            shop=shop, http=self._http, told=lambda id: at_home(partial(self._told, event_key(name, shop, id)))
        )
        return kind(settings, context)

    def _told(self, key: str) -> Event | None:
        found = self._events.get([key]).get(key)
        if found is None and self._events.forgotten([key]):
            raise Erased("whose it was is erased")
        return found

    def _call(self, name: str, shop: str, method: str, function: Callable[[], T]) -> T:
        return self._plugins.call_source(name, f"{shop}: {method}", function, SECONDS)

    def take(self, name: str, shop: str, request: Request) -> tuple[list[Accepted], bytes | None]:
        """Keep what a shop posted, all of it or nothing; and what it wants to read in reply, if anything.

        The same delivery again changes nothing, also with another body: the first stays.

        Raises:
            NotFound: see `get`.
            RequestRejected: it is not genuine.
            InputError: it is not what this kind of shop sends.
            PluginError: the source failed.
            StoreError: it could not be kept; the shop posts it again.
        """
        source = self.get(name, shop)
        self._call(name, shop, "verify", partial(answers.verified, source, request))
        documents = self._call(name, shop, "events", partial(answers.documents, source, request, shop))
        try:
            taken = self._accept(documents)
        except InputError as error:
            raise InputError(f"source {name} made an event that is none: {error.message}") from error
        return taken, self._reply(source, shop, request)

    def reply(self, name: str, shop: str, request: Request) -> bytes:
        """What a shop wants to read that asks (by GET) whether we are there. Nobody has verified it: nothing is kept.

        Raises:
            NotFound: see `get`; or it has nothing to ask.
            PluginError: the source failed.
        """
        reply = self._reply(self.get(name, shop), shop, request)
        if reply is None:
            raise _nobody()
        return reply

    def complete(self, event: Event) -> Mapping[str, Any] | None:
        """The whole of an event that its source left incomplete; None: there is nothing to tell.

        Raises:
            NotFound, SettingsError: the shop is not set up (any more), or its settings are wrong.
            DeliveryError: the shop cannot answer now.
            Erased: it is about what was an erased customer's.
            InputError: what it answers is no such thing.
            PluginError: the source failed.
        """
        source = self.get(event.source, event.shop)
        thin = {
            "id": event.id,
            "type": event.type,
            "time": event.time.isoformat(),
            "source": event.source,
            "shop": event.shop,
            "customer": dict(event.customer),
            "data": dict(event.data),
            "incomplete": dict(event.incomplete or {}),
        }
        return self._call(event.source, event.shop, "complete", partial(answers.whole, source, thin))

    def _reply(self, source: EventSource, shop: str, request: Request) -> bytes | None:
        return self._call(source.name, shop, "answer", partial(answers.reply, source, request))


def _nobody() -> NotFound:
    return NotFound("nobody posts here", hint="set the shop up under [sources.NAME.SHOP]")
