"""Waking threads of this process."""

from __future__ import annotations

from messaging.nouns.work import Kind, Work, all_work
from messaging.queue.inline import InlineQueue

ORDERS = Work(Kind.ORDERS, "email")


def test_wakes_who_waits_for_it_and_nobody_else() -> None:
    queue = InlineQueue()
    first, second, other = queue.listen(ORDERS), queue.listen(ORDERS), queue.listen(Work(Kind.ORDERS, "sms"))
    queue.wake(ORDERS)
    assert (first.is_set(), second.is_set(), other.is_set()) == (True, True, False)


def test_nobody_need_wait() -> None:
    InlineQueue().wake(*all_work(["email"]))


def test_wakes_all() -> None:
    queue = InlineQueue()
    events = [queue.listen(work) for work in all_work(["email", "sms"])]
    queue.wake_all()
    assert all(event.is_set() for event in events)


def test_it_has_no_workers_and_no_broker() -> None:
    queue = InlineQueue()
    queue.check()
    queue.close()
    assert not queue.workers
