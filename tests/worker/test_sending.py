"""What workers send, together: each message once, orders at once, whatever becomes of the wake-ups."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kombu
import pytest

from messaging.nouns.work import Kind, Work, all_work
from tests.worker.conftest import Hall, until

pytestmark = [pytest.mark.postgres, pytest.mark.broker]

PEOPLE = 300


@pytest.fixture(autouse=True)
def fast(hall: Hall) -> Iterator[None]:
    hall.slow(0.002)
    yield
    hall.slow(0)


@contextmanager
def channel_of(hall: Hall) -> Iterator[Any]:
    with kombu.Connection(hall.broker) as connection, connection.channel() as channel:
        yield channel


def publish(hall: Hall, work: Work, number: int = 1, *, task: str = "messaging.work", **how: Any) -> None:
    """What anybody could put into the broker."""
    from messaging.queue.brokered import make_celery

    how.setdefault("kwargs", {"kind": work.kind.value, "channel": work.channel})
    celery = make_celery(hall.broker, prefix=hall.prefix, channels=["email"])
    for _ in range(number):
        celery.send_task(task, queue=f"{hall.prefix}.{work.name}", **how)
    celery.close()


def test_a_campaign_is_sent_once_by_all_of_them(hall: Hall) -> None:
    hall.slow(0.05)  # until the second has started
    name = hall.campaign(PEOPLE)
    until(lambda: len(hall.senders(name)) == 2, hall.said)
    hall.slow(0)
    hall.done(name)
    assert hall.counts(name) == {"sent": PEOPLE}
    ledger = hall.ledger(name)
    assert (len(ledger), set(ledger.values())) == (PEOPLE, {1})


def test_an_order_is_told_while_a_campaign_is_sent(hall: Hall) -> None:
    hall.slow(0.02)
    name = hall.campaign(PEOPLE)
    until(lambda: hall.ledger(name), hall.said)
    customer = hall.order()
    until(lambda: hall.ledger(customer), hall.said, seconds=10)
    assert hall.state(name) == "sending"
    assert hall.senders(customer).isdisjoint(hall.senders(name))
    hall.app.campaigning.cancel(name)


def test_a_campaign_that_is_paused_stops_everywhere_and_goes_on_where_it_was(hall: Hall) -> None:
    hall.slow(0.02)
    name = hall.campaign(PEOPLE)
    until(lambda: len(hall.senders(name)) == 2, hall.said)
    hall.app.campaigning.pause(name)
    # What is under way is seen through: nothing is in anybody's hands then.
    until(lambda: "sending" not in hall.counts(name), hall.said, seconds=10)
    seen = len(hall.lines())
    # Each worker looks at least once more, and finds that it is not to be sent.
    for _ in range(3):
        customer = hall.order()
        until(lambda customer=customer: hall.ledger(customer), hall.said, seconds=10)
    assert len(hall.lines()) == seen + 3
    assert 0 < hall.counts(name)["planned"] < PEOPLE
    hall.slow(0)
    hall.app.campaigning.resume(name)
    hall.app.following.hand_over(name)
    hall.done(name)
    assert hall.counts(name) == {"sent": PEOPLE}
    assert set(hall.ledger(name).values()) == {1}


def test_a_campaign_that_is_cancelled_adds_up(hall: Hall) -> None:
    hall.slow(0.02)
    name = hall.campaign(PEOPLE)
    until(lambda: len(hall.senders(name)) == 2, hall.said)
    hall.app.campaigning.cancel(name)
    until(lambda: set(hall.counts(name)) == {"sent", "skipped"}, hall.said, seconds=20)
    assert sum(hall.counts(name).values()) == PEOPLE
    assert hall.ledger(name).total() == hall.counts(name)["sent"]


def test_a_broker_that_is_emptied_costs_a_moment(hall: Hall) -> None:
    hall.slow(0.01)
    name = hall.campaign(PEOPLE)
    until(lambda: hall.ledger(name), hall.said)
    for _ in range(5):
        with channel_of(hall) as channel:
            for work in all_work(["email"]):
                channel.queue_purge(f"{hall.prefix}.{work.name}")
        time.sleep(0.2)
    hall.done(name)
    assert hall.counts(name) == {"sent": PEOPLE}
    assert set(hall.ledger(name).values()) == {1}


def test_the_same_wake_up_many_times_over_sends_once(hall: Hall) -> None:
    name = hall.campaign(100)
    customers = []
    for _ in range(3):
        publish(hall, Work(Kind.CAMPAIGNS), 3)
        customers.append(hall.order())
        publish(hall, Work(Kind.ORDERS, "email"), 3)
        publish(hall, Work(Kind.RECOVERY), 3)
    hall.done(name)
    until(lambda: all(hall.ledger(customer) for customer in customers), hall.said)
    publish(hall, Work(Kind.CAMPAIGNS), 3)  # long after
    publish(hall, Work(Kind.ORDERS, "email"), 3)
    last = hall.order()
    until(lambda: hall.ledger(last), hall.said)
    assert set(hall.ledger(name).values()) == {1}
    assert [hall.ledger(customer).total() for customer in customers] == [1, 1, 1]


def test_nobody_need_be_woken(hall: Hall) -> None:
    hall.app.queue.wake = lambda *works: None
    hall.app.__dict__.pop("effects", None)
    try:
        name = hall.campaign(20)
        customer = hall.order()
        hall.done(name)
        until(lambda: hall.ledger(customer), hall.said)
    finally:
        del hall.app.queue.wake


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_what_is_forged_is_left_undone(hall: Hall, tmp_path: Path) -> None:
    orders = Work(Kind.ORDERS, "email")
    publish(hall, orders, kwargs={"kind": "orders", "channel": "carrier-pigeon"})
    publish(hall, orders, kwargs={"kind": "campaigns", "channel": "email"})
    publish(hall, orders, kwargs={"kind": ["orders"], "channel": {"email": 1}})
    publish(hall, orders, kwargs={"kind": "orders", "channel": "email", "campaign": "x"})
    publish(hall, orders, args=["orders"], kwargs={})
    publish(hall, orders, task="os.system", args=["true"], kwargs={})
    body = pickle.dumps(((), {"kind": Bomb(tmp_path / "bomb")}, {}))
    with channel_of(hall) as channel:
        producer = kombu.Producer(channel)
        for content, kind in (
            (body, "application/x-python-serialize"),
            (b"{", "application/json"),
            (b"\xff", "text/plain"),
            (b'"orders"', "application/json"),
        ):
            producer.publish(
                content,
                content_type=kind,
                content_encoding="binary",
                headers={"task": "messaging.work", "id": "1"},
                routing_key=f"{hall.prefix}.{orders.name}",
            )
        producer.publish([[], {}, {}], headers={"task": ["x"], "id": "1"}, routing_key=f"{hall.prefix}.{orders.name}")
    customer = hall.order()
    until(lambda: hall.ledger(customer), hall.said)
    until(lambda: hall.said().count("a task that is none of ours was left undone") >= 9, hall.said)
    assert "is started again" not in hall.said()
    assert not (tmp_path / "bomb").exists()


def test_no_address_is_in_the_log(hall: Hall) -> None:
    customer = hall.order()
    until(lambda: hall.ledger(customer), hall.said)
    assert "@example.com" not in hall.said()
    assert "guest:guest" not in hall.said()
