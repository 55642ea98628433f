"""An address that is not reached several times in a row is left alone, until something shows that it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import FrozenClock
from messaging.ids import message_id
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageState
from messaging.plugins import Plugins
from messaging.services.recording import Recorder
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

ANN = ("sms", "+15005550006")
BOUNCED, DELIVERED = EngagementKind.BOUNCED, EngagementKind.DELIVERED
START, STOP = EngagementKind.RESUBSCRIBED, EngagementKind.UNSUBSCRIBED


class Phone:
    """Ann's, and what is told of it, an hour after the other."""

    def __init__(self, store: Store, clock: FrozenClock, folder: Path, letter: Callable[..., Message]) -> None:
        self._store, self._clock, self._letter, self._folder = store, clock, letter, folder
        self.limited_to(3)
        store.customers.put([Customer(id=id, phone=ANN[1]) for id in ("ann", "bob")])

    def limited_to(self, limit: int) -> None:
        plugins = Plugins(none=True)
        self.recorder = Recorder(self._store, self._clock, plugins, folder=self._folder, soft_bounces=limit)

    def message(self, origin: str, customer: str = "ann") -> str:
        id = message_id(origin, customer, "sms")
        sent = self._letter(customer, id=id, origin=origin, channel="sms", address=ANN[1])
        self._store.outbox.add([sent])
        self._store.outbox.settle([Outcome(message_id=id, state=MessageState.SENT, sent_at=self._clock.now())])
        return id

    def tell(self, kind: EngagementKind, id: str | None, hour: int, **fields: Any) -> list[Engagement]:
        told = Engagement(
            id=f"{id}:{kind}:{hour}",
            kind=kind,
            at=self._clock.now() + timedelta(hours=hour),
            message_id=id,
            source="twilio",
            **{"soft": kind is BOUNCED, **fields},
        )
        if id is None:
            told = replace(told, channel="sms", address=ANN[1])
        return self.recorder.record([told])

    @property
    def stop(self) -> tuple[str, str] | None:
        found = self._store.addresses.status([ANN])[ANN].suppression
        return (found.reason, found.source) if found else None


@pytest.fixture
def phone(store: Store, clock: FrozenClock, tmp_path: Path, letter: Callable[..., Message]) -> Iterator[Phone]:
    phone = Phone(store, clock, tmp_path / "hits", letter)
    yield phone
    phone.recorder.close()


SUPPRESSED = ("unreachable", "twilio: 3 soft bounces in a row, nothing delivered between")


def test_so_many_in_a_row_suppress_it(phone: Phone) -> None:
    for hour in range(2):
        phone.tell(BOUNCED, phone.message(f"o{hour}"), hour)
    phone.tell(BOUNCED, None, 2, soft=False)  # filtered: for the text
    assert phone.stop is None
    phone.tell(BOUNCED, phone.message("o3"), 3)
    assert phone.stop == SUPPRESSED


def test_one_message_counts_once_however_often_it_is_told(phone: Phone) -> None:
    id = phone.message("o")
    for hour in (0, 0, 1, 2, 3):
        phone.tell(BOUNCED, id, hour)
    assert phone.stop is None


def test_the_number_counts_whoever_has_it_and_what_names_no_message(phone: Phone) -> None:
    phone.tell(BOUNCED, phone.message("o", "bob"), 0)
    phone.tell(BOUNCED, phone.message("o"), 1)
    phone.tell(BOUNCED, None, 2)
    assert phone.stop == SUPPRESSED


def test_a_delivery_between_begins_anew_also_if_it_is_told_last(phone: Phone) -> None:
    ids = [phone.message(f"o{hour}") for hour in range(5)]
    for hour in (0, 2, 3):
        phone.tell(BOUNCED, ids[hour], hour)
    assert phone.stop == SUPPRESSED
    phone.tell(DELIVERED, ids[1], 1)
    assert phone.stop is None
    phone.tell(BOUNCED, ids[4], 4)
    assert phone.stop == SUPPRESSED


@pytest.mark.parametrize("kind", [DELIVERED, START, EngagementKind.REPLIED])
def test_it_is_let_go_of_when_the_phone_is_reached(phone: Phone, kind: EngagementKind) -> None:
    ids = [phone.message(f"o{hour}") for hour in range(3)]
    for hour, id in enumerate(ids):
        phone.tell(BOUNCED, id, hour)
    phone.tell(kind, ids[2] if kind is DELIVERED else None, 9)
    assert phone.stop is None
    phone.tell(BOUNCED, phone.message("next"), 10)
    assert phone.stop is None


@pytest.mark.parametrize("later", [{"kind": BOUNCED, "permanent": True}, {"kind": STOP, "permanent": True}])
def test_what_stays_is_not_let_go_of(phone: Phone, later: dict[str, Any]) -> None:
    ids = [phone.message(f"o{hour}") for hour in range(3)]
    for hour, id in enumerate(ids):
        phone.tell(BOUNCED, id, hour)
    phone.tell(later["kind"], None, 5, permanent=True, soft=False)
    phone.tell(DELIVERED, ids[0], 6)
    assert phone.stop is not None
    assert phone.stop[0] in ("bounced", "opted out")


def test_zero_is_never(phone: Phone) -> None:
    phone.limited_to(0)
    for hour in range(20):
        phone.tell(BOUNCED, phone.message(f"o{hour}"), hour)
    assert phone.stop is None
