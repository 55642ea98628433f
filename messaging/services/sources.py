"""What shops post: the sources of a workspace, each shop with settings of its own, and their events on their way in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from messaging.errors import PLUGIN_FAULTS, Conflict, InputError, MessagingError, NotFound
from messaging.nouns.event import Event, event_key
from messaging.nouns.http import HttpClient
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource, SourceContext
from messaging.plugins import Plugins
from messaging.services.intake import Accepted
from messaging.services.plugin_settings import read_settings
from messaging.stores.base import Events

log = logging.getLogger("messaging.sources")


class Sources:
    """Takes what shops post through the source that understands it."""

    def __init__(
        self,
        plugins: Plugins,
        *,
        settings: Mapping[str, Mapping[str, Mapping[str, Any]]],
        receive: Callable[[object], Accepted],
        events: Events,
        http: HttpClient,
    ) -> None:
        """`settings` are the `[sources.NAME.SHOP]` tables; `receive` is the one door for events, `http` the way out.

        `events` are those that came before: a source may look up what its own shop told.
        """
        self._plugins = plugins
        self._settings = settings
        self._receive = receive
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
                    raise NotFound("nobody posts here", hint="set the shop up under [sources.NAME.SHOP]")
                settings = read_settings(kind.Settings, table, ("sources", name, shop))
                context = SourceContext(shop=shop, http=self._http, told=partial(self._told, name, shop))
                self._made[name, shop] = source = kind(settings, context)
            return source

    def _told(self, name: str, shop: str, id: str) -> Event | None:
        key = event_key(name, shop, id)
        return self._events.get([key]).get(key)

    def take(self, name: str, shop: str, request: Request) -> list[Accepted]:
        """Take in what a shop posted. The same delivery again changes nothing, also with another body: the first stays.

        Raises:
            NotFound: see `get`.
            RequestRejected: it is not genuine.
            InputError: it is not what this kind of shop sends.
            PluginError: the source failed.
            StoreError: it could not be kept; the shop posts it again.
        """
        source = self.get(name, shop)
        try:
            source.verify(request)
            documents = [{**event, "source": name, "shop": shop} for event in source.events(request)]
        except MessagingError:
            raise
        except PLUGIN_FAULTS as error:
            problem = f"failed on a request: {type(error).__name__}: {error}"
            raise self._plugins.blame_source(name, problem) from error
        taken = []
        for document in documents:
            try:
                taken.append(self._receive(document))
            except Conflict as error:
                # A thin order that was fetched again differs; refusing it would switch the shop's webhook off.
                log.warning("%s/%s: %s", name, shop, error)
            except InputError as error:
                raise InputError(f"source {name} made an event that is none: {error.message}") from error
        return taken
