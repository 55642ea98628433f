"""Python's search for garbage in cycles, held back where much is made and next to nothing of it is garbage."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects after which the youngest are looked through, and how many such looks make one at the next older.
SELDOM = (50_000, 20, 50)

_LOCK = threading.Lock()
_inside = 0
_before = gc.get_threshold()


@contextmanager
def collected_seldom() -> Iterator[None]:
    """Inside, cycles are looked for seldom. As often as usual it takes a sixth of the time that a campaign needs: each
    look goes through all that the process has loaded.

    For several threads: it is as it was when the last of them is through. Who looks more seldom already is left alone.
    """
    global _before, _inside
    with _LOCK:
        if not _inside:
            _before = gc.get_threshold()
            if 0 < _before[0] < SELDOM[0]:
                gc.set_threshold(*SELDOM)
        _inside += 1
    try:
        yield
    finally:
        with _LOCK:
            _inside -= 1
            if not _inside:
                gc.set_threshold(*_before)
