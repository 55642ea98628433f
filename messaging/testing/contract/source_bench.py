"""What the author of an event source tells the suite, and a source made of it as the core makes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from pydantic import SecretStr

from messaging.answers.sources import documents, reply, verified, whole
from messaging.errors import RequestRejected
from messaging.nouns.http import HttpClient, Offline
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource, SourceContext
from messaging.services.plugin_settings import read_settings
from messaging.testing.contract.bench import asked, fault
from messaging.testing.contract.signatures import now, request_of
from messaging.testing.standins.http import Answer


class SourceAuthor:
    """The part of `SourceContract` that a plugin's test fills in."""

    #: The class to be tested.
    source: ClassVar[type[EventSource]]
    #: How old a signed request may be; None if its signature holds no time.
    replay_window: ClassVar[timedelta | None] = None
    #: What stands in the address behind the source's name.
    shop: ClassVar[str] = "main"

    def settings(self) -> Mapping[str, Any]:
        """One shop's settings."""
        return {}

    def bodies(self) -> Sequence[bytes]:
        """What such a shop posts, of each kind one: real ones are best."""
        fault("the suite does not know what such a shop posts", "write bodies(self) in your test: real ones are best")

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        """The headers with which the shop posts that body at that time, by the secrets in `settings`."""
        fault("the suite cannot post as the shop does", "write sign(self, body, at) in your test: the headers it sends")

    def shop_api(self, method: str, request: Request) -> Answer:
        """What the shop's own API answers when `complete` asks it; real answers are best."""
        fault("the suite cannot answer as the shop's API does", "write shop_api(self, method, request) in your test")

    def other_settings(self) -> Mapping[str, Any]:
        """Another shop's: by default with other secrets of the same form."""
        good = dict(self.settings())
        for name, value in _read(self.source, good):
            if isinstance(value, SecretStr):
                good[name] = _other_secret(value.get_secret_value())
            elif isinstance(value, tuple | list) and all(isinstance(each, SecretStr) for each in value):
                good[name] = [_other_secret(each.get_secret_value()) for each in value]
        return good


class _Bounded(EventSource):
    """A source as the core asks it: whatever it does comes to an end, and what it answers is looked at."""

    def __init__(self, source: EventSource) -> None:
        super().__init__(source.settings, source.context)
        self.name = source.name  # type: ignore[misc] # it speaks for it
        self._source = source

    def verify(self, request: Request) -> None:
        look = partial(verified, self._source, request)
        asked("verify", look, "raise RequestRejected for what is forged, and answer nothing")

    def events(self, request: Request) -> Sequence[Mapping[str, Any]]:
        look = partial(documents, self._source, request, self.context.shop)
        return asked("events", look, "end the loop that yields them, each a mapping")

    def complete(self, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return asked("complete", partial(whole, self._source, event), "give the whole event, a mapping, or None")

    def answer(self, request: Request) -> bytes | None:
        return asked("answer", partial(reply, self._source, request), "give bytes, or None")


class SourceBench(SourceAuthor):
    """Sources and requests."""

    @property
    def url(self) -> str:
        return f"https://shop.example/hooks/{self.source.name}/{self.shop}"

    def make(self, settings: Mapping[str, Any] | None = None, http: HttpClient | None = None) -> EventSource:
        given = self.settings() if settings is None else settings
        model = read_settings(self.source.Settings, given, ("sources", self.source.name, self.shop))
        return _Bounded(self.source(model, SourceContext(shop=self.shop, http=http or Offline())))

    def signs(self, name: str) -> bool:
        """Whether what shops post is signed with that secret."""
        try:
            self.make({**self.settings(), name: self.other_settings()[name]}).verify(self.genuine(self.bodies()[0]))
        except RequestRejected:
            return True
        return False

    def genuine(self, body: bytes) -> Request:
        at = now()
        return request_of(self.url, body, self.sign(body, at), at)


def _read(source: type[EventSource], given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    model = read_settings(source.Settings, given, ("sources", source.name, "other"))
    return [(name, getattr(model, name)) for name in given]


def _other_secret(secret: str) -> str:
    """One of the same form: of the same length and alphabet, and with what stands before a first `_`."""
    prefix, under, rest = secret.rpartition("_")
    hexadecimal = all(letter in "0123456789abcdefABCDEF" for letter in rest)
    return prefix + under + "".join(_another(letter, hexadecimal) for letter in rest)


def _another(letter: str, hexadecimal: bool) -> str:
    for alphabet in ("0123456789", "abcdef" if hexadecimal else "abcdefghijklmnopqrstuvwxyz"):
        if letter.lower() in alphabet:
            found = alphabet[(alphabet.index(letter.lower()) + 1) % len(alphabet)]
            return found.upper() if letter.isupper() else found
    return letter
