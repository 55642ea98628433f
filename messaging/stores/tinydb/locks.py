"""Taking turns, between threads and between processes.

Neither a thread lock nor `flock` is fair: who lets go and asks again at once mostly gets it again, and a busy
campaign would keep a web request waiting for ever. So both come with a second lock as a waiting room: to ask
for the lock one must hold the room, and who waits holds it, so that the busy one finds the room taken.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType

from messaging.errors import StoreError
from messaging.stores.tinydb.disk import disk_error


class TurnLock:
    """A fair lock between threads that its owner may take again."""

    def __init__(self) -> None:
        self._room = threading.Lock()
        self._lock = threading.Lock()
        self._owner: int | None = None
        self._depth = 0

    @property
    def mine(self) -> bool:
        """Whether this thread has it."""
        return self._owner == threading.get_ident()

    def __enter__(self) -> None:
        if not self.mine:
            with self._room:
                self._lock.acquire()
            self._owner = threading.get_ident()
        self._depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            self._lock.release()


class FileLock:
    """A lock between processes: `flock` on a file made for it. It ends with the process, in any case."""

    def __init__(self, path: Path, *, of: Path | None = None) -> None:
        """`of`: the file that it is for, and that a person knows of."""
        self._path = path
        self._of = of
        self._fd: int | None = None

    def acquire(self, timeout: float, *, doing: str = "kept the store locked") -> None:
        """Wait for it, at most `timeout` seconds. `doing` says in the error what who has it does.

        Raises:
            StoreError: somebody else kept it for longer, or the file cannot be made.
        """
        if self._fd is None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            except OSError as error:
                told = disk_error(self._path, error)
                if self._of is not None:
                    problem = f"{self._of}: no file can be made beside it: {error.strerror or error}"
                    told = StoreError(problem, hint=told.hint)
                raise told from None
        if self._try(self._fd):
            return
        # Asking again, rather than a blocking call, for the sake of the time limit: a stopped process must
        # not take everybody else with it.
        deadline, pause = time.monotonic() + timeout, 0.0002
        while not self._try(self._fd):
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{self._path}: another process has {doing} for {timeout:g} s",
                    hint="look for a stopped or hanging messaging process",
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.002)

    def release(self) -> None:
        """Let go."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go and close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @staticmethod
    def _try(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class ProcessLock:
    """A fair lock between processes: two files, the lock and its waiting room."""

    def __init__(self, path: Path, timeout: float = 30.0) -> None:
        self._room = FileLock(path.with_name(path.name + ".queue"), of=path)
        self._lock = FileLock(path.with_name(path.name + ".lock"), of=path)
        self._timeout = timeout

    def __enter__(self) -> None:
        self._room.acquire(self._timeout)
        try:
            self._lock.acquire(self._timeout)
        finally:
            self._room.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def close(self) -> None:
        """Close both files."""
        self._room.close()
        self._lock.close()
