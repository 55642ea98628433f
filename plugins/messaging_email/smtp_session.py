"""One conversation with a mail server: greeting, TLS, login, then letters one after the other (RFC 5321).

Each letter is a transaction of its own with one recipient. Where the server allows (RFC 2920), a letter's
envelope leaves in one piece, and together with the content of the letter before it: one round trip a letter.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from enum import Enum, auto

from messaging import AdapterUnusable
from messaging_email.mime import Letter
from messaging_email.smtp_wire import Lost, Reply, Wire

_DATA = b"DATA\r\n"
_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


class Security(Enum):
    """How the connection is protected."""

    STARTTLS = auto()
    TLS = auto()
    NONE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to, and as whom."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    #: Seconds from taking a letter to the moment its content may leave: connecting and greeting included.
    timeout: float
    #: Seconds to wait for the answer to a content. Long: giving up here leaves a letter unknown (RFC 1047).
    final_timeout: float

    @property
    def secrets(self) -> tuple[str, ...]:
        """What a server that echoes a login would say: the password, plain and as AUTH puts it."""
        if not self.password:
            return ()
        return (self.password, _base64(self.password).decode(), _plain(self.username or "", self.password).decode())

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server does not take a letter."""

    #: Of the command it answered: `MAIL`, `RCPT`, `DATA`.
    command: str
    reply: Reply


class Unanswered(Exception):
    """All of a content left, and no answer to it came: the letter may or may not have been taken."""


class Session:
    """An open conversation. For one thread at a time. After `Lost` or `Unanswered` only `abandon` is left."""

    def __init__(self, server: Server, tls: ssl.SSLContext) -> None:
        """Connect, protect, log in.

        Raises:
            AdapterUnusable: the server will not have us, or not safely.
            Lost: not now.
        """
        self._server = server
        self._extensions: dict[str, str] = {}
        self._deadline = time.monotonic() + server.timeout
        #: Letters it decided about. A conversation that was of use is worth another one when it ends.
        self.finished = 0
        self._wire = _connect(server)
        try:
            self._open(tls)
        except BaseException:  # handed on
            self.abandon()
            raise

    @property
    def eight_bit(self) -> bool:
        """Whether a content may have octets above 127 (RFC 6152)."""
        return "8BITMIME" in self._extensions

    @property
    def utf8(self) -> bool:
        """Whether addresses may have letters beyond ASCII (RFC 6531)."""
        return "SMTPUTF8" in self._extensions

    # Letter by letter: `begin` the first; then for each `refusal`, and if there is none, `send`.

    def begin(self, letter: Letter) -> None:
        """Say whom `letter` is from and to.

        Raises:
            Lost: it was surely not taken.
        """
        self._give_time()
        if self._pipelining:
            self._write(b"".join(self._envelope(letter)))

    def refusal(self, letter: Letter) -> Refusal | None:
        """Why the server will not have the letter that was begun; None if its content may leave.

        Raises:
            Lost: it was surely not taken.
        """
        self._give_time()
        refusal: Refusal | None = None
        for command in self._envelope(letter):
            if not self._pipelining:
                self._write(command)
            reply = self._read()
            expected = 3 if command == _DATA else 2
            if reply.kind != expected:
                refusal = refusal or Refusal(command[:4].decode("ascii"), reply)
                if not self._pipelining:
                    break
        if refusal is not None:
            if reply.code == 354:
                self._ask(b".\r\n")  # it wants a content though it has no recipient (RFC 2920 3.1)
            self._ask(b"RSET\r\n")
            self.finished += 1
        return refusal

    def send(self, letter: Letter, following: Letter | None) -> Reply:
        """Send the content and begin the letter that follows; return what the server says to the content.

        Raises:
            Lost: the letter was surely not taken: the server cannot have seen its end.
            Unanswered: it may or may not have been taken.
        """
        content = _on_the_wire(letter.content)
        ahead = b"".join(self._envelope(following)) if following and self._pipelining else b""
        deadline = time.monotonic() + self._server.final_timeout
        try:
            self._wire.write(content + ahead, deadline=deadline)
        except Lost as lost:
            if lost.written < len(content):
                raise
            raise Unanswered(lost.reason) from None
        try:
            reply = self._wire.read(deadline=deadline)
        except Lost as lost:
            raise Unanswered(lost.reason) from None
        self.finished += 1
        return reply

    def close(self) -> None:
        """Take leave; the answer is not waited for."""
        try:
            self._wire.write(b"QUIT\r\n", deadline=time.monotonic() + 1)
        except Lost:
            pass
        self._wire.close()

    def abandon(self) -> None:
        """Hang up."""
        self._wire.close()

    # Opening

    def _open(self, tls: ssl.SSLContext) -> None:
        security = self._server.security
        if security is Security.TLS:
            self._secure(tls)
        self._expect(self._read(), "greeting", "it does not take mail from here")
        self._greet()
        if security is Security.STARTTLS:
            if "STARTTLS" not in self._extensions:
                raise AdapterUnusable(
                    f"smtp: {self._server} offers no STARTTLS, and mail would go in the clear",
                    hint='for a server on a network that you trust: [adapters.smtp] security = "none"',
                )
            self._expect(self._ask(b"STARTTLS\r\n"), "STARTTLS", "TLS is not available")
            self._secure(tls)
            self._greet()  # what was said in the clear does not count (RFC 3207 4.2)
        if self._server.username:
            self._log_in(self._server.username, self._server.password or "")

    def _greet(self) -> None:
        name = socket.gethostname()
        if not _HOST_NAME.fullmatch(name):
            name = self._wire.local_address
        reply = self._ask(f"EHLO {name}\r\n".encode("ascii"))
        self._expect(reply, "EHLO", "it is not an ESMTP server")
        self._extensions = {}
        for line in reply.lines[1:]:
            keyword, _, value = line.replace("=", " ", 1).partition(" ")
            self._extensions[keyword.upper()] = value.strip().upper()
        self._pipelining = "PIPELINING" in self._extensions

    def _secure(self, tls: ssl.SSLContext) -> None:
        try:
            self._wire.secure(tls, deadline=self._deadline)
        except ssl.SSLCertVerificationError as error:
            raise AdapterUnusable(
                f"smtp: the certificate of {self._server} cannot be trusted: {error.verify_message}",
                hint="nothing was sent to it; check SMTP_HOST, or the server's certificate",
            ) from None
        except OSError as error:
            raise Lost(f"TLS with {self._server} failed: {getattr(error, 'reason', None) or error}") from None

    def _log_in(self, username: str, password: str) -> None:
        if self._server.security is Security.NONE:
            raise AdapterUnusable(
                f"smtp: a password is never sent in the clear to {self._server}",
                hint="set [adapters.smtp] security to starttls or tls, or leave out SMTP_USERNAME",
            )
        offered = self._extensions.get("AUTH", "").split()
        if "PLAIN" in offered:
            reply = self._ask(b"AUTH PLAIN %b\r\n" % _plain(username, password))
        elif "LOGIN" in offered:
            reply = self._ask(b"AUTH LOGIN\r\n")
            for answer in (username, password):
                if reply.code == 334:
                    reply = self._ask(b"%b\r\n" % _base64(answer))
        else:
            raise AdapterUnusable(
                f"smtp: {self._server} offers no login that we know (PLAIN, LOGIN)",
                hint="leave out SMTP_USERNAME if it wants none",
            )
        self._expect(reply, "login", "check SMTP_USERNAME and SMTP_PASSWORD", says=False)

    def _expect(self, reply: Reply, step: str, hint: str, *, says: bool = True) -> None:
        """Go on only if the server agreed; what a server says to a login may hold the password."""
        if reply.kind == 2:
            return
        answer = str(reply) if says else f"{reply.code} {reply.enhanced or ''}".strip()
        if reply.kind == 4:
            raise Lost(f"{self._server} refused for now ({step}): {answer}")
        raise AdapterUnusable(f"smtp: {self._server} refused ({step}): {answer}", hint=hint)

    # Small things

    def _envelope(self, letter: Letter) -> tuple[bytes, bytes, bytes]:
        parameters = ""
        if "SIZE" in self._extensions:
            parameters += f" SIZE={len(letter.content)}"
        if self.eight_bit and not letter.content.isascii():
            parameters += " BODY=8BITMIME"
        if letter.needs_utf8:
            parameters += " SMTPUTF8"
        return (
            f"MAIL FROM:<{letter.sender}>{parameters}\r\n".encode(),
            f"RCPT TO:<{letter.recipient}>\r\n".encode(),
            _DATA,
        )

    def _give_time(self) -> None:
        # The first letter shares the time with the opening.
        if self.finished:
            self._deadline = time.monotonic() + self._server.timeout

    def _ask(self, command: bytes) -> Reply:
        self._write(command)
        return self._read()

    def _write(self, data: bytes) -> None:
        self._wire.write(data, deadline=self._deadline)

    def _read(self) -> Reply:
        reply = self._wire.read(deadline=self._deadline)
        if reply.code == 421:
            raise Lost(str(reply))  # it hangs up (RFC 5321 3.8)
        return reply


def _connect(server: Server) -> Wire:
    try:
        return Wire(server.host, server.port, timeout=server.timeout, secrets=server.secrets)
    except socket.gaierror as error:
        if error.errno == socket.EAI_NONAME:
            raise AdapterUnusable(f"smtp: there is no host {server.host}", hint="check SMTP_HOST") from None
        raise Lost(f"cannot find {server.host}: {error.strerror}") from None
    except UnicodeError:
        raise AdapterUnusable(f"smtp: {server.host!r} is no host name", hint="check SMTP_HOST") from None
    except OSError as error:
        raise Lost(f"cannot connect to {server}: {error.strerror or 'no answer in time'}") from None


def _on_the_wire(content: bytes) -> bytes:
    """The content with its dots stuffed and its end (RFC 5321 4.5.2)."""
    # Its lines end in CRLF all of them, and the first is a header.
    return content.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def _plain(username: str, password: str) -> bytes:
    """Both, as SASL PLAIN has them (RFC 4616)."""
    return _base64(f"\0{username}\0{password}")


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode("utf-8", "surrogateescape"))
