"""Ctrl-C, or SIGTERM, while messages are handed over: what is under way is seen through, so that none is unknown."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


#: What is said when it is asked to stop.
STOPPING = "Stopping when what is under way is through; once more stops at once."


@contextmanager
def until_stopped(said: str = STOPPING) -> Iterator[threading.Event]:
    """An event that is set when a person, or the system, asks to stop. Asked twice, it stops at once.

    Raises:
        KeyboardInterrupt: at the end, if it was asked; from inside, at the second time.
    """
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        # No printing in here: what is interrupted may be printing.
        os.write(2, f"\n{said}\n".encode())

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.is_set():
        raise KeyboardInterrupt
