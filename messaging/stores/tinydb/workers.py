"""Which workers live: each holds a lock on a file of its own for as long as it does.

The lock belongs to the open file, so threads of one process are told apart, and the system frees it when a
process dies, however it dies.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from messaging.ids import random_id

_WORKER = re.compile(r"[0-9a-f]{32}")


class Workers:
    """The workers of one store, each a file in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mine: dict[str, int] = {}

    def enlist(self) -> str:
        """The id of a new worker, alive from now on. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        worker = random_id()
        unnamed = self._folder / f".{worker}"
        fd = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o660)
        # Locked before it has its name, so that nobody finds it unlocked and takes it for dead.
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.rename(unnamed, self._file(worker))
        self._mine[worker] = fd
        return worker

    def is_alive(self, worker: str) -> bool:
        """Whether the worker's process lives and has not dismissed it."""
        if worker in self._mine:
            return True
        if not _WORKER.fullmatch(worker):
            return False
        try:
            fd = os.open(self._file(worker), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who ask at once do not take each other for the worker.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def others(self) -> list[str]:
        """Those of other processes that live."""
        names = (file.stem for file in self._folder.glob("*.lock"))
        return [name for name in names if name not in self._mine and self.is_alive(name)]

    def dismiss(self, worker: str) -> None:
        """End a worker of this process."""
        fd = self._mine.pop(worker, None)
        if fd is not None:
            os.close(fd)  # first: the lock is what counts
            self._file(worker).unlink(missing_ok=True)

    def close(self) -> None:
        """End all workers of this process."""
        for worker in list(self._mine):
            self.dismiss(worker)

    def _file(self, worker: str) -> Path:
        return self._folder / f"{worker}.lock"

    def _sweep(self) -> None:
        """Remove the files of the dead."""
        for file in self._folder.glob("*.lock"):
            if not self.is_alive(file.stem):
                file.unlink(missing_ok=True)
