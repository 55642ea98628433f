"""People in little memory."""

from __future__ import annotations

import sys
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from messaging.services.compact import PAGE, Ids, Seen

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)


@given(st.lists(TEXTS), st.integers(0, 2 * PAGE + 1))
def test_ids_are_a_list(texts: list[str], more: int) -> None:
    texts += [str(number) for number in range(more)]
    ids = Ids(iter(texts))
    assert list(ids) == list(ids) == texts
    assert len(ids) == len(texts)
    assert "0" in ids or "0" not in texts
    assert "not there" not in ids


@given(st.lists(TEXTS), st.lists(TEXTS))
def test_seen_is_a_set(first: list[str], then: list[str]) -> None:
    seen, known = Seen(first), set(first)
    for text in then:
        assert (text in seen) == (text in known)
        assert seen.add(text) == (text not in known)
        known.add(text)
        assert text in seen


def test_they_are_small() -> None:
    names = (f"customer-{number:07d}@example.com" for number in range(200_000))
    tracemalloc.start()
    try:
        seen = Seen(names)
        assert tracemalloc.get_traced_memory()[0] < 200_000 * 60  # most of it does not grow: a million take 20 each
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        ids = Ids(str(number) for number in range(200_000))
        assert tracemalloc.get_traced_memory()[1] - before < 200_000 * 10 + 200 * sys.getsizeof("x" * PAGE)
    finally:
        tracemalloc.stop()
    assert "customer-0000001@example.com" in seen
    assert len(ids) == 200_000
