"""Whoever belongs to a run ends with it, however that ends: also when it is killed and can end nobody any more.

Beside a run goes a process that waits for the end of its own input, which the run holds. Signals of a dead parent
(PR_SET_PDEATHSIG) would come when the thread ends that started somebody, and never to whom those start in turn.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Names the folder of the run that a process belongs to.
MARK = "PROOF_FOLDER"
#: What the watcher is told when all have ended in good order.
DONE = b"done"
#: How long it looks for those who start others while they are being ended, in seconds.
PATIENCE = 20.0


@contextmanager
def tethered(folder: Path) -> Iterator[None]:
    """Should this process end within, all who belong to the folder are killed, and the folder is removed."""
    watcher = subprocess.Popen(
        [sys.executable, "-m", __spec__.name if __spec__ else __name__, str(folder)],
        stdin=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        start_new_session=True,  # Ctrl-C is not for it
    )
    try:
        yield
    finally:
        watcher.communicate(DONE)


def belonging(folder: Path) -> list[int]:
    """The processes of a run: they carry its mark, or are at home in its folder (some write over what they carry)."""
    mark = f"{MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (
                mark in (entry / "environ").read_bytes().split(b"\0")
                or Path(os.readlink(entry / "cwd")).is_relative_to(folder)
            ):
                found.append(int(entry.name))
        except OSError:
            pass  # it is gone, or not ours
    return found


def watch(folder: Path) -> None:
    """Wait until the run is over; if it did not say so, end all who belong to it."""
    if sys.stdin.buffer.read() == DONE:
        return
    end = time.monotonic() + PATIENCE
    while (left := belonging(folder)) and time.monotonic() < end:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
