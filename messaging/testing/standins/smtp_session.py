"""The SMTP of the mail server: one conversation a thread (RFC 5321), which can break off anywhere."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import socketserver
import ssl
from collections.abc import Iterator
from typing import Any, Protocol

from messaging.testing.standins.failures import Failure
from messaging.testing.standins.http import reset
from messaging.testing.standins.serving import Stoppable
from messaging.testing.standins.smtp_rules import problem

#: RFC 5321 4.5.3.1: octets of a command line; and what is read of a message.
_COMMAND = 2048
MAX_SIZE = 30_000_000
#: Seconds that a connection may do nothing.
_IDLE = 120.0
_PATH = re.compile(r"(FROM|TO):\s*<([^<>\s]*)>(?: +(.*))?", re.IGNORECASE)
_VERBS = ("EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")


class Post(Protocol):
    """Who takes the mail; called from several threads."""

    #: The name and password it wants, if any.
    login: tuple[str, str] | None
    #: The server's side of STARTTLS, if it offers that.
    tls: ssl.SSLContext | None

    def fails(self, at: str) -> Failure | None:
        """How it is to fail at a command."""

    def take(self, sender: str, recipients: list[str], content: bytes) -> str:
        """Keep a message; its queue id."""


class MailServer(Stoppable, socketserver.ThreadingTCPServer):
    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, post: Post) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.post = post
        self.lines: set[socket.socket] = set()
        super().__init__((host, port), _Session)

    def hang_up(self) -> None:
        for line in list(self.lines):
            with contextlib.suppress(OSError):  # it has hung up by itself
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is nothing to print about


class _HangUp(Exception):
    """The conversation is over."""


class _Session(socketserver.BaseRequestHandler):
    """One connection. Commands are read one by one, so a client may send several at once (PIPELINING)."""

    server: MailServer

    def handle(self) -> None:
        self._post = self.server.post
        self._line: socket.socket = self.request
        self.server.lines.add(self._line)
        self._secure = self._logged_in = False
        self._reader = self._line.makefile("rb")
        self._greet()
        try:
            with contextlib.suppress(OSError, _HangUp):  # however it ends, it is over
                self._line.settimeout(_IDLE)
                self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._step("connect", "220 standin ESMTP")
                while True:
                    self._command()
        finally:
            self.server.lines.discard(self._line)
            self._reader.close()
            if self._secure:
                self._line.close()

    def _greet(self) -> None:
        self._sender: str | None = None
        self._options: set[str] = set()
        self._recipients: list[str] = []

    def _command(self) -> None:
        line = self._reader.readline(_COMMAND + 1)
        if not line:
            raise _HangUp
        if not line.endswith(b"\r\n"):
            self._say("500 5.5.2 a command ends with CR LF, within 2048 octets")
            raise _HangUp
        verb, _, rest = line.decode("latin-1").rstrip("\r\n").partition(" ")
        if verb.upper() not in _VERBS:
            self._say("500 5.5.2 no such command")
            return
        getattr(self, f"_{verb.lower()}")(rest)

    def _ehlo(self, rest: str) -> None:
        self._greet()
        offers = ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", f"SIZE {MAX_SIZE}"]
        if self._post.tls is not None and not self._secure:
            offers.append("STARTTLS")
        if self._post.login is not None:
            offers.append("AUTH PLAIN LOGIN")
        lines = ["standin", *offers]
        self._step("EHLO", "\r\n".join(f"250{'-' if one is not lines[-1] else ' '}{one}" for one in lines))

    def _helo(self, rest: str) -> None:
        self._greet()
        self._step("EHLO", "250 standin")

    def _starttls(self, rest: str) -> None:
        if self._post.tls is None or self._secure:
            self._say("502 5.5.1 not here")
            return
        self._step("STARTTLS", "220 2.0.0 go on")
        self._reader.close()
        self.server.lines.discard(self._line)
        self._line = self._post.tls.wrap_socket(self._line, server_side=True)
        self.server.lines.add(self._line)
        self._reader = self._line.makefile("rb")
        self._secure, self._logged_in = True, False
        self._greet()

    def _auth(self, rest: str) -> None:
        kind, _, first = rest.partition(" ")
        if self._post.login is None or kind.upper() not in ("PLAIN", "LOGIN"):
            self._say("504 5.5.4 no such login")
            return
        if kind.upper() == "PLAIN":
            told = tuple(self._told(first or self._ask("")).split("\0")[1:])
        else:
            told = (self._told(first or self._ask("Username:")), self._told(self._ask("Password:")))
        self._logged_in = told == self._post.login
        self._step("AUTH", "235 2.7.0 welcome" if self._logged_in else "535 5.7.8 not with that name and password")

    def _ask(self, what: str) -> str:
        self._say("334 " + base64.b64encode(what.encode()).decode())
        return str(self._reader.readline(_COMMAND), "latin-1").strip()

    @staticmethod
    def _told(text: str) -> str:
        try:
            return base64.b64decode(text, validate=True).decode()
        except ValueError:
            return ""

    def _mail(self, rest: str) -> None:
        match = _PATH.fullmatch(rest)
        if self._post.login is not None and not self._logged_in:
            self._say("530 5.7.0 log in first")
        elif self._sender is not None:
            self._say("503 5.5.1 there is a sender already")
        elif match is None or match[1].upper() != "FROM":
            self._say("501 5.5.4 MAIL FROM:<address>")
        else:
            options = {one.upper() for one in (match[3] or "").split()}
            size = next((one for one in options if one.startswith("SIZE=")), "SIZE=0").removeprefix("SIZE=")
            if not size.isdigit() or int(size) > MAX_SIZE:
                self._say("552 5.3.4 too large")
            elif not rest.isascii() and "SMTPUTF8" not in options:
                self._say("553 5.6.7 an address beyond ASCII needs SMTPUTF8")
            elif self._step("MAIL", "250 2.1.0 ok"):
                self._sender, self._options = _decoded(match[2]), options

    def _rcpt(self, rest: str) -> None:
        match = _PATH.fullmatch(rest)
        if self._sender is None:
            self._say("503 5.5.1 MAIL comes first")
        elif match is None or match[1].upper() != "TO" or "@" not in match[2]:
            self._say("501 5.1.3 RCPT TO:<address>")
        elif not rest.isascii() and "SMTPUTF8" not in self._options:
            self._say("553 5.6.7 an address beyond ASCII needs SMTPUTF8")
        elif self._step("RCPT", "250 2.1.5 ok"):
            self._recipients.append(_decoded(match[2]))

    def _data(self, rest: str) -> None:
        if not self._recipients:
            self._say("503 5.5.1 nobody to send it to")
            return
        if not self._step("DATA", "354 go on"):
            return
        content = b"".join(self._lines())
        sender, recipients, options = self._sender or "", self._recipients, self._options
        self._greet()
        if len(content) > MAX_SIZE:
            self._say("552 5.3.4 too large")
            return
        wrong = problem(content, eight_bit="BODY=8BITMIME" in options, utf8="SMTPUTF8" in options)
        if wrong is not None:
            self._say(f"554 5.6.0 {wrong}")
            return
        self._finish(sender, recipients, content)

    def _finish(self, sender: str, recipients: list[str], content: bytes) -> None:
        failure = self._post.fails("content")
        if failure is None or failure.kind == "slow" or failure.when == "after":
            id = self._post.take(sender, recipients, content)
            self._act(failure, f"250 2.0.0 Ok: queued as {id}")
        else:
            self._act(failure, "")

    def _lines(self) -> Iterator[bytes]:
        """The content up to the lone dot, its doubled dots undone. A line ends at LF: that is how a bare one shows."""
        size, whole = 0, True
        while (line := self._reader.readline(65536)) != b".\r\n" or not whole:
            if not line:
                raise _HangUp
            size += len(line)
            if size <= MAX_SIZE + 1:
                yield line[1:] if whole and line.startswith(b".") else line
            # Only after CR LF may a dot end it: anything else is how mails are smuggled in.
            whole = line.endswith(b"\r\n")

    def _rset(self, rest: str) -> None:
        self._greet()
        self._say("250 2.0.0 ok")

    def _noop(self, rest: str) -> None:
        self._say("250 2.0.0 ok")

    def _quit(self, rest: str) -> None:
        self._say("221 2.0.0 bye")
        raise _HangUp

    def _step(self, at: str, answer: str) -> bool:
        """Answer at a command, or fail there as told; whether all went well."""
        return self._act(self._post.fails(at), answer)

    def _act(self, failure: Failure | None, answer: str) -> bool:
        if failure is not None and failure.kind == "cut":
            if self._secure:
                self._line.shutdown(socket.SHUT_RDWR)
            else:
                reset(self._line)
            raise _HangUp
        if failure is not None and failure.kind == "refuse":
            self._say(failure.answer)
            if failure.answer.startswith("421"):
                raise _HangUp
            return False
        if failure is not None and self.server.stopping.wait(failure.seconds):
            raise _HangUp
        self._say(answer)
        return True

    def _say(self, answer: str) -> None:
        self._line.sendall(answer.encode("utf-8", "replace") + b"\r\n")


def _decoded(text: str) -> str:
    """An address that was read as Latin-1, so that nothing of it was lost."""
    return text.encode("latin-1").decode("utf-8", "replace")
