"""Jobs of the server: one that fails goes on, one that is not well is named."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from messaging.errors import StoreError
from messaging.server.events import events_api
from messaging.server.jobs import FAILURES, Job, JobFailed, check
from messaging.server.run import Door, listen, run


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


def test_readyz_names_a_job_that_died(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    steps = Steps(1, KeyboardInterrupt())
    job = Job("pigeons", steps, every=0.0)
    api = events_api(site.store, receive=site.inbox.receive, api_key="k", max_body=100, check_jobs=lambda: check([job]))
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
    assert ready.json()["error"]["message"] == "the job pigeons has ended"
