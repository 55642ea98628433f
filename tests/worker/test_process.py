"""What a process of a worker does when it is woken, and which processes there are; without a broker."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("celery", reason="the extra `scale` is not installed")

from messaging.cli.supervising import parts
from messaging.errors import StoreError
from messaging.nouns.message import Lane
from messaging.nouns.work import Kind, Work, all_work
from messaging.worker import Hand, Process, out_of_files
from messaging.workspace.folder import make_workspace

ORDERS = Work(Kind.ORDERS, "email")


class TestHands:
    def test_whoever_comes_meanwhile_has_it_looked_at_once_more(self) -> None:
        begun, go_on, steps = threading.Event(), threading.Event(), []

        def step() -> None:
            steps.append(threading.current_thread().name)
            begun.set()
            assert go_on.wait(30)

        hand = Hand("orders", step)
        first = threading.Thread(target=hand, name="first")
        first.start()
        assert begun.wait(30)
        for _ in range(5):
            hand()  # does not wait
        go_on.set()
        first.join(30)
        assert steps == ["first", "first"]

    def test_a_fault_is_said_once_for_as_long_as_it_stays(self, caplog: pytest.LogCaptureFixture) -> None:
        faults: list[Exception | None] = [StoreError("away"), StoreError("away"), None, StoreError("away")]

        def step() -> None:
            fault = faults.pop(0)
            if fault is not None:
                raise fault

        hand = Hand("orders.email", step)
        for _ in range(4):
            hand()
        assert caplog.messages == ["orders.email: away"] * 2

    @pytest.mark.parametrize(
        "fault",
        [
            OSError(errno.EMFILE, "Too many open files"),
            StoreError("db.example: could not create socket: Too many open files"),
        ],
    )
    def test_that_no_more_files_can_be_opened_is_for_whoever_can_end_the_process(self, fault: Exception) -> None:
        def step() -> None:
            raise fault

        with pytest.raises(type(fault)):
            Hand("sweep", step)()

    def test_what_a_plugin_raises_ends_nothing(self, caplog: pytest.LogCaptureFixture) -> None:
        def step() -> None:
            raise SystemExit(3)

        hand = Hand("orders.email", step)
        hand()
        hand()
        assert caplog.messages == ["orders.email failed"] * 2


def test_whether_it_was_for_want_of_files_is_seen_behind_what_is_told() -> None:
    def raised(behind: Exception) -> Exception:
        try:
            try:
                raise behind
            except OSError:
                raise StoreError("it cannot be read") from None
        except StoreError as error:
            return error

    assert out_of_files(raised(OSError(errno.EMFILE, "")))
    assert not out_of_files(raised(OSError(errno.ENFILE, "")))
    assert not out_of_files(None)


def test_where_celery_can_open_no_more_files_the_process_ends_too(tmp_path: Path) -> None:
    make_workspace(tmp_path / "shop")
    code = (
        "import errno, celery.signals, celery.worker.state as state, messaging.worker\n"
        "messaging.worker.app\n"
        "for number in (errno.ENOENT, errno.EMFILE):\n"
        "    print(state.should_stop)\n"
        "    celery.signals.task_internal_error.send(sender=None, exception=OSError(number, ''))\n"
        "print(state.should_stop)\n"
    )
    settings = {
        "MESSAGING__STORE__URL": "postgresql://db.example/shop",
        "MESSAGING__QUEUE__USE": "celery",
        "MESSAGING__QUEUE__URL": "redis://broker.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "shop",
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == ["None", "None", "1"], done.stderr
    assert "no more files can be opened" in done.stderr


class TestProcesses:
    def test_each_kind_of_work_can_be_done(self, live_shop: Any, caplog: pytest.LogCaptureFixture) -> None:
        live_shop.due(Lane.ORDER, "ann")
        live_shop.due(Lane.EVENT, "bob")
        process = Process(live_shop.app)
        with caplog.at_level(logging.WARNING):
            for work in all_work(["email"]):
                process.work(work)
        assert sorted(live_shop.handed()) == ["ann", "bob"]
        assert caplog.messages == []

    def test_one_that_is_to_stop_takes_nothing_new(self, live_shop: Any) -> None:
        live_shop.due(Lane.ORDER, "ann")
        process = Process(live_shop.app)
        process.stop.set()
        process.work(ORDERS)
        assert live_shop.handed() == []


class TestParts:
    CHANNELS = ("email", "sms")

    def test_orders_have_a_process_of_their_own(self) -> None:
        prompt, campaigns = parts(("orders", "events", "campaigns"), self.CHANNELS, 3)
        assert (prompt.processes, campaigns.processes) == (1, 3)
        assert campaigns.works == (Work(Kind.CAMPAIGNS),)
        assert set(prompt.works) == {*all_work(list(self.CHANNELS))} - {*campaigns.works}

    @pytest.mark.parametrize("lanes", [("orders",), ("events",), ("campaigns",), ("events", "campaigns")])
    def test_whoever_is_there_keeps_all_going(self, lanes: tuple[str, ...]) -> None:
        found = parts(lanes, self.CHANNELS, 2)
        done = [work.kind for part in found for work in part.works]
        for kind in (Kind.SWEEP, Kind.RECOVERY, Kind.TIDY):
            assert done.count(kind) == 1

    def test_a_lane_is_only_what_was_asked_for(self) -> None:
        (part,) = parts(("orders",), self.CHANNELS, 2)
        assert not {Kind.EVENTS, Kind.CAMPAIGNS} & {work.kind for work in part.works}
        assert {Work(Kind.ORDERS, "email"), Work(Kind.ORDERS, "sms"), Work(Kind.INTAKE)} <= set(part.works)
