"""What becomes of a message whose answer was lost: never doubled in silence, never forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from messaging.clock import FrozenClock
from messaging.nouns.adapter import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    Capabilities,
    Receipt,
    RenderedMessage,
    Verdict,
)
from messaging.nouns.message import Message, MessageClass, MessageState
from messaging.plugins import Plugins
from messaging.services.settling import Handed, Settling
from messaging.stores.tinydb.store import TinyStore

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ATTEMPTS = 3


class Told(Plugins):
    """Stands where plugins are: what they are told."""

    def __init__(self) -> None:
        super().__init__(none=True)
        self.sent: list[Message] = []

    def hears(self, hook: str) -> bool:
        return True

    def messages_sent(self, messages: Sequence[Message]) -> None:
        self.sent += messages


class Pigeon(Adapter):
    """Can be asked, and knows what it is told to know."""

    name = "pigeon"
    channel = "email"
    capabilities = Capabilities(lookup=True)

    def __init__(self, known: Callable[[str], Receipt | None]) -> None:
        super().__init__(AdapterSettings(), AdapterContext(workspace="."))
        self.lookup = known

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        raise NotImplementedError


class Blind(Pigeon):
    """Knows nothing of what it took."""

    capabilities = Capabilities()


class Keyed(Blind):
    """Takes a message once only."""

    capabilities = Capabilities(idempotency_key=True)


def make_settling(store: TinyStore, told: Told, *, at_least_once: bool = False) -> Settling:
    return Settling(
        store,
        told,
        attempts=ATTEMPTS,
        first_wait=timedelta(minutes=1),
        longest_wait=timedelta(hours=1),
        at_least_once=at_least_once,
        timeout=timedelta(minutes=1),
        record=lambda told: None,
    )


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[TinyStore]:
    store = TinyStore(tmp_path / "store.jsonl", clock=clock)
    yield store
    store.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def settling(store: TinyStore, told: Told) -> Settling:
    return make_settling(store, told)


@pytest.fixture
def lose(store: TinyStore, told: Told, letter: Callable[..., Message]) -> Callable[..., Message]:
    """Hand a message over with an adapter, lose the answer, and say what the message is then."""

    def lose(
        adapter: Adapter | None,
        *,
        kind: MessageClass = MessageClass.MARKETING,
        at_least_once: bool = False,
        tries: int = 1,
        reason: str | None = None,
    ) -> Message:
        message = letter(id="m1", message_class=kind, attempts=tries - 1, reason=reason)
        store.outbox.add([message])
        worker = store.enlist()
        store.outbox.claim(worker, now=NOW, limit=1)
        store.outbox.begin(worker, ["m1"], now=NOW)
        settling = make_settling(store, told, at_least_once=at_least_once)
        before = store.outbox.get(["m1"])["m1"]
        (state,) = settling.lost([Handed.read(before)], "the line went dead", adapter, now=NOW)
        after = store.outbox.get(["m1"])["m1"]
        assert after.state is state
        return after

    return lose


def nothing(id: str) -> None:
    return None


@pytest.mark.parametrize("kind", MessageClass)
def test_it_is_unknown_and_says_by_whom(lose: Callable[..., Message], kind: MessageClass) -> None:
    lost = lose(Blind(nothing), kind=kind)
    assert (lost.state, lost.reason, lost.adapter) == (MessageState.UNKNOWN, "the line went dead", "pigeon")


def test_without_its_adapter_it_is_unknown(lose: Callable[..., Message]) -> None:
    lost = lose(None, kind=MessageClass.TRANSACTIONAL, at_least_once=True)
    assert (lost.state, lost.adapter) == (MessageState.UNKNOWN, None)


def test_an_adapter_that_takes_it_once_only_gets_it_again(lose: Callable[..., Message]) -> None:
    lost = lose(Keyed(nothing))
    assert (lost.state, lost.reason) == (MessageState.PLANNED, "the line went dead")
    assert timedelta(seconds=30) <= lost.due_at - NOW <= timedelta(minutes=1)


def test_but_not_for_ever(lose: Callable[..., Message]) -> None:
    """And it is not refused: it may have been taken, and what was refused may be retried by hand."""
    lost = lose(Keyed(nothing), tries=ATTEMPTS)
    assert (lost.state, lost.reason) == (MessageState.UNKNOWN, "the line went dead")


@pytest.mark.parametrize(
    ("receipt", "state"),
    [
        (Receipt.accepted("m1", "p-1"), MessageState.SENT),
        (Receipt.refused("m1", "no such user"), MessageState.REFUSED),
        (Receipt.try_again("m1", "never came"), MessageState.PLANNED),
        (Receipt.unknown("m1", "cannot tell"), MessageState.UNKNOWN),
        (Receipt.accepted("m2", "p-2"), MessageState.UNKNOWN),
        (None, MessageState.UNKNOWN),
    ],
)
def test_what_an_adapter_that_can_be_asked_says(
    lose: Callable[..., Message], receipt: Receipt | None, state: MessageState
) -> None:
    asked: list[str] = []
    lost = lose(Pigeon(lambda id: asked.append(id) or receipt))
    assert asked == ["m1"]
    assert lost.state is state


def test_plugins_are_told_of_what_was_sent_all_the_same(lose: Callable[..., Message], told: Told) -> None:
    lost = lose(Pigeon(lambda id: Receipt.accepted(id, "p-1")))
    assert [(message.id, message.state, message.adapter) for message in told.sent] == [
        ("m1", MessageState.SENT, "pigeon")
    ]
    assert (lost.provider_id, lost.sent_at) == ("p-1", NOW)


def test_one_that_cannot_answer_leaves_it_unknown_and_is_named(
    lose: Callable[..., Message], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(id: str) -> Receipt:
        raise RuntimeError("no line")

    assert lose(Pigeon(broken)).state is MessageState.UNKNOWN
    assert "pigeon: lookup raised RuntimeError: no line" in caplog.text


def test_at_least_once_is_for_transactional_ones_and_said(lose: Callable[..., Message]) -> None:
    lost = lose(Blind(nothing), kind=MessageClass.TRANSACTIONAL, at_least_once=True)
    assert (lost.state, lost.reason) == (
        MessageState.PLANNED,
        "the line went dead; sent again, it may arrive twice",
    )


def test_that_it_may_arrive_twice_stays_said(lose: Callable[..., Message]) -> None:
    found = lose(Pigeon(lambda id: Receipt.accepted(id, "p-1")), reason="no answer; sent again, it may arrive twice")
    assert (found.state, found.reason) == (MessageState.SENT, "it may arrive twice")


def test_and_when_its_answer_is_lost_once_more(lose: Callable[..., Message]) -> None:
    lost = lose(Pigeon(nothing), reason="no answer; sent again, it may arrive twice")
    assert (lost.state, lost.reason) == (MessageState.UNKNOWN, "the line went dead; it may arrive twice")


def test_at_least_once_is_not_for_ever(lose: Callable[..., Message]) -> None:
    lost = lose(Blind(nothing), kind=MessageClass.TRANSACTIONAL, at_least_once=True, tries=ATTEMPTS)
    assert lost.state is MessageState.UNKNOWN


def test_a_promotion_is_never_sent_again_by_itself(lose: Callable[..., Message]) -> None:
    assert lose(Blind(nothing), at_least_once=True).state is MessageState.UNKNOWN


def test_a_receipt_says_of_a_message_which_hand_over_it_was_and_what_it_was_rendered_in(
    store: TinyStore, told: Told, settling: Settling, letter: Callable[..., Message]
) -> None:
    store.outbox.add([letter(id="m1", attempts=ATTEMPTS - 2), letter(id="m2", attempts=ATTEMPTS - 1)])
    worker = store.enlist()
    locked = store.outbox.claim(worker, now=NOW, limit=2)
    store.outbox.begin(worker, [message.id for message in locked], now=NOW)
    handed = {message.id: Handed(message, message.attempts + 1, "de") for message in locked}
    busy = Receipt.try_again("m2", "busy")
    states = settling.receipts([Receipt.accepted("m1"), busy], handed, Blind(nothing), now=NOW)
    assert states == [MessageState.SENT, MessageState.REFUSED]  # attempts are used up by the one that was marked
    settling.tell()
    rows = store.outbox.get(["m1", "m2"])
    (sent,) = told.sent
    assert (sent.id, sent.attempts, sent.variant, sent.sent_at) == ("m1", ATTEMPTS - 1, "de", NOW)
    assert (rows["m1"].attempts, rows["m1"].variant) == (sent.attempts, sent.variant)
    assert rows["m2"].reason == "gave up: busy"


@pytest.mark.parametrize("answer", [Receipt.accepted("m1"), Receipt.refused("m1", "no such user"), None])
def test_who_was_taken_for_dead_overwrites_nothing_newer(
    store: TinyStore, told: Told, letter: Callable[..., Message], answer: Receipt | None
) -> None:
    """They hear from their provider when others have sent the message again, and know what became of it."""
    settling = make_settling(store, told)
    store.outbox.add([letter(id="m1")])
    attempts = []
    for _ in (1, 2):
        worker = store.enlist()
        store.outbox.claim(worker, now=NOW + timedelta(hours=1), limit=1)
        store.outbox.begin(worker, ["m1"], now=NOW)
        attempts.append(store.outbox.get(["m1"])["m1"])
        if len(attempts) == 1:
            settling.lost(
                list(map(Handed.read, store.outbox.bury(worker, by=store.enlist()))),
                "its sender died",
                Keyed(nothing),
                now=NOW,
            )
    settling.receipts(
        [Receipt.refused("m1", "mailbox full")], {"m1": Handed.read(attempts[1])}, Keyed(nothing), now=NOW
    )
    if answer is None:
        settling.lost([Handed.read(attempts[0])], "no answer", Keyed(nothing), now=NOW)
    else:
        settling.receipts([answer], {"m1": Handed.read(attempts[0])}, Keyed(nothing), now=NOW)
    after = store.outbox.get(["m1"])["m1"]
    taken = answer is not None and answer.verdict is Verdict.ACCEPTED
    assert (after.state, after.reason) == (MessageState.SENT if taken else MessageState.REFUSED, "mailbox full")
