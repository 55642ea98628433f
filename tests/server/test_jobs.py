"""Jobs of the server: one that fails goes on, one that is not well is named."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest

from messaging.errors import StoreError
from messaging.rules.resting import Limits
from messaging.server.events import events_api
from messaging.server.jobs import FAILURES, Job, JobFailed, Pulse, check
from messaging.server.run import Door, listen, run
from messaging.services.health import Health
from messaging.services.resting import Rests


class Steps:
    """A step that does what it is told, the last of it for ever; says when it was done `number` times."""

    def __init__(self, number: int, *told: BaseException | None) -> None:
        self.told = list(told)
        self.left = number
        self.done = threading.Event()

    def __call__(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self.done.set()
        told = self.told.pop(0) if len(self.told) > 1 else self.told[0]
        if told is not None:
            raise told


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.server.jobs.PAUSE", 0.0)


def work(steps: Steps) -> tuple[Job, threading.Event, threading.Thread]:
    job = Job("pigeons", steps, every=0.0)
    stop = threading.Event()
    thread = threading.Thread(target=job, args=(stop,))
    thread.start()
    assert steps.done.wait(10)
    return job, stop, thread


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ValueError("odd"), SystemExit(3), OSError("gone")])
def test_one_that_fails_goes_on_and_is_named_while_it_does(error: BaseException) -> None:
    job, stop, thread = work(Steps(FAILURES + 1, error))
    with pytest.raises(JobFailed, match="the job pigeons fails again and again") as raised:
        check([job])
    assert str(error) not in str(raised.value)  # it is read in public
    stop.set()
    thread.join(10)


def test_one_that_failed_and_does_again_is_well() -> None:
    job, stop, thread = work(Steps(FAILURES + 2, *[ValueError("odd")] * FAILURES, None))
    stop.set()
    thread.join(10)
    check([job])


def test_one_that_died_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    job, _, thread = work(Steps(1, KeyboardInterrupt()))
    thread.join(10)
    with pytest.raises(JobFailed, match="the job pigeons has ended"):
        check([job])


def test_one_that_was_told_to_stop_has_not_died() -> None:
    job, stop, thread = work(Steps(1, None))
    stop.set()
    thread.join(10)
    check([job])


def test_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    wake, stop, steps = threading.Event(), threading.Event(), Steps(2, None)
    thread = threading.Thread(target=Job("pigeons", steps, every=3600, wake=wake), args=(stop,))
    thread.start()
    wake.set()
    assert steps.done.wait(10)
    stop.set()
    wake.set()
    thread.join(10)
    assert not thread.is_alive()


class Round:
    """A step that is under way for as long as a test wants, and shows that it lives when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.begun, self.end, self.ended = threading.Event(), threading.Event(), threading.Event()
        monkeypatch.setattr("messaging.server.jobs.monotonic", lambda: self.now)
        self.pulse = Pulse()
        self.job = Job("pigeons", self._step, every=3600, pulse=self.pulse, patience=60)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.job, args=(self.stop,))

    def _step(self) -> None:
        self.begun.set()
        self.end.wait(30)

    def __enter__(self) -> Round:
        self.thread.start()
        assert self.begun.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self.end.set()
        self.thread.join(10)


def test_one_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with Round(monkeypatch) as round:
        check([round.job])
        round.now += 61
        with pytest.raises(JobFailed, match="the job pigeons hangs"):
            check([round.job])


def test_one_that_shows_that_it_lives_may_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with Round(monkeypatch) as round:
        for _ in range(10):
            round.now += 59
            check([round.job])
            round.pulse()


def test_one_that_waits_for_its_next_turn_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    with Round(monkeypatch) as round:
        rested = threading.Event()

        def rest(timeout: float) -> None:
            rested.set()
            round.stop.is_set = lambda: True  # one turn is enough

        monkeypatch.setattr(round.stop, "wait", rest)
        round.end.set()
        assert rested.wait(10)
        round.now += 3600
        check([round.job])


def test_readyz_names_a_job_that_died(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    steps = Steps(1, KeyboardInterrupt())
    job = Job("pigeons", steps, every=0.0)
    rests = Rests(site.store, site.clock, Limits())
    health = Health(
        site.store,
        site.clock,
        rests=rests,
        folder=site.mailbox,
        overdue=timedelta(minutes=2),
        check_jobs=lambda: check([job]),
    )
    api = events_api(receive=site.inbox.receive, api_key="k", max_body=100, health=health)
    stop, answers = threading.Event(), []

    def ask() -> None:
        url = f"http://127.0.0.1:{opened.getsockname()[1]}"
        with httpx.Client(base_url=url, trust_env=False) as client:
            while not job._ended:
                assert steps.done.wait(10)
            answers.extend([client.get("/readyz"), client.get("/healthz")])
        stop.set()

    with listen("127.0.0.1", 0) as opened:
        asking = threading.Thread(target=ask)
        run([Door(api, opened)], [job], on_start=asking.start, stop=stop)
        asking.join(10)
    ready, alive = answers
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert ready.json()["parts"]["jobs"] == {"status": "failing", "says": "the job pigeons has ended"}
