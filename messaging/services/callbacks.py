"""What providers post to us: understood by the adapter it is for, recorded as engagement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from messaging.errors import PLUGIN_FAULTS, MessagingError, NotFound
from messaging.nouns.adapter import Adapter, Callback
from messaging.nouns.engagement import Engagement
from messaging.nouns.request import Request
from messaging.plugins import Plugins
from messaging.services.recording import Recorder


class Callbacks:
    """Takes what providers post."""

    def __init__(self, plugins: Plugins, recorder: Recorder, *, adapter: Callable[[str], Adapter]) -> None:
        """`adapter` makes the adapter of a name, with its settings."""
        self._plugins = plugins
        self._recorder = recorder
        self._adapter = adapter

    def take(self, name: str, request: Request) -> Callback:
        """Record what a provider posted to the adapter `name`; return what it wants to read back.

        Raises:
            NotFound: there is no such adapter, or it takes no callbacks.
            SettingsError: it is not set up.
            RequestRejected: the request is not genuine.
            InputError: it is not what this provider sends.
            PluginError: the adapter failed; nothing was recorded.
            StoreError: it could not be recorded; the provider posts it again.
        """
        kind = self._plugins.adapters().get(name)
        if kind is None or not kind.capabilities.callbacks:
            raise NotFound("nobody posts here")
        adapter = self._adapter(name)
        try:
            callback = adapter.callback(request)
            told = [replace(checked(each), source=name) for each in callback.engagements]
        except MessagingError:
            raise
        except PLUGIN_FAULTS as error:
            raise self._plugins.blame(name, f"callback raised {type(error).__name__}: {error}") from error
        if callback.speaks_for is not None:
            told = [each for each in told if self._address_of(each) == callback.speaks_for]
        self._recorder.record(told)
        return callback

    def _address_of(self, told: Engagement) -> str | None:
        """Whom it is about."""
        if told.message_id is None:
            return told.address
        try:
            return self._recorder.message(told.message_id).address
        except NotFound:
            return None


def checked(told: object) -> Engagement:
    """`told` as a plugin made it.

    Raises:
        TypeError: it is not what was asked for.
    """
    if not isinstance(told, Engagement):
        raise TypeError(f"it made {type(told).__name__}, not an Engagement")
    if told.at.tzinfo is None:
        raise TypeError(f"engagement {told.id!r} has a time without a zone")
    return told
