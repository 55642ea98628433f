"""A workspace opened: its settings, and the ports that services stand on. Holds no rules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from messaging.clock import Clock, clock_from_environment
from messaging.errors import SettingsError
from messaging.nouns.adapter import AdapterContext
from messaging.outgoing import Outgoing
from messaging.plugins import Plugins
from messaging.queue.base import Queue
from messaging.queue.opening import open_queue
from messaging.rendering.render import Renderer
from messaging.rules.tokens import LinkSigner, SigningKeys
from messaging.services.adapters import Adapters
from messaging.services.library import TemplateLibrary
from messaging.services.plugin_settings import read_all
from messaging.settings import Settings, brand_values
from messaging.settings_file import load_settings
from messaging.stores.base import Store
from messaging.stores.opening import open_store
from messaging.workspace.folder import Workspace, find_workspace
from messaging.workspace.keys import Keys, read_keys


class Opened:
    """A workspace with its settings, its clock, and what touches the world; each made when it is first needed.

    A process that forks may keep one open: each of the two makes what it needs anew, as files and locks are no good in
    two processes.
    """

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        *,
        clock: Clock | None = None,
        no_plugins: bool = False,
    ) -> None:
        self.workspace = workspace
        self.settings = settings
        self.clock = clock or clock_from_environment()
        self.no_plugins = no_plugins
        _OPEN.add(self)

    #: Whether its store may be one that was brought to another one: for whoever only looks at it, or brings it.
    left_store = False

    @classmethod
    def open(
        cls,
        workspace: str | None = None,
        *,
        overrides: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        no_plugins: bool = False,
    ) -> Self:
        """Open the workspace at that folder, or the nearest above the current one.

        Raises:
            SettingsError: there is none, or its settings are wrong.
        """
        folder = find_workspace(workspace)
        return cls(folder, load_settings(folder.settings, overrides), clock=clock, no_plugins=no_plugins)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections and files."""
        for name in ("queue", "adapters", "http", "recorder", "store"):
            part = self.__dict__.pop(name, None)
            if part is not None and hasattr(part, "close"):
                part.close()

    def forked(self) -> None:
        """Forget, in a new process, what belongs to the old one. Nothing is closed: it is in use there."""
        kinds = type(self).__mro__
        made = {name for kind in kinds for name, part in vars(kind).items() if isinstance(part, cached_property)}
        for name in made & self.__dict__.keys():
            _PARENTS.append(self.__dict__.pop(name))

    @cached_property
    def plugins(self) -> Plugins:
        own = self.settings.plugins
        plugins = Plugins(
            folder=self.workspace.plugins,
            off=own.off,
            none=self.no_plugins,
            tables=own.tables,
            timeout=own.timeout.total_seconds(),
        )
        # Read here, so that a mistake in them is told by whatever is done first, not when something is to be sent.
        self._settings_of = read_all(plugins, own.of)
        self._check_rates(plugins)
        return plugins

    def _check_rates(self, plugins: Plugins) -> None:
        """See that each rate is of an adapter that there is; one of a plugin that could not be loaded may be."""
        if self.no_plugins or any(plugin.fault for plugin in plugins.found):
            return
        for name in self.settings.sending.rate:
            try:
                plugins.adapter(name)
            except SettingsError as error:
                raise SettingsError(f"sending.rate: {error.message}", hint=error.hint) from None

    @cached_property
    def keys(self) -> Keys:
        return read_keys(self.workspace.root)

    @cached_property
    def store(self) -> Store:
        return open_store(self.settings.store.url, self.workspace, self.clock, left=self.left_store)

    @cached_property
    def queue(self) -> Queue:
        own = self.settings.queue
        return open_queue(
            own.use,
            own.url.get_secret_value() if own.url is not None else None,
            prefix=own.prefix,
            channels=self.channels(),
            store_url=self.settings.store.url,
        )

    @cached_property
    def signing_keys(self) -> SigningKeys:
        return SigningKeys(current=self.keys.current, keys=self.keys.signing, retired=self.keys.retired)

    @cached_property
    def links(self) -> LinkSigner:
        return LinkSigner(self.signing_keys, self.settings.server.base_url)

    @cached_property
    def library(self) -> TemplateLibrary:
        brand = self.settings.brand
        return TemplateLibrary(
            self.workspace.templates,
            brand=brand_values(self.settings),
            from_=brand.from_,
            reply_to=brand.reply_to,
            additions=self.renderer.additions,
            cache=self.workspace.data / "prepared",
        )

    @cached_property
    def http(self) -> Outgoing:
        outgoing = self.settings.outgoing
        return Outgoing(
            allow_private=outgoing.allow_private,
            allow_http=outgoing.allow_http,
            connect_timeout=outgoing.connect_timeout.total_seconds(),
            timeout=outgoing.timeout.total_seconds(),
            ca_file=str(self.workspace.root / outgoing.ca_file) if outgoing.ca_file else None,
            proxy=outgoing.proxy.get_secret_value() if outgoing.proxy else None,
        )

    @cached_property
    def adapters(self) -> Adapters:
        return Adapters(
            self.plugins,
            AdapterContext(
                workspace=str(self.workspace.root),
                base_url=self.settings.server.base_url,
                timeout=self.settings.sending.timeout.total_seconds() / 2,
                http=self.http,
            ),
            settings=self.settings.adapters,
            adapter_for=self.settings.adapter_for,
            base_url=self.settings.server.base_url,
            allow_insecure_links=self.settings.server.allow_insecure_links,
        )

    @cached_property
    def renderer(self) -> Renderer:
        return Renderer(
            filters=self.plugins.filters(),
            prepare_environment=self.plugins.prepare_environment,
            names=self.plugins.context_names(),
        )

    def channels(self) -> list[str]:
        """Channels that have an adapter."""
        names = {"email", *self.settings.channels}
        return sorted(channel for channel in names if self.settings.adapter_for(channel) is not None)


#: All that are open, for a fork; and what a forked process leaves alone, so that nothing of it is ever closed there.
_OPEN: WeakSet[Opened] = WeakSet()
_PARENTS: list[object] = []


def _forked() -> None:
    for opened in list(_OPEN):
        opened.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
