"""The suite for event sources: what a shop posts is genuine or rejected, and becomes the same events each time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from messaging.errors import InputError, MessagingError, RequestRejected, SettingsError
from messaging.ids import is_name
from messaging.nouns.request import Request
from messaging.nouns.source import SourceSettings
from messaging.rules.envelope import read_event
from messaging.testing.contract import signatures
from messaging.testing.contract.bench import fault
from messaging.testing.contract.completing import Completing
from messaging.testing.contract.signatures import now, request_of

#: Seconds of processor time that a large body may cost before it is known to be forged.
_QUICK = 2.0


class SourceContract(Completing):
    """Whether an event source is right. Subclass it in a test, name the class, and show what its shop posts:

    class TestTeaShop(SourceContract):
        source = TeaShop

        def settings(self):
            return {"secret": "s3cret-of-the-shop"}

        def bodies(self):
            return [b'{"id": 1, "status": "paid"}']

        def sign(self, body, at):
            return {"Tea-Signature": hmac.new(b"s3cret-of-the-shop", body, "sha256").hexdigest()}

    One that asks its shop for more (`complete`) also needs `shop_api(self, method, request)`.
    """

    @pytest.fixture
    def take(self) -> Callable[[Request], list[Mapping[str, Any]]]:
        """What the core does with a request."""
        source = self.make()

        def take(request: Request) -> list[Mapping[str, Any]]:
            source.verify(request)
            return list(source.events(request))

        return take

    def events(self, take: Callable[[Request], list[Mapping[str, Any]]], body: bytes) -> list[Mapping[str, Any]]:
        try:
            return take(self.genuine(body))
        except (RequestRejected, InputError) as error:
            fault(f"a genuine request was rejected: {error}", "look at sign(self, body, at) and bodies(), too")

    def test_name(self) -> None:
        if not is_name(getattr(self.source, "name", "")):
            fault(
                f"name is {getattr(self.source, 'name', None)!r}", "make it a word of lower-case letters, digits, -, _"
            )

    def test_settings(self) -> None:
        if not issubclass(self.source.Settings, SourceSettings):
            fault("Settings is no subclass of messaging.SourceSettings", "make it one: class Settings(SourceSettings)")
        model = self.make().settings
        shown = repr(model)
        if any(isinstance(v, str) and len(v) > 7 and "secret" in n and v in shown for n, v in self.settings().items()):
            fault("the settings show a secret in their repr", "declare it pydantic.SecretStr")
        try:
            self.make({**self.settings(), "no_such_setting": "1"})
        except SettingsError:
            return
        fault("a setting that there is not was taken without a word", 'leave extra="forbid" as in SourceSettings')

    def test_events_are_envelopes(self, take: Callable[..., list[Mapping[str, Any]]]) -> None:
        for body in self.bodies():
            for event in self.events(take, body):
                document = {**event, "source": self.source.name, "shop": self.shop}
                try:
                    orjson.dumps(document)
                    read_event(document, thin=True)
                except (MessagingError, TypeError, ValueError) as error:
                    fault(f"an event is no envelope: {error}", "docs/events.md says what one holds: plain JSON values")

    def test_the_same_again(self, take: Callable[..., list[Mapping[str, Any]]]) -> None:
        """Shops post again what was not answered, also to another process."""
        for body in self.bodies():
            ids = [event["id"] for event in self.events(take, body)]
            again = [event["id"] for event in self.events(take, body)]
            other = self.make()
            elsewhere = [event["id"] for event in other.events(self.genuine(body))]
            if not ids == again == elsewhere:
                fault(
                    "the same request, posted again, has other event ids",
                    "take the id from what is posted; never from chance, time, a counter or a process's hash()",
                )
            if len(set(ids)) < len(ids):
                fault("two events of one request have the same id", "each event needs an id of its own")

    def test_in_another_order(self, take: Callable[..., list[Mapping[str, Any]]]) -> None:
        bodies = self.bodies()
        forwards = [self.events(take, body) for body in bodies]
        backwards = [self.events(take, body) for body in reversed(bodies)]
        if forwards != backwards[::-1]:
            fault(
                "what a request becomes depends on what came before it",
                "keep nothing between requests: they come late, twice and out of order",
            )

    def test_forged(self, take: Callable[..., object]) -> None:
        for body in self.bodies():
            signatures.check_forged(take, self.url, body, self.sign)

    def test_forged_signatures(self, take: Callable[..., object]) -> None:
        signatures.check_headers(take, self.url, self.bodies()[0], self.sign)

    def test_verify_alone_rejects(self) -> None:
        """`verify` decides; `events` is asked only afterwards."""
        source, body = self.make(), self.bodies()[0]
        signatures.rejected(source.verify, request_of(self.url, body, {}, now()), "without a signature")

    def test_another_shops_secret(self) -> None:
        other = self.make(self.other_settings())
        for body in self.bodies():
            signatures.rejected(other.verify, self.genuine(body), "signed with another shop's secret")

    def test_written_otherwise(self, take: Callable[..., object]) -> None:
        for body in self.bodies():
            signatures.check_written_otherwise(take, self.url, body, self.sign)

    def test_old_requests(self, take: Callable[..., object]) -> None:
        if self.replay_window is None:
            pytest.skip("its signatures hold no time (replay_window = None)")
        seconds = self.replay_window.total_seconds() + 60
        signatures.check_old(take, self.url, self.bodies()[0], self.sign, seconds)

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"[1]", b'{"a": 1}', b"\xff\xfe\0", b"a=1&b=2"])
    def test_signed_nonsense(self, take: Callable[..., object], body: bytes) -> None:
        self.survives(take, body)

    def test_signed_and_huge(self, take: Callable[..., object]) -> None:
        for body in (b"[" * 1_000_000, b'{"a": "' + b"x" * 5_000_000 + b'"}', b"9" * 1_000_000):
            self.survives(take, body)

    def survives(self, take: Callable[..., object], body: bytes) -> None:
        try:
            take(self.genuine(body))
        except (InputError, RequestRejected):
            pass
        except Exception as error:  # what its author wrote may raise anything
            fault(
                f"a signed body that is none ({body[:10]!r}…) made it raise {type(error).__name__}: {error}",
                "raise InputError for what this kind of shop does not send",
            )

    def test_forged_and_huge(self) -> None:
        source, began = self.make(), time.process_time()
        body = b"[" * 20_000_000
        headers = self.sign(self.bodies()[0], now())
        signatures.rejected(source.verify, request_of(self.url, body, headers, now()), "of twenty megabytes")
        if time.process_time() - began > _QUICK:
            fault("it takes long to reject a large request", "do nothing with a body before its signature is checked")
