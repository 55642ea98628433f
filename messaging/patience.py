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
from functools import wraps
from time import monotonic
from typing import Any, Generic, TypeVar

T = TypeVar("T")
#: Whose code it is, and which of it.
Key = tuple[str, ...]

#: Characters of an error that are told.
_SAID = 500
_EARLIER = "an earlier call of it has not come back"


class Hung(Exception):
    """A call has not returned in time."""

    def __init__(self, text: str, whose: Key = ()) -> None:
        super().__init__(text)
        self.whose = whose


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


class _Place:
    """One call of others' code."""

    __slots__ = ("whose",)

    def __init__(self, whose: Key) -> None:
        self.whose = whose


class Call(Generic[T]):
    """One call, which begins when this is made."""

    def __init__(self, function: Callable[[], T]) -> None:
        #: Whether it has come to an end, be it after it was given up on.
        self.over = False
        #: Whether nobody waits for it any more.
        self.left = False
        #: The call of others' code that it is in (`by`).
        self.place: _Place | None = None
        self._function = function
        self._context = copy_context()
        self._said: queue.SimpleQueue[_Outcome | _Errand] = queue.SimpleQueue()
        self._lock = threading.Lock()
        _hand_to_a_thread(self)

    def result(self, seconds: float, *, only_others: bool = False) -> T:
        """What it returns, or raises, within so many seconds. To be asked once.

        `only_others`: each call in it of others' code (`by`) may take so long, and all else as long as it takes.

        Raises:
            Hung: it takes longer. It may go on, but nobody listens any more.
            Escaped: it raised what would end a program; an interrupt by the user is raised as it is.
        """
        try:
            outcome = self._listen(seconds, only_others)
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

    def _listen(self, seconds: float, only_others: bool) -> _Outcome:
        until, place = monotonic() + seconds, self.place
        while True:
            try:
                said = self._said.get(timeout=max(0.0, until - monotonic()))
            except queue.Empty:
                before, place = place, self.place
                if not only_others or (place is before and place is not None):
                    raise
                until = monotonic() + seconds
                continue
            if isinstance(said, _Outcome):
                return said
            began = monotonic()
            said.do()
            until += monotonic() - began  # that time is not the call's

    def _leave(self) -> None:
        with self._lock:
            self.left = True
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
            if self.left:
                errand.refuse()
            else:
                self._said.put(errand)


#: Calls that were given up on, by whose they are: what hangs is not called again before it has come back.
_hanging: dict[Key, Call[Any]] = {}


def hangs(whose: Key) -> bool:
    """Whether a call of theirs was given up on and has not come back yet."""
    call = _hanging.get(whose)
    if call is not None and call.over:
        _hanging.pop(whose, None)
        return False
    return call is not None


def wait_for(whose: Key, function: Callable[[], T], seconds: float) -> T:
    """What `function`, which is theirs, returns or raises within so many seconds.

    Raises:
        Hung: it takes longer, or an earlier call of theirs has not come back.
        Escaped: see `Call.result`.
    """
    if hangs(whose):
        raise Hung(_EARLIER, whose)
    call = Call(function)
    try:
        return call.result(seconds)
    except Hung:
        _hanging[whose] = call
        raise


def watch(function: Callable[[], T], seconds: float) -> T:
    """What `function` returns or raises, which calls code of others (`by`), each time for so many seconds at most.

    Raises:
        Hung: somebody's code takes longer. `function` is left where it is.
    """
    call = Call(function)
    try:
        return call.result(seconds, only_others=True)
    except Hung as error:
        if call.left and call.place is not None:
            error.whose = call.place.whose
            _hanging[error.whose] = call
        raise


def by(whose: Key, function: Callable[..., T]) -> Callable[..., T]:
    """`function`, which is theirs, so that whoever watches the call it is made in knows.

    Raises:
        Hung: an earlier call of theirs has not come back.
        Escaped: it raised what would end a program.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> T:
        running: Call[Any] | None = getattr(_running, "call", None)
        if running is None:
            return function(*args, **kwargs)
        if _hanging and hangs(whose):
            raise Hung(_EARLIER, whose)
        before, running.place = running.place, _Place(whose)
        try:
            return function(*args, **kwargs)
        except Exception:
            raise
        except BaseException as error:
            raise Escaped(told(error)) from error
        finally:
            if not running.left:
                running.place = before

    return call


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
