"""What somebody leaves in a process, or changes in it: files, sockets, threads, children, and what is everybody's."""

from __future__ import annotations

import gc
import locale
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

#: Seconds that what was closed may take to be gone.
_GONE = 3.0
_PROC = Path("/proc/self/fd")
#: Python's own helper, which lives as long as the process.
_HELPER = "multiprocessing.resource_tracker"


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process has open and running."""

    descriptors: Mapping[int, str]
    threads: frozenset[threading.Thread]
    children: Mapping[int, str]

    @classmethod
    def now(cls) -> Footprint:
        return cls(_descriptors(), frozenset(threading.enumerate()), _children())

    def left(self, files: Callable[[], list[str]]) -> list[str]:
        """What is there that was not, once it had time to go; `files` tells of files."""
        return _at_last(lambda: [*self._running(), *self._open(), *(f"the file {path}" for path in files())])

    def running(self) -> list[str]:
        """What runs that did not, once it had time to end."""
        return _at_last(lambda: [*self._running()])

    def _running(self) -> Iterator[str]:
        for thread in threading.enumerate():
            if thread not in self.threads and not _is_ours(thread):
                yield f"the thread {thread.name}"
        for pid, command in _children().items():
            if pid not in self.children and _HELPER not in command:
                yield f"the process {command}"

    def _open(self) -> Iterator[str]:
        for descriptor, what in _descriptors().items():
            if self.descriptors.get(descriptor) != what:
                yield f"an open {what}"


def _at_last(look: Callable[[], list[str]]) -> list[str]:
    until = time.monotonic() + _GONE
    while (found := look()) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def _is_ours(thread: threading.Thread) -> bool:
    """Whether it is one of the suite's own: of its provider, of a delivery that hangs, of the workspace's way out, of
    a call that is waited for."""
    ours = ("standin", "kit-deliver", "look-up", "plugin-call")
    return thread.name in ours or "process_request_thread" in thread.name


def _descriptors() -> dict[int, str]:
    """The process's open files and sockets."""
    found = {}
    folder = _PROC if _PROC.is_dir() else Path("/dev/fd")
    for name in os.listdir(folder):
        try:
            status = os.fstat(int(name))
            what = os.readlink(folder / name) if folder is _PROC else "file"
        except (OSError, ValueError):
            continue
        found[int(name)] = f"{what}:{status.st_ino}"
    return found


def _children() -> dict[int, str]:
    """The process's children, also those that ended and that nobody asked about."""
    return dict(_in_proc() if _PROC.is_dir() else _by_ps())


def _in_proc() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # Its name, in brackets, may hold anything: what follows does not.
            parent = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
            if parent == os.getpid():
                command = (folder / "cmdline").read_bytes().decode("utf-8", "replace").replace("\0", " ").strip()
                yield int(folder.name), command or f"{folder.name}, which ended: wait() for it"
        except (OSError, IndexError, ValueError):
            continue  # it is gone


def _by_ps() -> Iterator[tuple[int, str]]:
    with subprocess.Popen(["/bin/ps", "-A", "-o", "ppid=,pid=,args="], stdout=subprocess.PIPE, text=True) as ps:
        lines = [line.split(None, 2) for line in ps.communicate()[0].splitlines()]
    for parent, pid, *command in lines:
        if int(parent) == os.getpid() and int(pid) != ps.pid:
            yield int(pid), " ".join(command)


class Deeds:
    """What a process asks of the system: files and folders that came to be, and the commands of its children."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.commands: list[str] = []

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            self.commands.append(f"{args[0]} {args[1]}")
        elif event == "os.system":
            self.commands.append(str(args[0]))
        elif event in ("open", "os.mkdir", "os.rename", "os.symlink", "os.link"):
            path = args[0] if event in ("open", "os.mkdir") else args[1]
            if isinstance(path, str | bytes | os.PathLike):
                with suppress(OSError, ValueError):  # no such path can be: whoever made it up hears of it
                    full = os.path.abspath(os.fsdecode(path))
                    if not os.path.lexists(full):
                        self.files.append(full)

    def left(self, workspace: Path) -> list[str]:
        """Files that are still there, outside of the workspace, where they are in everybody's way."""
        common = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", os.getcwd())  # noqa: S108 - only to look at
        places = {os.path.realpath(place) for place in common}
        return [
            path
            for path in dict.fromkeys(self.files)
            if os.path.lexists(path)
            and not Path(path).is_relative_to(workspace)
            and "__pycache__" not in path
            and any(Path(os.path.realpath(path)).is_relative_to(place) for place in places)
        ]


#: Who listens. What hears for them cannot be taken away again, so there is one.
_listening: list[Deeds] = []


@cache
def _listen() -> None:
    def heard(event: str, args: tuple[Any, ...]) -> None:
        for each in _listening:
            each.hear(event, args)

    sys.addaudithook(heard)


@contextmanager
def deeds() -> Iterator[Deeds]:
    """Note what the process does meanwhile."""
    _listen()
    noted = Deeds()
    _listening.append(noted)
    try:
        yield noted
    finally:
        _listening.remove(noted)


_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
#: What belongs to everybody in a process.
_COMMON: Mapping[str, Callable[[], object]] = {
    "os.environ": lambda: {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
    "the current folder": os.getcwd,
    "the default timeout of sockets": socket.getdefaulttimeout,
    "what a socket is": lambda: (socket.socket, socket.create_connection, socket.getaddrinfo),
    "how certificates are checked": lambda: (ssl._create_default_https_context, ssl.create_default_context),
    "what urllib opens with": lambda: vars(urllib.request).get("_opener"),
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "the root logger's level": lambda: (logging.getLogger().level, logging.getLogger().manager.disable),
    "the root logger's handlers": lambda: list(logging.getLogger().handlers),
    "what signals do": lambda: {each: signal.getsignal(each) for each in signal.valid_signals()},
    "the process's timer": lambda: [signal.getitimer(each) == (0.0, 0.0) for each in _TIMERS],
    "sys.excepthook": lambda: (sys.excepthook, threading.excepthook, sys.unraisablehook),
    "sys.path": lambda: list(sys.path),
    "how deep calls may go": sys.getrecursionlimit,
    "whether garbage is collected": gc.isenabled,
    "the umask": lambda: _umask(),
}


def common() -> dict[str, object]:
    """What belongs to everybody, as it is."""
    return {name: look() for name, look in _COMMON.items()}


def changed(before: Mapping[str, object]) -> str | None:
    """What of it is another now."""
    return next((name for name, look in _COMMON.items() if look() != before[name]), None)


def _umask() -> int:
    with _looking:  # it can be asked for only by setting it
        mask = os.umask(0o077)
        os.umask(mask)
        return mask


_looking = threading.Lock()
