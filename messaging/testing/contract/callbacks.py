"""What a provider posts back: genuine ones are understood, in the common words; all others are rejected."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from messaging.answers import adapters as answers
from messaging.errors import InputError, MessagingError, RequestRejected
from messaging.nouns.adapter import Adapter, Callback
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.request import Request
from messaging.testing.builders import make_message
from messaging.testing.contract import signatures
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import asked, fault
from messaging.testing.contract.clock import check_hash, modules_of
from messaging.testing.contract.mutations import mutated
from messaging.testing.contract.provider import Provider
from messaging.testing.contract.signatures import now, request_of

#: Odd bodies that are tried, about.
_ODD = 500
#: What a provider may begin to tell some day, among what it tells now.
_STRANGERS: Sequence[object] = ({"event": "kit-unheard-of", "type": "kit-unheard-of"}, {}, 17, None)
_OWN_ID = (
    "take the id from the event, or make it of the event's own values: it is the same beside whichever others, in "
    "whichever order, whenever it is told"
)


class Callbacks(AdapterBench):
    """Tests of `callback`."""

    @pytest.fixture
    def bodies(self) -> Sequence[bytes]:
        """What is posted about our message."""
        if not self.adapter.capabilities.callbacks:
            pytest.skip("capabilities declare no callbacks")
        if self.adapter.callback is Adapter.callback:
            fault(
                "capabilities declare callbacks, and there is no method callback",
                "write callback(self, request) -> Callback, or do not declare it",
            )
        bodies = self.callbacks(self.our_id)
        if not bodies:
            fault(
                "capabilities declare callbacks, and the suite cannot know what they look like",
                "return bodies from callbacks(self, message_id), and their headers from sign(self, body, at)",
            )
        return bodies

    @property
    def our_id(self) -> str:
        return make_message(1, channel=self.adapter.channel).id

    def genuine(self, body: bytes, at: datetime | None = None) -> Request:
        at = at or now()
        return request_of(self.callback_url, body, self.sign(body, at), at)

    def taken(self, adapter: Adapter, body: bytes, at: datetime | None = None) -> Callback:
        try:
            callback: Any = adapter.callback(self.genuine(body, at))
        except (RequestRejected, InputError) as error:
            fault(f"a genuine callback was rejected: {error}", "look at sign(self, body, at) and callbacks(), too")
        if not isinstance(callback, Callback):
            fault(f"callback returned {type(callback).__name__}", "return messaging.Callback(engagements=[…])")
        return Callback(engagements=callback.engagements)

    def test_a_genuine_callback(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        adapter = open()
        for body in bodies:
            engagements = list(self.taken(adapter, body).engagements)
            if not engagements:
                fault("a callback about our message made no engagement", "translate it into the common words")
            for told in engagements:
                self.check_engagement(told)
            look = partial(answers.callback, adapter, self.genuine(body))
            asked("callback", look, "messaging.Callback and messaging.Engagement say what each field may be")

    def check_engagement(self, told: Any) -> None:
        if not isinstance(told, Engagement):
            fault(f"an engagement is a {type(told).__name__}", "make messaging.Engagement")
        kind: object = told.kind
        if not isinstance(kind, EngagementKind):
            words = ", ".join(EngagementKind)
            fault(
                f"an engagement's kind is {told.kind!r}",
                f"use messaging.EngagementKind ({words}), and leave out events that have no common word",
            )
        if not isinstance(told.id, str) or not told.id:
            fault(
                f"an engagement's id is {told.id!r}",
                "use the provider's own event id: what is told twice is counted once by it",
            )
        if getattr(told.at, "tzinfo", None) is None:
            fault("an engagement's time has no zone", "make it aware: datetime.fromtimestamp(seconds, UTC)")
        if told.message_id != self.our_id and not (told.message_id is None and told.channel and told.address):
            fault(
                f"an engagement is about the message {told.message_id!r}, and the callback about {self.our_id!r}",
                "join it by the id that deliver passed to the provider; where none is named, set channel and address",
            )
        if not told.raw:
            fault("an engagement has no raw event", "keep the event as it came in raw: it can be judged anew by it")

    def test_the_same_again(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        """Providers post everything at least once."""
        check_hash(modules_of(self.adapter))
        first, second = open(), open()
        # Whoever posts it again signs it again.
        earlier = now() - min(timedelta(seconds=30), (self.replay_window or timedelta(minutes=10)) / 4)
        kinds: dict[str, EngagementKind] = {}
        for body in bodies:
            engagements = self.taken(first, body, earlier).engagements
            ids = [told.id for told in engagements]
            if any(ids != [told.id for told in self.taken(other, body).engagements] for other in (first, second)):
                fault(
                    "the same callback, posted again, has other event ids",
                    "take the id from the event, or make it of the event's own values; never of chance, time or a "
                    "process's hash()",
                )
            if len(set(ids)) < len(ids):
                fault("two events of one callback have the same id", "each event needs an id of its own")
            for told in engagements:
                if kinds.setdefault(told.id, told.kind) != told.kind:
                    fault(
                        f"an event that is {kinds[told.id]} and one that is {told.kind} have the same id",
                        "each event needs an id of its own: of two with one id, the second counts as told already. "
                        "Where the provider gives none, make it of the message's id, the event's name and its time",
                    )

    def test_one_event_among_others(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        """Of several events in one post, none is lost or becomes another for what stands beside it."""
        adapter = open()
        lists = [found for body in bodies if isinstance(found := _document(body), list)]
        if not lists:
            pytest.skip("its provider posts no lists of events")
        for events in lists:
            ids = self.ids(adapter, events)
            if ids != set().union(*(self.ids(adapter, [event]) for event in events)):
                fault("events that are posted together have other ids, or are fewer, than one by one", _OWN_ID)
            if ids != self.ids(adapter, events[::-1]):
                fault("the same events in another order have other ids", _OWN_ID)
            for stranger in _STRANGERS:
                if not ids <= self.ids(adapter, [stranger, *events]):
                    fault(
                        f"beside one that is not understood ({stranger}), events are lost",
                        "leave out what is not understood, and read the others",
                    )

    def ids(self, adapter: Adapter, events: Sequence[object]) -> set[str]:
        """Those of the events that are posted together."""
        try:
            return {told.id for told in adapter.callback(self.genuine(orjson.dumps(events))).engagements}
        except (RequestRejected, InputError):
            return set()
        except Exception as error:  # what its author wrote may raise anything
            fault(
                f"a list of events made callback raise {type(error).__name__}: {error}",
                "leave out events that are not understood, and read the others",
            )

    def test_signed_and_odd(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        """What the provider's next version may post: each field missing, or something else."""
        take = self.door(open())
        for body in bodies:
            for how, other in mutated(body, _ODD // len(bodies)):
                self.survives(take, other, f"a genuine callback {how}")

    def test_forged_callbacks(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        take = self.door(open())
        for body in bodies:
            signatures.check_forged(take, self.callback_url, body, self.sign)

    def test_forged_signatures(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        take = self.door(open())
        signatures.check_headers(take, self.callback_url, bodies[0], self.sign)
        signatures.check_constant_time(take, self.callback_url, bodies[0], self.sign)

    def test_genuine_ones_written_otherwise(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        take = self.door(open())
        for body in bodies:
            signatures.check_written_otherwise(take, self.callback_url, body, self.sign)

    def test_callbacks_without_a_key(
        self, remote: Provider, tmp_path: Path, bodies: Sequence[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where settings may lack the key, or hold an empty one, nobody is let in."""
        keys = Keys(monkeypatch)
        for what, given in self.without_a_key(self.settings(remote)):
            with ExitStack() as stack:
                try:
                    adapter = self.make(remote, tmp_path, stack, given=given)
                    stack.callback(adapter.close)
                except (MessagingError, pytest.fail.Exception):
                    continue  # its settings cannot be so
                signatures.check_locked(self.door(adapter), self.callback_url, bodies[0], self.sign, what)
            if keys.empty:
                fault(
                    f"{what}, callbacks are checked with an empty key: anybody can sign with that",
                    "where no key is set, raise RequestRejected before anything is computed",
                )

    def without_a_key(self, good: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Settings that lack what they may lack, or hold it empty, and what that is."""
        fields = {field.alias or name: field for name, field in self.adapter.Settings.model_fields.items()}
        able = [name for name in good if name in fields and not fields[name].is_required()]
        for names in dict.fromkeys([*((name,) for name in able), tuple(able)]):
            if names:
                yield f"without {', '.join(names)}", {key: value for key, value in good.items() if key not in names}
        for name in able:
            if isinstance(good[name], str | list | tuple):
                yield f"with an empty {name}", {**good, name: type(good[name])()}

    def test_old_callbacks(self, open: Callable[..., Adapter], bodies: Sequence[bytes]) -> None:
        if self.replay_window is None:
            pytest.skip("its signatures hold no time (replay_window = None)")
        seconds = self.replay_window.total_seconds() + 60
        signatures.check_old(self.door(open()), self.callback_url, bodies[0], self.sign, seconds)

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"[1]", b'{"a": 1}', b"\xff\xfe\0", b"[" * 100_000])
    def test_signed_nonsense(self, open: Callable[..., Adapter], bodies: Sequence[bytes], body: bytes) -> None:
        """Genuine, and not what this provider sends."""
        self.survives(self.door(open()), body, f"a signed body that is none ({body[:10]!r}…)")

    def survives(self, take: Callable[[Request], object], body: bytes, what: str) -> None:
        try:
            take(self.genuine(body))
        except (InputError, RequestRejected):
            pass
        except Exception as error:  # what its author wrote may raise anything
            fault(
                f"{what} made it raise {type(error).__name__}: {error}",
                "raise InputError for what cannot be read, and leave out events that are not understood",
            )

    def door(self, adapter: Adapter) -> Callable[[Request], object]:
        return lambda request: list(adapter.callback(request).engagements)


def _document(body: bytes) -> object:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


class Keys:
    """Whether anything is signed with an empty key while it watches."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.empty = False
        make, digest = hmac.HMAC.__init__, hmac.digest

        def made(this: hmac.HMAC, key: bytes, *args: Any, **named: Any) -> None:
            self.empty = self.empty or not key
            make(this, key, *args, **named)

        def digested(key: bytes, *args: Any, **named: Any) -> bytes:
            self.empty = self.empty or not key
            return digest(key, *args, **named)

        patch.setattr(hmac.HMAC, "__init__", made)
        patch.setattr(hmac, "digest", digested)
