"""Calls of what may hang: their result, their fault, or given up on; the user's interrupt stays the user's."""

from __future__ import annotations

import decimal
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from messaging.patience import Call, Escaped, Hung, at_home, by, hangs, wait_for, watch

LONG = 30.0


@contextmanager
def hanging() -> Iterator[tuple[Callable[[], object], Callable[[], None]]]:
    """What hangs, and what lets it go on."""
    gate = threading.Event()
    try:
        yield (lambda: gate.wait(LONG)), gate.set
    finally:
        gate.set()


def ended(call: Call[object]) -> bool:
    """Wait for it."""
    until = threading.Event()
    for _ in range(3000):
        if call.over:
            return True
        until.wait(0.01)
    return False


def test_what_is_returned_and_what_is_raised() -> None:
    assert Call(lambda: 7).result(LONG) == 7
    with pytest.raises(ZeroDivisionError):
        Call(lambda: 1 // 0).result(LONG)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_what_would_end_the_program_does_not(kind: type[BaseException]) -> None:
    def call() -> None:
        raise kind("mine")

    with pytest.raises(Escaped, match=f"^{kind.__name__}: mine$"):
        Call(call).result(LONG)


def test_one_that_hangs_is_given_up_on_and_may_end_later() -> None:
    with hanging() as (hang, go_on):
        call = Call(hang)
        with pytest.raises(Hung, match=r"not come back for 0\.05 seconds"):
            call.result(0.05)
        assert not call.over
        go_on()
        assert ended(call)


def test_threads_are_used_again() -> None:
    assert Call(threading.get_ident).result(LONG) == Call(threading.get_ident).result(LONG) != threading.get_ident()
    before = threading.active_count()
    for _ in range(50):
        Call(int).result(LONG)
    assert threading.active_count() == before


def test_a_thread_that_hangs_gets_no_other_call() -> None:
    with hanging() as (hang, _):
        with pytest.raises(Hung):
            Call(hang).result(0.01)
        assert [Call(lambda: 1).result(LONG) for _ in range(3)] == [1, 1, 1]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also where whoever started the tests has it ignored: in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_users_interrupt_is_the_users() -> None:
    with hanging() as (hang, _):
        call = Call(hang)
        press = threading.Timer(0.05, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
        press.start()
        with pytest.raises(KeyboardInterrupt):
            call.result(LONG)


def test_it_runs_in_the_context_of_who_calls() -> None:
    with decimal.localcontext() as context:
        context.prec = 3
        assert Call(lambda: decimal.getcontext().prec).result(LONG) == 3


def test_an_errand_is_done_by_who_waits() -> None:
    mine = threading.get_ident()
    assert Call(lambda: (threading.get_ident() == mine, at_home(threading.get_ident) == mine)).result(LONG) == (
        False,
        True,
    )
    assert at_home(threading.get_ident) == mine
    with pytest.raises(ZeroDivisionError):
        Call(lambda: at_home(lambda: 1 // 0)).result(LONG)


def test_an_errand_takes_none_of_the_calls_time() -> None:
    slow = threading.Event()
    assert Call(lambda: at_home(lambda: slow.wait(0.3))).result(0.15) is False


def test_who_was_given_up_on_has_no_errands_done() -> None:
    told: list[str] = []
    with hanging() as (hang, go_on):

        def call() -> None:
            hang()
            try:
                at_home(lambda: told.append("done"))
            except Hung as error:
                told.append(str(error))

        running = Call(call)
        with pytest.raises(Hung):
            running.result(0.01)
        go_on()
        assert ended(running)
    assert told == ["nobody waits for this call any more"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_starts_threads_of_its_own(tmp_path: Path) -> None:
    script = (
        "import os\nfrom messaging.patience import Call\nassert Call(lambda: 1).result(5) == 1\n"
        "child = os.fork()\n"
        "if not child:\n    os._exit(Call(lambda: 42).result(5))\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    file = tmp_path / "fork.py"
    file.write_text(script, "utf-8")
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, str(file)) == 42


def test_code_of_others_is_given_up_on_and_named() -> None:
    with hanging() as (hang, go_on):
        slow = by(("bad", "filter slow"), hang)
        with pytest.raises(Hung) as raised:
            watch(lambda: [1, slow()], 0.05)
        assert raised.value.whose == ("bad", "filter slow")
        with pytest.raises(Hung, match="an earlier call") as again:
            watch(slow, LONG)
        assert again.value.whose == ("bad", "filter slow")
        assert watch(by(("bad", "filter quick"), lambda: 1), LONG) == 1
        assert hangs(("bad", "filter slow"))
        go_on()
        while hangs(("bad", "filter slow")):
            threading.Event().wait(0.01)


def test_each_call_has_its_time_and_ours_has_all() -> None:
    pause = threading.Event()
    theirs = by(("slow",), lambda: pause.wait(0.1))
    assert watch(lambda: [theirs() for _ in range(6)], 0.3) == [False] * 6
    assert watch(lambda: pause.wait(0.3), 0.05) is False


def test_code_of_others_ends_no_program() -> None:
    def exit_() -> None:
        raise SystemExit(3)

    with pytest.raises(Escaped, match="^SystemExit: 3$"):
        watch(by(("bad",), exit_), LONG)


def test_what_hangs_is_not_called_again_before_it_has_come_back() -> None:
    with hanging() as (hang, go_on):
        with pytest.raises(Hung, match="not come back for"):
            wait_for(("bad", "hook"), hang, 0.05)
        with pytest.raises(Hung, match="an earlier call"):
            wait_for(("bad", "hook"), hang, LONG)
        assert wait_for(("bad", "other"), lambda: 1, LONG) == 1
        go_on()
        while hangs(("bad", "hook")):
            threading.Event().wait(0.01)
    assert wait_for(("bad", "hook"), lambda: 1, LONG) == 1
