"""Whoever belongs to a run ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.proving.tether import MARK, belonging

#: A run that starts somebody who starts somebody else, in sessions of their own, and says when they are there.
RUN = """
import subprocess, sys, time
from pathlib import Path
from tests.proving.tether import MARK, tethered
folder = Path(sys.argv[1])
inner = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)'], start_new_session=True).wait()"
with tethered(folder):
    started = [
        subprocess.Popen([sys.executable, "-c", inner], env={MARK: str(folder)}, stdout=subprocess.PIPE, start_new_session=True),
        subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"], cwd=folder, stdout=subprocess.PIPE, start_new_session=True),
    ]
    for one in started:
        one.stdout.readline()
    print("there", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "proof"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "there\n"
    yield process, folder
    process.kill()
    process.communicate()
    for pid in belonging(folder):
        os.kill(pid, signal.SIGKILL)


def until(true):
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def test_a_run_that_is_killed_takes_all_with_it(run):
    process, folder = run
    assert len(belonging(folder)) == 3
    process.kill()
    until(lambda: not belonging(folder))
    until(lambda: not folder.exists())


def test_a_run_that_ends_in_good_order_ends_its_own_itself(run):
    process, folder = run
    process.communicate("")
    assert process.returncode == 0
    assert len(belonging(folder)) == 3
    assert folder.exists()


def test_who_belongs_to_another_run_is_left_alone(run, tmp_path):
    process, folder = run
    other = subprocess.Popen([sys.executable, "-c", "input()"], env={MARK: f"{folder}-2"}, stdin=subprocess.PIPE)
    try:
        process.kill()
        until(lambda: not belonging(folder))
        assert other.poll() is None
    finally:
        other.communicate(b"\n")
