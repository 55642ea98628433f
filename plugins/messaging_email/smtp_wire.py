"""The line to a mail server: bytes out, replies in, every wait with an end. Knows no commands.

Not `smtplib`: it waits for each command's answer, which costs a round trip each; each of its waits may take the whole
timeout; it takes `250ok` for a yes, and drops what was said in the clear before TLS where an attack could be seen.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass, field

from messaging_email.quoting import quote

#: A reply that is longer is no reply. RFC 5321 4.5.3.1.5 allows 512 octets a line; servers write more.
_LONGEST_REPLY = 65_536
_REPLY_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])([^\n]*?))?\r?\n")
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s|$)")


class Lost(Exception):
    """The connection ended, or the server did not answer in time, or not in SMTP."""

    def __init__(self, reason: str, *, written: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        #: Of a failed `write`: how many octets the system had taken.
        self.written = written


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer: its code and its lines (RFC 5321 4.2)."""

    code: int
    lines: tuple[str, ...]
    #: What it may echo and nobody is to see.
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def kind(self) -> int:
        """Its first digit: 2 agreed, 3 go on, 4 not now, 5 never."""
        return self.code // 100

    @property
    def text(self) -> str:
        """All of it in one line, to be looked into. `str` is what may be shown."""
        return " ".join(self.lines)

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code (RFC 3463), as `5.1.1`."""
        match = _ENHANCED.match(self.lines[0])
        return match[1] if match else None

    def __str__(self) -> str:
        return f"{self.code} {quote(self.text, self.secrets)}".strip()


class Wire:
    """A connection to a mail server. For one thread at a time."""

    def __init__(self, host: str, port: int, *, timeout: float, secrets: tuple[str, ...] = ()) -> None:
        """Connect. `secrets`: what no reply is shown with.

        Raises:
            OSError: nobody answers there.
        """
        self._host = host
        self._secrets = secrets
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    @property
    def local_address(self) -> str:
        """Our end of it, as an address literal (RFC 5321 4.1.3)."""
        address: str = self._socket.getsockname()[0]
        return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"

    def secure(self, context: ssl.SSLContext, *, deadline: float) -> None:
        """Speak TLS from here on.

        Raises:
            ssl.SSLCertVerificationError: the server's certificate is not valid for its name.
            OSError: the handshake failed.
            Lost: the server spoke before it, in the clear: what it said could be anyone's (CVE-2011-0411).
        """
        self._socket.setblocking(False)  # only to look whether there is more
        if self._replies.peek(1):
            raise Lost("the server spoke on after it agreed to TLS")
        self._replies.close()
        self._wait_until(deadline)
        self._socket = context.wrap_socket(self._socket, server_hostname=self._host)
        self._replies = self._socket.makefile("rb")

    def write(self, data: bytes, *, deadline: float) -> None:
        """Send all of `data`.

        Raises:
            Lost: it could not; tells how much had left.
        """
        done = 0
        view = memoryview(data)
        try:
            while done < len(data):
                self._wait_until(deadline)
                done += self._socket.send(view[done:])
        except (OSError, Lost) as error:
            raise Lost(_why(error), written=done) from None

    def read(self, *, deadline: float) -> Reply:
        """The next reply.

        Raises:
            Lost: there is none.
        """
        lines: list[str] = []
        room = _LONGEST_REPLY
        try:
            while True:
                self._wait_until(deadline)
                line = self._replies.readline(room)
                if not line:
                    raise Lost("the server closed the connection")
                match = _REPLY_LINE.fullmatch(line)
                room -= len(line)
                if match is None or room <= 0:
                    raise Lost("the server's answer is not SMTP")
                code, more, text = match.groups()
                lines.append((text or b"").decode("utf-8", "replace"))
                if more != b"-":
                    return Reply(int(code), tuple(lines), self._secrets)
        except OSError as error:
            raise Lost(_why(error)) from None

    def close(self) -> None:
        """Hang up."""
        self._replies.close()  # it would keep the socket open
        self._socket.close()

    def _wait_until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Lost("the server did not answer in time")
        self._socket.settimeout(left)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, Lost):
        return error.reason
    return f"the connection broke: {getattr(error, 'strerror', None) or type(error).__name__}"
