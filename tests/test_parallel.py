from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from messaging import AdapterUnusable, Feed, MessageClass, Receipt, RenderedMessage, Unavailable, hand_over, one_by_one


def test_what_is_left_is_to_be_tried_again_message_by_message() -> None:
    def work(feed: Feed[list[str]]) -> Iterator[Receipt]:
        load = feed.take()
        assert load is not None
        yield Receipt.accepted(load[0])
        feed.give_back(load[1:])
        raise Unavailable("too much", timedelta(seconds=7))

    receipts = list(hand_over([["a", "b", "c"], ["d"]], work, width=1, ids=lambda load: load))
    assert [(one.message_id, one.verdict.value, one.after) for one in receipts] == [
        ("a", "accepted", None),
        *((name, "try_again", timedelta(seconds=7)) for name in "bcd"),
    ]


def test_what_was_given_back_is_offered_by_no_other_thread() -> None:
    offered: list[str] = []

    def work(feed: Feed[str]) -> Iterator[Receipt]:
        while (item := feed.take()) is not None:
            offered.append(item)
            feed.give_back(item)  # the others go on before it is heard that nothing can be handed over
        raise Unavailable("busy")
        yield

    receipts = list(hand_over(["a", "b"], work, width=1, ids=lambda item: [item]))
    assert offered == ["a", "b"]
    assert [(one.message_id, one.verdict.value) for one in receipts] == [("a", "try_again"), ("b", "try_again")]


def test_whoever_stops_listening_wants_no_more_to_leave() -> None:
    stopped, ended = threading.Event(), threading.Event()
    taken: list[str] = []

    def work(feed: Feed[str]) -> Iterator[Receipt]:
        while (item := feed.take()) is not None:
            taken.append(item)
            yield Receipt.accepted(item)
            assert stopped.wait(10)
            feed.appendleft("a part of it")
        ended.set()

    receipts = hand_over(["a", "b"], work, width=1, ids=lambda item: [item])
    assert next(receipts).message_id == "a"
    receipts.close()  # a generator
    stopped.set()
    assert ended.wait(10)
    assert taken == ["a"]


MakeMany = Callable[[int], list[RenderedMessage]]


@pytest.fixture
def make() -> MakeMany:
    def make(number: int) -> list[RenderedMessage]:
        return [
            RenderedMessage(
                id=f"m{n}",
                channel="sms",
                to=f"+1500555000{n}",
                message_class=MessageClass.MARKETING,
                template="t",
                parts={"text": "x"},
            )
            for n in range(number)
        ]

    return make


def test_each_message_has_its_own_receipt_also_where_one_meets_a_fault(make: MakeMany) -> None:
    def send(message: RenderedMessage) -> Iterator[Receipt]:
        if message.id == "m1":
            raise KeyError(message.to)
        yield Receipt.accepted(message.id)
        if message.id == "m2":
            raise ValueError

    receipts = {one.message_id: one for one in hand_over(make(4), one_by_one(send), width=3)}
    assert {id: one.verdict.value for id, one in receipts.items()} == {
        "m0": "accepted",
        "m1": "unknown",
        "m2": "accepted",
        "m3": "accepted",
    }
    assert receipts["m1"].reason == "a fault of the adapter: KeyError"


@pytest.mark.parametrize("width", [1, 2])
def test_nothing_leaves_after_the_adapter_turned_out_unusable(make: MakeMany, width: int) -> None:
    begun: list[str] = []
    met = threading.Barrier(width)

    def send(message: RenderedMessage) -> Iterator[Receipt]:
        begun.append(message.id)
        met.wait(10)
        yield Receipt.unknown(message.id, "somebody else took it")
        raise AdapterUnusable("no such key")

    told: list[str] = []
    receipts = hand_over(make(9), one_by_one(send), width=width)
    with pytest.raises(AdapterUnusable, match="no such key"):
        told.extend(receipt.message_id for receipt in receipts)
    assert sorted(told) == sorted(begun) == [f"m{n}" for n in range(width)]


def test_what_is_unavailable_is_tried_again_whole(make: MakeMany) -> None:
    def send(message: RenderedMessage) -> Iterator[Receipt]:
        if message.id == "m1":
            raise Unavailable("closed for today", timedelta(hours=1))
        yield Receipt.accepted(message.id)

    receipts = hand_over(make(3), one_by_one(send), width=1)
    assert [(one.message_id, one.verdict.value, one.reason, one.after) for one in receipts] == [
        ("m0", "accepted", None, None),
        ("m1", "try_again", "closed for today", timedelta(hours=1)),
        ("m2", "try_again", "closed for today", timedelta(hours=1)),
    ]


def test_so_many_are_under_way_at_once_and_no_more(make: MakeMany) -> None:
    lock, all_there = threading.Lock(), threading.Barrier(3)
    now = most = 0

    def send(message: RenderedMessage) -> Iterator[Receipt]:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        all_there.wait(10)  # would break if fewer came
        with lock:
            now -= 1
        yield Receipt.accepted(message.id)

    assert len(list(hand_over(make(9), one_by_one(send), width=3))) == 9
    assert most == 3


def test_none_are_handed_over_where_there_are_none() -> None:
    assert list(hand_over([], one_by_one(lambda message: iter(())), width=4)) == []
