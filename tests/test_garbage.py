from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from messaging.garbage import SELDOM, collected_seldom


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_inside_it_is_looked_for_seldom_and_then_as_before() -> None:
    gc.set_threshold(701, 11, 12)

    @collected_seldom()
    def work() -> tuple[int, int, int]:
        with collected_seldom():
            pass
        return gc.get_threshold()

    assert work() == SELDOM
    assert gc.get_threshold() == (701, 11, 12)
    with pytest.raises(ValueError, match="x"), collected_seldom():
        raise ValueError("x")
    assert gc.get_threshold() == (701, 11, 12)


@pytest.mark.parametrize("own", [(0, 10, 10), (10**6, 10, 10)])
def test_who_looks_more_seldom_is_left_alone(own: tuple[int, int, int]) -> None:
    gc.set_threshold(*own)
    with collected_seldom():
        assert gc.get_threshold() == own
    assert gc.get_threshold() == own


def test_the_last_of_several_threads_sets_it_back() -> None:
    gc.set_threshold(701, 11, 12)
    inside, leave = threading.Event(), threading.Event()

    def work() -> None:
        with collected_seldom():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=work)
    with collected_seldom():
        other.start()
        assert inside.wait(10)
    assert gc.get_threshold() == SELDOM
    leave.set()
    other.join(10)
    assert gc.get_threshold() == (701, 11, 12)
