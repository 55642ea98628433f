"""A clock that is set wrong is wrong for everything in a process, and measures as before."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.proving.clocks import Clocks

ASK = """
import subprocess, sys, threading, time
from messaging.clock import Clock
begun = time.monotonic()
threading.Event().wait(0.05)
waited = time.monotonic() - begun
inner = subprocess.run([sys.executable, "-c", "import time; print(time.time())"], capture_output=True, text=True)
print(Clock().now().timestamp(), time.time(), time.time_ns() / 1e9, inner.stdout.strip(), waited)
"""


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_all_of_a_process_is_told_the_wrong_time(tmp_path, seconds):
    clocks = Clocks(tmp_path)
    if clocks.missing is not None:
        pytest.skip(clocks.missing)
    asked = subprocess.run(
        [sys.executable, "-c", ASK],
        env={**os.environ, **clocks.off(seconds)},
        capture_output=True,
        text=True,
        check=True,
    )
    *told, waited = map(float, asked.stdout.split())
    assert len(told) == 4
    assert all(abs(moment - time.time() - seconds) < 60 for moment in told)
    assert waited < 60


def test_without_a_compiler_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Clocks(tmp_path).missing == "there is no C compiler"
