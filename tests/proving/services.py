"""A PostgreSQL, a Redis and a RabbitMQ of our own, on free ports in a folder: they are there to be broken."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from tests.proving.tether import MARK

#: How long one may take to start, in seconds.
PATIENCE = 90.0


class Missing(Exception):
    """A program that is needed is not on this machine, or does not start."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])


def until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for it.

    Raises:
        Missing: it took too long.
    """
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise Missing(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.05)


class Service(ABC):
    """One server process, and its log in its folder."""

    name: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder / self.name
        self.folder.mkdir()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.prepare()
        self.start()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it answers."""

    @abstractmethod
    def command(self) -> list[str]: ...

    @abstractmethod
    def answers(self) -> bool: ...

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Before it is started the first time."""

    def start(self) -> None:
        if self._process is not None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self.environment(), MARK: str(self.folder.parent)},
                start_new_session=True,  # Ctrl-C is for us, who end it
                **self.options(),
            )
        until(self._is_up, PATIENCE, f"{self.name} on port {self.port}, see {self.folder / 'log'}")

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    def options(self) -> dict[str, object]:
        return {}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment(), text=True, timeout=PATIENCE, capture_output=True, **self.options()
        )

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise Missing(f"{self.name} ended: {(self.folder / 'log').read_text('utf-8', 'replace')[-500:]}")
        return self.answers()


def program(name: str, *places: str) -> str:
    found = shutil.which(name) or next(
        (path for place in places for path in sorted(glob.glob(f"{place}/{name}"))), None
    )
    if found is None:
        raise Missing(f"{name} is not installed")
    return found


class Postgres(Service):
    """Durable as it comes: what it said is done is done, whatever is pulled."""

    name = "postgres"

    @property
    def url(self) -> str:
        return f"postgresql://proof@127.0.0.1:{self.port}/postgres"

    def prepare(self) -> None:
        if os.geteuid() == 0:  # it does not run as root
            shutil.chown(self.folder, "postgres")
        made = self.run(self._program("initdb"), "-D", str(self.folder / "data"), "-U", "proof", "-A", "trust", "-N")
        if made.returncode:
            raise Missing(f"initdb: {made.stderr.strip()[-300:]}")

    def command(self) -> list[str]:
        own = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            # What nobody waited for to be on the disk is lost when it is cut off, not only the last moment of it.
            "wal_writer_delay": "10s",
        }
        return [
            self._program("postgres"),
            *("-D", str(self.folder / "data")),
            *(part for name, value in own.items() for part in ("-c", f"{name}={value}")),
        ]

    def options(self) -> dict[str, object]:
        return {"user": "postgres", "cwd": "/"} if os.geteuid() == 0 else {}

    def answers(self) -> bool:
        return self.run(self._program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)).returncode == 0

    def restart(self, *, immediate: bool) -> bool:
        """`immediate`: as if the power went."""
        self.stop(signal.SIGQUIT if immediate else signal.SIGINT)
        self.start()
        return True

    @staticmethod
    def _program(name: str) -> str:
        return program(name, "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")


class Redis(Service):
    """Keeps nothing on the disk: restarted, it is empty."""

    name = "redis"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        return [
            program("redis-server"),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *("--dir", str(self.folder)),
        ]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as asked:
                asked.sendall(b"PING\r\n")
                return asked.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def empty(self, seconds: float = 3.0) -> bool:
        """As soon as there is anything in it; whether there was, in time."""
        end = time.monotonic() + seconds
        with socket.create_connection(("127.0.0.1", self.port), 5) as asked:
            while (full := self._ask(asked, b"DBSIZE") != b":0") is False and time.monotonic() < end:
                time.sleep(0.01)
            self._ask(asked, b"FLUSHALL")
        return full

    @staticmethod
    def _ask(asked: socket.socket, command: bytes) -> bytes:
        asked.sendall(command + b"\r\n")
        return asked.recv(64).strip()

    def restart(self) -> bool:
        self.stop(signal.SIGKILL)
        self.start()
        return True


class RabbitMQ(Service):
    """One node, found by nobody else."""

    name = "rabbitmq"

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def prepare(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, "rabbitmq")
        (self.folder / "enabled_plugins").write_text("[].\n", "utf-8")
        (self.folder / "rabbitmq.conf").write_text("", "utf-8")

    def command(self) -> list[str]:
        # Not Debian's own command, which goes elsewhere first.
        found = sorted(glob.glob("/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server"))
        return [found[-1] if found else program("rabbitmq-server")]

    def environment(self) -> dict[str, str]:
        if not hasattr(self, "_distribution"):
            self._distribution = free_port()
        return {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"proof{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "logs"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(self.folder / "feature_flags"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
        }

    def options(self) -> dict[str, object]:
        return {"user": "rabbitmq", "cwd": "/"} if os.geteuid() == 0 else {}

    def stop(self, number: int = signal.SIGTERM) -> None:
        # The program is a shell script over the one that listens: they end together.
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(60)
            self._process = None

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as asked:
                asked.sendall(b"AMQP\x00\x00\x09\x01")
                return asked.recv(1) == b"\x01"
        except OSError:
            return False
