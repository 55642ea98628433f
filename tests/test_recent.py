"""What is kept in memory stays bounded."""

from __future__ import annotations

import threading

from messaging.recent import Recent


def test_what_was_not_asked_for_longest_goes() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)
    recent.put("a", 4)
    recent.put("d", 5)
    assert (recent.get("a"), recent.get("c"), recent.get("d"), len(recent)) == (4, None, 5, 2)


def test_by_several_threads() -> None:
    recent: Recent[int, int] = Recent(8)
    wrong: list[object] = []

    def work(first: int) -> None:
        for number in range(first, first + 20_000):
            key = number % 16
            recent.put(key, key)
            if recent.get(number % 5) not in (None, number % 5):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, len(recent)) == ([], 8)
