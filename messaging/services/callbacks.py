"""What providers post to us: understood by the adapter it is for, recorded as engagement."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from messaging.answers import adapters as answers
from messaging.errors import NotFound
from messaging.nouns.adapter import Callback
from messaging.nouns.engagement import Engagement
from messaging.nouns.request import Request
from messaging.plugins import Plugins
from messaging.services.adapters import Adapters
from messaging.services.recording import Recorder

log = logging.getLogger("messaging.callbacks")


class Callbacks:
    """Takes what providers post."""

    def __init__(self, plugins: Plugins, recorder: Recorder, adapters: Adapters) -> None:
        self._plugins = plugins
        self._recorder = recorder
        self._adapters = adapters

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
        callback = self._adapters.call(
            name, "callback", partial(answers.callback, self._adapters.unsent(name), request)
        )
        self._recorder.record(self._own(callback.engagements, kind.channel, callback.speaks_for))
        return callback

    def _own(self, engagements: Sequence[Engagement], channel: str, address: str | None) -> list[Engagement]:
        """What is about the adapter's own channel (and that address, if it speaks for one only): no provider moves
        what went another way.
        """
        messages = self._recorder.messages({told.message_id for told in engagements if told.message_id})
        own = []
        for told in engagements:
            message = messages.get(told.message_id or "")
            place = (message.channel, message.address) if message else (told.channel or channel, told.address)
            if place[0] == channel and address in (None, place[1]):
                own.append(told)
            else:
                log.warning("%s: %s is about what is not its own, and is left out", told.source, told.kind)
        return own
