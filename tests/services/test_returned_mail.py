"""Mail that came back, joined to what was sent: who is believed, and what a faulty reader cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import FrozenClock
from messaging.ids import message_id
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageState
from messaging.plugins import Plugins
from messaging.rules.mail_ids import mail_id
from messaging.rules.tokens import LinkSigner, SigningKeys
from messaging.services.recording import Recorder
from messaging.services.returned_mail import MailReader, ReturnedMail, Taken
from messaging.stores.base import Store

KEYS = SigningKeys(current=1, keys={1: b"k" * 32}, retired=frozenset())


@pytest.fixture
def recorder(store: Store, clock: FrozenClock, tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(store, clock, Plugins(none=True), folder=tmp_path / "hits", soft_bounces=5)
    yield recorder
    recorder.close()


@pytest.fixture
def returned(store: Store, clock: FrozenClock, recorder: Recorder) -> Callable[..., ReturnedMail]:
    return lambda **readers: ReturnedMail(store, clock, recorder, KEYS, readers)


@pytest.fixture
def sent(store: Store, clock: FrozenClock, letter: Callable[..., Message]) -> Message:
    message = letter(state=MessageState.SENT, sent_at=clock.now() - timedelta(days=1), attempts=1)
    store.outbox.add([message])
    return message


def reader(**fields: Any) -> MailReader:
    """Reads every mail the same way."""

    def read(mail: bytes, now: datetime) -> list[Engagement]:
        told = Engagement(id=mail.decode(), kind=EngagementKind.BOUNCED, at=now, channel="email", permanent=True)
        return [replace(told, **fields)]

    return read


def is_suppressed(store: Store, message: Message) -> bool:
    assert message.address is not None
    place = ("email", message.address)
    return store.addresses.status([place])[place].suppression is not None


def test_the_messages_own_address_counts(store: Store, returned: Any, sent: Message) -> None:
    mails = returned(smtp=reader(message_id=mail_id(KEYS, sent.id), address="else@example.com"))
    assert mails.take([b"1", b"2", b"1"]) == [Taken.BOUNCED, Taken.BOUNCED, Taken.KNOWN]
    assert mails.take([b"1"]) == [Taken.KNOWN]
    assert is_suppressed(store, sent)
    (told, _) = store.engagements.of_messages([sent.id])[sent.id]
    assert (told.source, told.customer_id, told.address) == ("bounces", "ann", None)


def test_an_id_that_was_worked_out_is_no_proof(store: Store, returned: Any, sent: Message) -> None:
    """Who knows the campaign and the customer knows the id."""
    worked_out = message_id(sent.origin, sent.customer_id, sent.channel)
    assert worked_out == sent.id
    others = mail_id(SigningKeys(current=1, keys={1: b"x" * 32}), sent.id)
    another = mail_id(KEYS, message_id(sent.origin, "bob", sent.channel)).replace(".", "", 1)
    for forged in (worked_out, others, f"{worked_out}.01", f"{worked_out}.01{'0' * 20}", another):
        assert returned(smtp=reader(message_id=forged)).take([b"1"]) == [Taken.UNPROVEN]
    assert not is_suppressed(store, sent)


@pytest.mark.parametrize("state", [MessageState.PLANNED, MessageState.SKIPPED, MessageState.REFUSED])
def test_what_did_not_leave_cannot_come_back(
    store: Store, returned: Any, letter: Callable[..., Message], state: MessageState
) -> None:
    message = letter(state=state)
    store.outbox.add([message])
    assert returned(smtp=reader(message_id=mail_id(KEYS, message.id))).take([b"1"]) == [Taken.UNPROVEN]
    assert not is_suppressed(store, message)


def test_it_settles_what_is_unknown(store: Store, returned: Any, letter: Callable[..., Message]) -> None:
    message = letter(state=MessageState.UNKNOWN, attempts=1)
    store.outbox.add([message])
    returned(smtp=reader(message_id=mail_id(KEYS, message.id))).take([b"1"])
    assert store.outbox.get([message.id])[message.id].state is MessageState.SENT


def test_a_link_of_ours_is_proof_and_anothers_is_none(store: Store, returned: Any, sent: Message) -> None:
    def link(keys: SigningKeys) -> str:
        return LinkSigner(keys, "https://shop.example").for_message(sent.id, sent.version).unsubscribe()

    others = SigningKeys(current=1, keys={1: b"x" * 32}, retired=frozenset())
    assert returned(smtp=reader(raw={"unsubscribe": link(others)})).take([b"1"]) == [Taken.UNPROVEN]
    for wrong in ("http://[", "", 17, "https://shop.example/u/"):
        assert returned(smtp=reader(raw={"unsubscribe": wrong})).take([b"1"]) == [Taken.UNPROVEN]
    assert returned(smtp=reader(raw={"unsubscribe": link(KEYS)})).take([b"1"]) == [Taken.BOUNCED]


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_it_came_back_between_sending_and_now(
    store: Store, clock: FrozenClock, returned: Any, sent: Message, days: int
) -> None:
    returned(smtp=reader(message_id=mail_id(KEYS, sent.id), at=clock.now() + timedelta(days=days))).take([b"1"])
    (told,) = store.engagements.of_messages([sent.id])[sent.id]
    assert sent.sent_at is not None
    assert sent.sent_at <= told.at <= clock.now()


def test_a_reader_that_fails_is_named_and_costs_its_mail_only(
    store: Store, returned: Any, sent: Message, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(mail: bytes, now: datetime) -> list[Engagement]:
        if mail == b"bomb":
            raise SystemExit
        return []

    mails = returned(owl=fails, smtp=reader(message_id=mail_id(KEYS, sent.id)))
    assert mails.take([b"bomb", b"1"]) == [Taken.UNREADABLE, Taken.BOUNCED]
    assert "adapter owl: read_mail raised SystemExit" in caplog.text


def test_only_bounces_and_complaints_come_by_mail(returned: Any, sent: Message) -> None:
    resubscribed = reader(message_id=mail_id(KEYS, sent.id), kind=EngagementKind.RESUBSCRIBED)
    assert returned(smtp=resubscribed).take([b"1"]) == [Taken.IGNORED]
