"""The adapters of a workspace: made once each, with their settings, when they are first needed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import urlsplit

from messaging.answers import adapters as answers
from messaging.errors import MessagingError, PluginError, SettingsError
from messaging.nouns.adapter import Adapter, AdapterContext
from messaging.nouns.engagement import Engagement
from messaging.plugins import Plugins
from messaging.services.handover import Handover
from messaging.services.plugin_settings import read_settings

log = logging.getLogger("messaging.adapters")

T = TypeVar("T")

#: Deliveries that an adapter may leave behind, each with a thread and the messages that it was given.
MOST_HANGING = 4
#: Reads one mail, at a time that counts where it has none.
MailReader = Callable[[bytes, datetime], Sequence[Engagement]]


class Adapters:
    """Makes adapters from their classes and the workspace's settings."""

    def __init__(
        self,
        plugins: Plugins,
        context: AdapterContext,
        *,
        settings: Mapping[str, Mapping[str, Any]],
        adapter_for: Callable[[str], str | None],
        base_url: str,
        allow_insecure_links: bool,
    ) -> None:
        """`settings` are the `[adapters.NAME]` tables; `adapter_for` names the adapter of a channel."""
        self._plugins = plugins
        self._context = context
        self._settings = settings
        self._adapter_for = adapter_for
        self._base_url = base_url
        self._allow_insecure_links = allow_insecure_links
        self._made: dict[str, Adapter] = {}
        #: Deliveries that were given up on, by adapter.
        self._hanging: dict[str, list[Handover]] = {}
        self._lock = threading.Lock()
        #: What one call may take: twice what the adapter is told to keep to.
        self._seconds = context.timeout * 2

    def name_for(self, channel: str, wanted: str | None = None) -> str:
        """The name of the adapter that delivers on `channel`, or of the one that is wanted.

        Raises:
            SettingsError: there is none, or it delivers on another channel.
        """
        name = wanted or self._adapter_for(channel)
        if name is None:
            raise SettingsError(f"no adapter for {channel}", hint=f'set [channels.{channel}] adapter = "…"')
        adapter = self._plugins.adapter(name)
        if adapter.channel != channel:
            raise SettingsError(f"adapter {name} delivers {adapter.channel}, not {channel}")
        return name

    def get(self, name: str) -> Adapter:
        """The adapter of that name, ready to deliver.

        Raises:
            SettingsError: there is none, its settings are wrong, or it would carry links into the world that the
                world cannot open.
            PluginError: it cannot be made, or left too many deliveries behind.
        """
        if len(self._left(name)) >= MOST_HANGING:
            raise self.blame(
                name,
                f"{MOST_HANGING} of its deliveries hang: it gets no more in this process until one of them comes back",
            )
        if self._plugins.adapter(name).leaves_the_machine and not self._allow_insecure_links:
            refuse_insecure(self._base_url, name)
        return self.unsent(name)

    def problem(self, channel: str, wanted: str | None = None) -> str | None:
        """Why nothing could be handed over on `channel` now, for a person; None if it could."""
        try:
            self.get(self.name_for(channel, wanted))
        except MessagingError as error:
            return str(error)
        return None

    def unsent(self, name: str) -> Adapter:
        """The adapter of that name, to be asked about messages that are not sent.

        Raises:
            SettingsError: there is none, or its settings are wrong.
        """
        with self._lock:
            if name not in self._made:
                self._made[name] = self.call(name, "__init__", partial(self._make, name, self._plugins.adapter(name)))
            return self._made[name]

    def _make(self, name: str, adapter: type[Adapter]) -> Adapter:
        settings = read_settings(adapter.Settings, self._settings.get(name, {}), ("adapters", name))
        return answers.made(adapter(settings, self._context), adapter)

    def call(self, name: str, method: str, function: Callable[[], T]) -> T:
        """What `function` returns, which is that method of the adapter `name`.

        Raises:
            PluginError: it failed, or hangs.
            MessagingError: as it raised it.
        """
        return self._plugins.call_adapter(name, method, function, self._seconds)

    def mail_readers(self) -> dict[str, MailReader]:
        """What reads mail that came back, by the adapter it belongs to."""

        def reader(name: str, kind: type[Adapter]) -> MailReader:
            return lambda mail, now: self.call(name, "read_mail", partial(answers.mail, kind, mail, now))

        return {name: reader(name, kind) for name, kind in self._plugins.adapters().items() if kind.channel == "email"}

    def blame(self, name: str, problem: str) -> PluginError:
        """The error for what an adapter did wrong: names its plugin and where that came from."""
        return self._plugins.blame(name, problem)

    def give_up_on(self, name: str, delivery: Handover) -> None:
        """A delivery of that adapter hangs. The next `get` makes a new one, unless too many were left behind."""
        with self._lock:
            self._made.pop(name, None)
            self._hanging[name] = [*self._left(name), delivery]

    def _left(self, name: str) -> list[Handover]:
        """Its deliveries that were given up on and have not come back."""
        return [each for each in self._hanging.get(name, ()) if not each.over]

    def close(self) -> None:
        """Close them all; one that cannot be closed is named, and stops no other."""
        with self._lock:
            made, self._made = self._made, {}
        for name, adapter in made.items():
            try:
                self.call(name, "close", adapter.close)
            except MessagingError as error:
                log.error("%s", error)


def refuse_insecure(base_url: str, adapter: str) -> None:
    """Refuse to send links that lead to this machine or travel in the clear.

    Raises:
        SettingsError: says how to mend it, or to allow it.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
    if local or parts.scheme != "https":
        what = "this machine only" if local else "an address that is not https"
        raise SettingsError(
            f"links would lead to {what} ({base_url}), and {adapter} sends to real people",
            hint="set [server] base_url to your public https address, or allow it with "
            "MESSAGING__SERVER__ALLOW_INSECURE_LINKS=true",
        )
