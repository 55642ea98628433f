"""The `twilio` package over the project's own way out: bounded, without a redirect, and with what its errors lack.

The package is an extra. This module imports it, so it is imported on first use only.
"""

from __future__ import annotations

import logging
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient as TwilioHttp
from twilio.http.response import Response
from twilio.rest import Client as TwilioClient

from messaging import HttpAnswer, HttpClient

#: Bytes of an answer that are read: a message is described in two thousand.
_ANSWER = 100_000


class Client:
    """One account's client. For one request at a time."""

    def __init__(
        self, http: HttpClient, *, user: str, password: str, account: str, host: str | None, timeout: float
    ) -> None:
        """`user` and `password` are the account and its token, or an API key and its secret."""
        self._wire = _Wire(http, host, timeout)
        self._twilio = TwilioClient(user, password, account, http_client=self._wire)

    def create(self, **fields: str) -> HttpAnswer:
        """Create a message; whatever is answered is returned.

        Raises:
            NotSent: the request surely did not arrive.
            Unanswered: it left, and no answer came.
        """
        self._wire.answers.clear()
        try:
            self._twilio.messages.create(**fields)
        except (TwilioException, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            # It was refused, or the package could not read what is no JSON: the answer itself says which.
            if not self._wire.answers:
                raise
        return self._wire.answers[-1]


class _Wire(TwilioHttp):  # type: ignore[misc] # the package has no types
    """What the package sends its requests by. Logs nothing: they carry numbers and texts."""

    def __init__(self, http: HttpClient, host: str | None, timeout: float) -> None:
        super().__init__(logging.getLogger("messaging.sms"), False, timeout)
        self._http = http
        self._host = host
        self.answers: list[HttpAnswer] = []

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        query = f"?{urlencode(params)}" if params else ""
        login = b64encode(":".join(auth).encode()).decode("ascii") if auth else ""
        sent: Mapping[str, str] = {**(headers or {}), **({"Authorization": f"Basic {login}"} if login else {})}
        answer = self._http.request(
            method,
            self._where(uri) + query,
            headers=sent,
            body=urlencode(data or {}).encode(),
            timeout=self.timeout,
            limit=_ANSWER,
            trusted=True,
        )
        self.answers.append(answer)
        return Response(answer.status, answer.body.decode("utf-8", "replace"), dict(answer.headers))

    def _where(self, uri: str) -> str:
        """`uri` at the host of the settings, whatever region the package chose."""
        return uri if self._host is None else self._host + urlsplit(uri).path
