"""Where processor time goes: each call of the named functions, without what named functions inside it take."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

#: What is measured: (owner, attribute) -> the stage that it belongs to.
Places = Mapping[tuple[Any, str], str]


class Stages:
    """Processor seconds of all threads, by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._thread = threading.local()

    @contextmanager
    def measuring(self, places: Places) -> Iterator[None]:
        """Inside, those functions are measured; iterators while they work, not while others do."""
        before = {place: inspect.getattr_static(*place) for place in places}
        for (owner, name), stage in places.items():
            setattr(owner, name, self._measured(getattr(owner, name), stage))
        try:
            yield
        finally:
            for (owner, name), function in before.items():
                setattr(owner, name, function)

    def _measured(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def measured(*arguments: Any, **named: Any) -> Any:
            with self._in(stage):
                made = function(*arguments, **named)
            return self._steps(made, stage) if isinstance(made, Iterator) else made

        return measured

    def _steps(self, made: Iterator[Any], stage: str) -> Iterator[Any]:
        while True:
            with self._in(stage):
                try:
                    item = next(made)
                except StopIteration:
                    return
            yield item

    @contextmanager
    def _in(self, stage: str) -> Iterator[None]:
        around = getattr(self._thread, "stage", None)
        self._switch(stage)
        try:
            yield
        finally:
            self._switch(around)

    def _switch(self, stage: str | None) -> None:
        """What this thread does from now on is of that stage; what it did since the last time, of the one before."""
        now, thread = time.thread_time(), self._thread
        if getattr(thread, "stage", None) is not None:
            self.seconds[thread.stage] += now - thread.since
        thread.stage, thread.since = stage, now
