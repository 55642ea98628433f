"""What somebody leaves in a process, or changes in it: files, sockets, threads, children, and what is everybody's."""

from __future__ import annotations

import asyncio
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
from urllib.parse import urlsplit

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
    """What a process asks of the system: files and folders that it makes or writes to, and its children's commands."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.commands: list[str] = []
        #: Whom it connected to, or looked up.
        self.asked: list[str] = []
        self._beside = _here()

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event in ("subprocess.Popen", "os.posix_spawn", "os.exec"):
            self.commands.append(f"{args[0]} {args[1]}")
        elif event == "os.system":
            self.commands.append(str(args[0]))
        elif event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            self.asked.append(f"{args[1] if event != 'socket.getaddrinfo' else args[0]}")
        elif event == "open":
            self._note(args[0], written=bool(args[2] & _WRITING))
        elif event == "sqlite3.connect":
            self._note(_database(args[0]), written=True)
        elif event in ("os.mkdir", "os.rename", "os.symlink", "os.link"):
            self._note(args[0 if event == "os.mkdir" else 1])

    def _note(self, path: object, *, written: bool = False) -> None:
        if isinstance(path, str | bytes | os.PathLike) and path:
            with suppress(OSError, ValueError):  # no such path can be: whoever made it up hears of it
                full = os.path.abspath(os.fsdecode(path))
                # A file without a name (O_TMPFILE) is opened by its folder's.
                if not os.path.lexists(full) or (written and not os.path.isdir(full)):
                    self.files.append(full)

    def left(self, *own: Path) -> list[str]:
        """Files that are still there, where they are in everybody's way, and in none of the places that are its own."""
        common = (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", os.getcwd())  # noqa: S108 - only to look at
        places = {os.path.realpath(place) for place in (*common, Path.home())}
        spared = [Path.home() / ".cache", *own]
        # What libraries in C and child processes write nobody hears of.
        beside = [path for path, state in _here().items() if self._beside.get(path) != state]
        return [
            path
            for path in dict.fromkeys([*self.files, *beside])
            if (os.path.isfile(path) or os.path.isdir(path) or os.path.islink(path))
            and not any(Path(os.path.realpath(path)).is_relative_to(os.path.realpath(place)) for place in spared)
            and "__pycache__" not in path
            and any(Path(os.path.realpath(path)).is_relative_to(place) for place in places)
        ]


#: What opens a file for more than reading it.
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _database(name: object) -> object:
    """The file of a database; none if it is in memory, or only read."""
    if not isinstance(name, str) or not name.startswith("file:"):
        return None if name == ":memory:" else name
    parts = urlsplit(name)
    return None if any(word in parts.query for word in ("mode=memory", "mode=ro", "immutable=1")) else parts.path


def _here() -> dict[str, object]:
    """The files and folders in the current folder that are not hidden; of files, also how they are."""
    found: dict[str, object] = {}
    with os.scandir() as entries:
        for each in entries:
            if not each.name.startswith("."):
                with suppress(OSError):  # it may be gone by now
                    status = each.stat(follow_symlinks=False)
                    found[os.path.abspath(each.name)] = (status.st_mtime_ns, status.st_size) if each.is_file() else None
    return found


#: Who listens. What hears for them cannot be taken away again, so there is one.
_listening: list[Deeds] = []


@cache
def _listen() -> None:
    listening = _listening  # when Python ends, a module's names are gone before the last is heard

    def heard(event: str, args: tuple[Any, ...]) -> None:
        for each in listening:
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
    "how asyncio makes loops": lambda: _loops(),
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


def _loops() -> object:
    """Whose policy it is, and what runs a loop; by default there is no policy before the first loop."""
    policy = vars(asyncio.events).get("_event_loop_policy")
    ours = policy is None or type(policy) is asyncio.DefaultEventLoopPolicy
    return None if ours else type(policy), asyncio.run, asyncio.new_event_loop


def _umask() -> int:
    with _looking:  # it can be asked for only by setting it
        mask = os.umask(0o077)
        os.umask(mask)
        return mask


_looking = threading.Lock()
