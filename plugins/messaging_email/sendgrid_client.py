"""The `sendgrid` package with what it lacks: a timeout, a connection that is kept, and the difference between
a request that surely never arrived and one whose answer was lost. Imported on first use: the package is slow
to load.
"""

from __future__ import annotations

import base64
import http.client
import io
import logging
import select
import socket
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

import python_http_client
import sendgrid
from python_http_client.exceptions import HTTPError

from messaging import AdapterUnusable

# At DEBUG it logs the Authorization header.
logging.getLogger("python_http_client.client").setLevel(logging.WARNING)

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
        self._opener = _Opener(host, timeout)
        self._api = sendgrid.SendGridAPIClient(api_key, host=host)
        self._api.client = _Endpoint(self._opener, host, self._api.client.request_headers)

    def send(self, body: dict[str, Any]) -> Answer:
        """Post `body` to `/v3/mail/send`.

        Raises:
            NotSent, Unanswered: there was no answer.
            AdapterUnusable: whoever answers there cannot prove to be SendGrid.
        """
        try:
            response = self._api.send(body)
        except HTTPError as error:
            return Answer(error.status_code, error.headers, error.body)
        return Answer(response.status_code, response.headers, response.body)

    def close(self) -> None:
        """Hang up."""
        self._opener.close()


class _Endpoint(python_http_client.Client):  # type: ignore[misc]
    """A path of the API. The package makes one for each step of the path, and an opener for each request."""

    def __init__(
        self, opener: _Opener, host: str, headers: dict[str, str], path: list[str] | None = None
    ) -> None:
        super().__init__(host=host, request_headers=headers, version=3, url_path=path)
        self._opener = opener

    def _build_client(self, name: str | None = None) -> _Endpoint:
        path = [*self._url_path, name] if name else self._url_path
        return _Endpoint(self._opener, self.host, self.request_headers, path)

    def _make_request(
        self, opener: Any, request: urllib.request.Request, timeout: float | None = None
    ) -> Any:
        return super()._make_request(self._opener, request, timeout=timeout)


class _Opener:
    """Opens requests as `urllib`'s would, over one connection that stays open."""

    def __init__(self, host: str, timeout: float) -> None:
        self._url = urlsplit(host)
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None

    def open(self, request: urllib.request.Request, timeout: float | None = None) -> Any:
        """Send the request and return its response; raises what `urllib` raises where the status is no success."""
        connection = self._connected()
        try:
            connection.request(
                request.get_method(), request.selector, request.data, dict(request.header_items())
            )
        except OSError as error:
            self.close()
            raise NotSent(_why(error)) from None  # an octet of the body at least never left
        try:
            response = connection.getresponse()
            body = response.read(_LONGEST_ANSWER)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(_why(error)) from None
        if response.will_close or not response.isclosed():
            self.close()
        if not 200 <= response.status < 300:
            raise urllib.error.HTTPError(
                request.full_url, response.status, response.reason, response.headers, io.BytesIO(body)
            )
        return _Response(response.status, response.headers, body)

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
                raise NotSent(f"cannot find {self._url.hostname}: {error.strerror}") from None
            except OSError as error:
                raise NotSent(f"cannot connect to {self._url.hostname}: {_why(error)}") from None
            connection.sock.settimeout(self._timeout)
            self._connection = connection
        return self._connection

    def _new(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        timeout = min(_CONNECT_TIMEOUT, self._timeout)
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=timeout)
        proxy = urlsplit(urllib.request.getproxies().get("https", ""))
        if not proxy.hostname or urllib.request.proxy_bypass(host):
            return http.client.HTTPSConnection(host, port, timeout=timeout)
        connection = http.client.HTTPSConnection(proxy.hostname, proxy.port or 8080, timeout=timeout)
        connection.set_tunnel(host, port, _proxy_login(proxy.username, proxy.password))
        return connection


@dataclass(frozen=True, slots=True)
class _Response:
    """What the package reads of a response."""

    status: int
    headers: Message
    body: bytes

    def getcode(self) -> int:
        return self.status

    def read(self) -> bytes:
        return self.body

    def info(self) -> Message:
        return self.headers


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
    return getattr(error, "strerror", None) or type(error).__name__
