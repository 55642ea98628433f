"""What is left behind is seen, and what goes away in time is not."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from messaging.testing.contract import footprint
from messaging.testing.contract.footprint import Footprint, changed, common, deeds


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprint, "_GONE", 0.2)


def test_nothing_is_left_of_nothing() -> None:
    assert Footprint.now().left(list) == []


def test_sockets_threads_and_children_are_seen() -> None:
    before, stop = Footprint.now(), threading.Event()
    thread = threading.Thread(target=stop.wait, name="keeper")
    thread.start()
    with (
        socket.socket(),
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child,
    ):
        left = " ".join(before.left(list))
        assert child.stdin is not None
    stop.set()
    thread.join()
    assert "the thread keeper" in left
    assert "the process" in left
    assert "socket:" in left
    assert before.left(list) == []


def test_files_beside_the_workspace_are_seen(tmp_path: Path) -> None:
    workspace = tmp_path / "shop"
    workspace.mkdir()
    with deeds() as done:
        (workspace / "kept").write_text("x")
        kept = Path(tempfile.mkdtemp())
        (kept / "left").write_text("x")
        with tempfile.NamedTemporaryFile():
            pass
    assert done.left(workspace) == [str(kept), str(kept / "left")]
    (kept / "left").unlink()
    kept.rmdir()
    assert done.left(workspace) == []


def test_commands_are_seen() -> None:
    with deeds() as done:
        subprocess.run([sys.executable, "-c", "", "s3cret"], check=True)
    assert "s3cret" in done.commands[0]


def test_what_belongs_to_everybody_is_compared() -> None:
    before = common()
    assert changed(before) is None
    socket.setdefaulttimeout(7)
    try:
        assert changed(before) == "the default timeout of sockets"
    finally:
        socket.setdefaulttimeout(None)


#: What is heard when the module, kept by one that is older, is empty already.
ENDS = """
import os, sys
from messaging.testing.contract import footprint

class Late:
    audit = staticmethod(sys.audit)
    def __del__(self):
        self.audit("late")

with footprint.deeds():
    os.late = footprint, Late()
"""


def test_whoever_listened_ends_without_a_word() -> None:
    ended = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
