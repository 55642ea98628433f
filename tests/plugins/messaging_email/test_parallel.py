from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

from messaging import Receipt
from messaging_email.parallel import Feed, Unavailable, hand_over, take


def test_what_is_left_is_to_be_tried_again_message_by_message() -> None:
    def work(feed: Feed[list[str]]) -> Iterator[Receipt]:
        load = take(feed)
        assert load is not None
        yield Receipt.accepted(load[0])
        feed.appendleft(load[1:])
        raise Unavailable("too much", timedelta(seconds=7))

    receipts = list(hand_over([["a", "b", "c"], ["d"]], work, width=1, ids=lambda load: load))
    assert [(one.message_id, one.verdict.value, one.after) for one in receipts] == [
        ("a", "accepted", None),
        *((name, "try_again", timedelta(seconds=7)) for name in "bcd"),
    ]


def test_whoever_stops_listening_wants_no_more_to_leave() -> None:
    stopped, ended = threading.Event(), threading.Event()
    taken: list[str] = []

    def work(feed: Feed[str]) -> Iterator[Receipt]:
        while (item := take(feed)) is not None:
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
