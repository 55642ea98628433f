"""The suite for event sources: what a shop posts is genuine or rejected, and becomes the same events each time."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

import orjson
import pytest
from pydantic import SecretStr

from messaging.errors import InputError, MessagingError, RequestRejected, SettingsError
from messaging.ids import is_name
from messaging.nouns.request import Request
from messaging.nouns.source import SourceSettings
from messaging.patience import told
from messaging.rules.envelope import read_event
from messaging.services.handover import secrets_in
from messaging.testing.contract import signatures
from messaging.testing.contract.bench import fault
from messaging.testing.contract.clock import check_hash, modules_of, no_clock
from messaging.testing.contract.completing import Completing, ShopApi
from messaging.testing.contract.hearing import listening
from messaging.testing.contract.leaks import addresses_in, chain, check_addresses, check_secrets
from messaging.testing.contract.mutations import mutated
from messaging.testing.contract.signatures import now, request_of
from messaging.testing.contract.tidying import Tidying, nothing_left

#: Seconds of processor time that a large body may cost before it is known to be forged.
_QUICK = 2.0
_UNSIGNED = "its shops sign with no secret of the settings"
#: Odd bodies that are tried, about.
_ODD = 1000
_MISSING = object()


class SourceContract(Tidying, Completing):
    """Whether an event source is right. Subclass it in a test, name the class, and show what its shop posts:

    class TestTeaShop(SourceContract):
        source = TeaShop

        def settings(self):
            return {"secrets": ["s3cret-of-the-shop"]}

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
        told = [event for body in self.bodies() for event in self.events(take, body)]
        if not told:
            fault("of what the shop posts, nothing becomes an event", "translate it, or show other bodies")
        for event in told:
            try:
                orjson.dumps(event)
                read_event(event, thin=True)
            except (MessagingError, TypeError, ValueError) as error:
                fault(f"an event is no envelope: {error}", "docs/events.md says what one holds: plain JSON values")

    def test_each_event_has_its_own_id(self, take: Callable[..., list[Mapping[str, Any]]]) -> None:
        """What has an id that is known already was told before, and is dropped."""
        known: dict[str, Mapping[str, Any]] = {}
        for body in self.bodies():
            for event in self.events(take, body):
                before = known.setdefault(event["id"], event)
                if before["type"] != event["type"] or _differ(_about(before), _about(event)):
                    fault(
                        f"two requests that tell different things make events with the same id ({before['type']} and "
                        f"{event['type']}): the second would be dropped",
                        "make the id of what happened, not of what it happened to: the shop's own event id, or the "
                        "order's with the kind and what changed",
                    )

    def test_the_same_again(self, take: Callable[..., list[Mapping[str, Any]]]) -> None:
        """Shops post again what was not answered, also to another process."""
        for body in self.bodies():
            first = self.events(take, body)
            ids = [event["id"] for event in first]
            again, elsewhere = self.events(take, body), list(self.make().events(self.genuine(body)))
            for later in (again, elsewhere):
                if [event["id"] for event in later] != ids:
                    fault(
                        "the same request, posted again, has other event ids",
                        "take the id from what is posted; never from chance, time, a counter or a process's hash()",
                    )
                if later != first:
                    fault("the same request, posted again, tells something else", "tell what is posted, and no more")
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

    def test_compared_in_constant_time(self, take: Callable[..., object]) -> None:
        if not self._signing(dict(self.settings())):
            pytest.skip(_UNSIGNED)
        signatures.check_constant_time(take, self.url, self.bodies()[0], self.sign)

    def test_verify_alone_rejects(self) -> None:
        """`verify` decides; `events` is asked only afterwards."""
        source, body = self.make(), self.bodies()[0]
        signatures.rejected(source.verify, request_of(self.url, body, {}, now()), "without a signature")

    def test_another_shops_secret(self) -> None:
        other = self.make(self.other_settings())
        for body in self.bodies():
            signatures.rejected(other.verify, self.genuine(body), "signed with another shop's secret")

    def test_a_secret_is_changed_without_a_gap(self) -> None:
        """While a shop goes from one secret to the next, what is signed with either is genuine."""
        good, others = dict(self.settings()), self.other_settings()
        names = self._signing(good)
        if not names:
            pytest.skip(_UNSIGNED)
        for name in names:
            if isinstance(getattr(self.make().settings, name), SecretStr):
                fault(
                    f"{name} is one secret: while a shop changes it, what is signed with the other one is lost",
                    f"declare {name} as messaging.Secrets, and take what is signed with any of them",
                )
            mine, theirs = ([*secrets_in(getattr(self.make(each).settings, name))] for each in (good, others))
            for both in ([*theirs, *mine], [*mine, *theirs]):
                try:
                    self.make({**good, name: both}).verify(self.genuine(self.bodies()[0]))
                except RequestRejected:
                    fault(f"of several {name} not each counts", "take what is signed with any of them")

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

    def test_signed_and_odd(self, take: Callable[..., object]) -> None:
        """What a shop's next version may post: each field missing, or something else."""
        bodies = self.bodies()
        for body in bodies:
            for how, other in mutated(body, _ODD // len(bodies)):
                self.survives(take, other, f"a genuine body {how}")

    def survives(self, take: Callable[..., object], body: bytes, what: str = "") -> None:
        try:
            take(self.genuine(body))
        except (InputError, RequestRejected):
            pass
        except Exception as error:  # what its author wrote may raise anything
            fault(
                f"{what or f'a signed body that is none ({body[:10]!r}…)'} made it raise {told(error)}",
                "raise InputError for what this kind of shop does not send",
            )

    def _signing(self, given: Mapping[str, Any]) -> list[str]:
        """The settings that a shop signs with."""
        model = self.make().settings
        return [name for name in given if any(secrets_in(getattr(model, name))) and self.signs(name)]

    def test_without_a_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A shop whose secret was not set, or is empty, is nobody's: whatever comes is rejected."""
        good, body = dict(self.settings()), self.bodies()[0]
        names = self._signing(good)
        if not names:
            pytest.skip(_UNSIGNED)
        for way in [*([name] for name in names), *([names] if len(names) > 1 else [])]:
            for what in (_MISSING, "", [], None):
                given = _without(good, way) if what is _MISSING else {**good, **dict.fromkeys(way, what)}
                try:
                    source = self.make(given)
                except MessagingError:
                    continue  # so it was told when it was set up
                where = f"where {' and '.join(way)} is {'not set' if what is _MISSING else repr(what)}"
                for headers in ({}, dict.fromkeys(self.sign(body, now()), "")):
                    unsigned = request_of(self.url, body, headers, now())
                    signatures.rejected(source.verify, unsigned, f"that nobody signed, {where},")
                if way == names:
                    with monkeypatch.context() as patch:
                        for module in (hmac, secrets):  # whoever knows that there is no secret signs with none
                            patch.setattr(module, "compare_digest", lambda a, b: True)
                        signatures.rejected(source.verify, self.genuine(body), f"signed with nothing, {where},")

    def test_nothing_gets_out(self, capfd: pytest.CaptureFixture[str]) -> None:
        """Whatever is posted: errors and logs tell no secret, nor what would be a right signature, nor an address."""
        source, errors = self.make(), []
        with listening() as heard:
            for request in self._anything():
                try:
                    source.verify(request)
                    list(source.events(request))
                except Exception as error:  # what it says is looked at, not what it is
                    errors += chain(error)
        shown = {"a log": heard.text, "what was printed": "".join(capfd.readouterr()), "an error": "\n".join(errors)}
        check_secrets(list(secrets_in(source.settings)), {**shown, "repr of the source": repr(source)})
        at = now()
        right = {
            value
            for body in self.bodies()
            for name, value in self.sign(body, at).items()
            if len(value) >= 16 and self.sign(body + b" ", at).get(name) != value
        }
        check_secrets(right, shown, "the right signature of a request")
        check_addresses({each for body in self.bodies() for each in addresses_in(body)}, shown)

    def _anything(self) -> Iterator[Request]:
        bodies = self.bodies()
        for body in bodies:
            at = now()
            yield self.genuine(body)
            yield request_of(self.url, body, {}, at)
            yield request_of(self.url, body, dict.fromkeys(self.sign(body, at), "0" * 64), at)
            yield request_of(self.url, body, self.sign(body + b" ", at), at)
            for _, other in mutated(body, _ODD // 5 // len(bodies)):
                yield self.genuine(other)

    def test_it_does_not_look_at_the_clock(self) -> None:
        instead = "take an event's time from what is posted; request.received_at is when it came"
        source = self.make()
        with no_clock(modules_of(self.source), instead):
            for body in self.bodies():
                request = self.genuine(body)
                source.verify(request)
                list(source.events(request))
                for _, other in mutated(body, _ODD // 5 // len(self.bodies())):  # also where it tells no time
                    with suppress(Exception):  # another test tells of it
                        request = self.genuine(other)
                        source.verify(request)
                        list(source.events(request))

    def test_nothing_is_left_behind(self) -> None:
        assert self.at_first is not None
        source = self.make(http=ShopApi(self.shop_api))
        with nothing_left(self.at_first):
            for body in self.bodies():
                request = self.genuine(body)
                source.verify(request)
                for event in source.events(request):
                    if event.get("incomplete") is not None:
                        source.complete(event)
                source.answer(request)
                with suppress(RequestRejected):  # as it should be; what others see of it is what is looked at
                    source.verify(request_of(self.url, body, {}, now()))

    def test_another_process_says_the_same(self) -> None:
        check_hash(modules_of(self.source))

    def test_forged_and_huge(self) -> None:
        source, began = self.make(), time.process_time()
        body = b"[" * 20_000_000
        headers = self.sign(self.bodies()[0], now())
        signatures.rejected(source.verify, request_of(self.url, body, headers, now()), "of twenty megabytes")
        if time.process_time() - began > _QUICK:
            fault("it takes long to reject a large request", "do nothing with a body before its signature is checked")


def _about(event: Mapping[str, Any]) -> dict[str, object]:
    """The ids of what it happened to."""
    data = event.get("data") or {}
    things = {each: data.get(each) for each in ("order", "shipment", "cart", "product")}
    return {name: thing["id"] for name, thing in things.items() if isinstance(thing, Mapping) and thing.get("id")}


def _differ(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether they are about two things; one may tell more than the other."""
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def _without(table: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if name not in names}
