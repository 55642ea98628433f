"""Calling what others wrote and may never return: in a thread of its own, waited for so long and no longer.

Nothing stops a thread from outside: one that hangs is left behind, and whoever called goes on. Threads are used
again, so that a call costs some 50 µs.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from contextvars import copy_context
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: Characters of an error that are told.
_SAID = 500


class Hung(Exception):
    """A call has not returned in time."""


class Escaped(Exception):
    """A call raised what is no `Exception`: `sys.exit`, an interrupt of its own making, the panic of a library."""


class _Outcome:
    """What a call or an errand came to."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        try:
            self.value = function()
        except BaseException as error:  # for whoever waits
            self.error = error


class _Errand:
    """Something that the call wants done by the thread that waits for it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._done: queue.SimpleQueue[_Outcome] = queue.SimpleQueue()

    def do(self) -> None:
        outcome = _Outcome(self._function)
        self._done.put(outcome)
        if outcome.error is not None and not isinstance(outcome.error, Exception):
            raise outcome.error  # the user's interrupt is for us

    def refuse(self) -> None:
        self._done.put(_Outcome(_refused))

    def result(self) -> Any:
        outcome = self._done.get()
        if outcome.error is not None:
            raise outcome.error
        return outcome.value


class Call(Generic[T]):
    """One call, which begins when this is made."""

    def __init__(self, function: Callable[[], T]) -> None:
        #: Whether it has come to an end, be it after it was given up on.
        self.over = False
        self._function = function
        self._context = copy_context()
        self._said: queue.SimpleQueue[_Outcome | _Errand] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._left = False
        _hand_to_a_thread(self)

    def result(self, seconds: float) -> T:
        """What it returns, or raises, within so many seconds. To be asked once.

        Raises:
            Hung: it takes longer. It may go on, but nobody listens any more.
            Escaped: it raised what would end a program; an interrupt by the user is raised as it is.
        """
        try:
            outcome = self._listen(seconds)
        except BaseException as error:
            self._leave()
            if isinstance(error, queue.Empty):
                raise Hung(f"it has not come back for {seconds:g} seconds") from None
            raise
        if outcome.error is None:
            value: T = outcome.value
            return value
        if isinstance(outcome.error, Exception):
            raise outcome.error
        raise Escaped(told(outcome.error)) from outcome.error

    def _listen(self, seconds: float) -> _Outcome:
        until = monotonic() + seconds
        while isinstance(said := self._said.get(timeout=max(0.0, until - monotonic())), _Errand):
            began = monotonic()
            said.do()
            until += monotonic() - began  # that time is not the call's
        return said

    def _leave(self) -> None:
        with self._lock:
            self._left = True
            while not self._said.empty():
                if isinstance(said := self._said.get(), _Errand):
                    said.refuse()

    # In its own thread.

    def run(self) -> _Outcome:
        outcome = _Outcome(lambda: self._context.run(self._function))
        self.over = True
        return outcome

    def tell(self, outcome: _Outcome) -> None:
        self._said.put(outcome)

    def send_home(self, errand: _Errand) -> None:
        with self._lock:
            if self._left:
                errand.refuse()
            else:
                self._said.put(errand)


def at_home(function: Callable[[], T]) -> T:
    """`function()`, done by the thread that waits for the call that is running here; by this one if none is.

    For what belongs to that thread: it may be in a transaction.
    """
    call: Call[Any] | None = getattr(_running, "call", None)
    if call is None:
        return function()
    errand = _Errand(function)
    call.send_home(errand)
    value: T = errand.result()
    return value


def told(error: BaseException) -> str:
    """An error on one line: what it is, and what it says."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # its author wrote that, too
        text = ""
    if isinstance(error, Escaped):
        return text
    return f"{type(error).__name__}: {text[:_SAID]}".removesuffix(": ")


def _refused() -> None:
    raise Hung("nobody waits for this call any more")


_running = threading.local()
#: What the threads that have nothing to do take their next call from.
_idle: list[queue.SimpleQueue[Call[Any]]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # threads are not forked


def _hand_to_a_thread(call: Call[Any]) -> None:
    try:
        calls = _idle.pop()
    except IndexError:
        calls = queue.SimpleQueue()
        threading.Thread(target=_work, args=(calls,), name="plugin-call", daemon=True).start()
    calls.put(call)


def _work(calls: queue.SimpleQueue[Call[Any]]) -> None:
    while True:
        call = _running.call = calls.get()
        outcome = call.run()
        _running.call = None
        _idle.append(calls)  # first, so that whoever waited finds this thread again
        call.tell(outcome)
        del call, outcome
