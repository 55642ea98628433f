"""The `sendgrid` package with what it lacks: a timeout, a connection that is kept, and the difference between
a request that surely never arrived and one whose answer was lost.

Imported on first use: the package is slow to load.
"""

from __future__ import annotations

import base64
import http.client
import select
import socket
import ssl
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import orjson
import python_http_client
import sendgrid

from messaging import AdapterUnusable
from messaging_email.quoting import quote

#: An answer that is longer is not SendGrid's.
_LONGEST_ANSWER = 1_000_000
_CONNECT_TIMEOUT = 10.0


class NotSent(Exception):
    """The request surely did not arrive."""


class Unanswered(Exception):
    """The request left, and no answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said."""

    status: int
    headers: Message
    body: bytes


class Client:
    """A client of SendGrid's API with a connection of its own. For one thread at a time."""

    def __init__(self, api_key: str, host: str, *, timeout: float) -> None:
        """`timeout`: seconds to wait for an answer."""
        self._line = _Line(host, timeout)
        self._api = sendgrid.SendGridAPIClient(api_key, host=host)
        self._api.client = _Endpoint(self._line, host, self._api.client.request_headers)

    def send(self, body: dict[str, Any]) -> Answer:
        """Post `body` to `/v3/mail/send`.

        Raises:
            NotSent, Unanswered: there was no answer.
            AdapterUnusable: whoever answers there cannot prove to be SendGrid.
        """
        answer: Answer = self._api.send(body)
        return answer

    def close(self) -> None:
        """Hang up."""
        self._line.close()


class _Endpoint(python_http_client.Client):  # type: ignore[misc] # the package has no types
    """A path of the API; the package makes one for each step of it.

    Its own way to post builds an opener and a connection for each request, and logs the key at DEBUG.
    """

    def __init__(self, line: _Line, host: str, headers: dict[str, str], path: list[str] | None = None) -> None:
        super().__init__(host=host, request_headers=headers, version=3, url_path=path)
        self._line = line

    def _build_client(self, name: str | None = None) -> _Endpoint:
        path = [*self._url_path, name] if name else self._url_path
        return _Endpoint(self._line, self.host, self.request_headers, path)

    def post(self, request_body: dict[str, Any]) -> Answer:
        headers = {**self.request_headers, "Content-Type": "application/json"}
        path = urlsplit(self._build_url(None)).path
        return self._line.post(path, orjson.dumps(request_body), headers)


class _Line:
    """One connection that stays open between requests, and is renewed where the other side closed it."""

    def __init__(self, host: str, timeout: float) -> None:
        self._url = urlsplit(host)
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        connection = self._connected()
        try:
            connection.request("POST", path, body, headers)
        except OSError as error:
            # An octet of the body at least never left. Why may have been said: a 413 comes before the end.
            early = None if isinstance(error, TimeoutError) else _early_refusal(connection)
            self.close()
            if early is None:
                raise NotSent(_why(error)) from None
            return early
        try:
            response = connection.getresponse()
            answer = _read(response)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(_why(error)) from None
        if response.will_close or not response.isclosed():
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and _has_ended(self._connection.sock):
            self.close()
        if self._connection is None:
            connection = self._new()
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                raise AdapterUnusable(
                    f"sendgrid: the certificate of {self._url.hostname} cannot be trusted: {error.verify_message}",
                    hint="nothing was sent to it; check SENDGRID_HOST",
                ) from None
            except socket.gaierror as error:
                raise NotSent(f"cannot find {connection.host}: {error.strerror}") from None
            except (OSError, http.client.HTTPException) as error:
                raise NotSent(f"cannot connect to {connection.host}: {_why(error)}") from None
            connection.sock.settimeout(self._timeout)
            self._connection = connection
        return self._connection

    def _new(self) -> http.client.HTTPConnection:
        # The port is always named: http.client takes the end of an IPv6 address for one.
        host, secure = self._url.hostname or "", self._url.scheme == "https"
        port = self._url.port or (443 if secure else 80)
        timeout = min(_CONNECT_TIMEOUT, self._timeout)
        if not secure:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        proxy = _proxy(host)
        if proxy is None:
            return http.client.HTTPSConnection(host, port, timeout=timeout)
        connection = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or 8080, timeout=timeout)
        connection.set_tunnel(host, port, _proxy_login(proxy.username, proxy.password))
        return connection


def _read(response: http.client.HTTPResponse) -> Answer:
    return Answer(response.status, response.headers, response.read(_LONGEST_ANSWER))


def _early_refusal(connection: http.client.HTTPConnection) -> Answer | None:
    """What was said against a request that was still under way; None if nothing that is about the request."""
    try:
        answer = _read(connection.getresponse())
    except (OSError, http.client.HTTPException):
        return None
    return answer if 400 <= answer.status < 500 else None


def _proxy(host: str) -> SplitResult | None:
    """The proxy that `HTTPS_PROXY` names for `host`, unless `NO_PROXY` has it.

    Raises:
        AdapterUnusable: it names none that we can go through.
    """
    named = getproxies().get("https")
    if not named or proxy_bypass(host):
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    try:
        usable = proxy.scheme == "http" and bool((proxy.hostname or "").encode("idna")) and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise AdapterUnusable(
            "sendgrid: HTTPS_PROXY names no proxy that can be used",
            hint="set it to http://HOST:PORT, or name SendGrid's host in NO_PROXY",
        )
    return proxy


def _proxy_login(username: str | None, password: str | None) -> dict[str, str]:
    if username is None:
        return {}
    login = f"{unquote(username)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(login).decode('ascii')}"}


def _has_ended(connection: socket.socket | None) -> bool:
    """Whether the other side hung up, or said what nobody asked for."""
    if connection is None:
        return True
    poll = select.poll()  # select() cannot watch a file descriptor above 1023
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    if isinstance(error, OSError):  # one without a number is a proxy that lets nobody through, and has said why
        return error.strerror or quote(str(error)) or type(error).__name__
    return type(error).__name__  # its text is the server's, who knows the key
