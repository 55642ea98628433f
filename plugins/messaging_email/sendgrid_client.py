"""The `sendgrid` package over the project's own way out: with a timeout, connections that are kept, and the difference
between a request that surely never arrived and one whose answer was lost.

Imported on first use: the package is slow to load.
"""

from __future__ import annotations

from typing import Any

import orjson
import python_http_client
import sendgrid

from messaging import HttpAnswer, HttpClient


class Client:
    """A client of SendGrid's API, for any number of threads."""

    def __init__(self, http: HttpClient, api_key: str, host: str, *, timeout: float) -> None:
        """`timeout`: seconds for a whole request."""
        self._api = sendgrid.SendGridAPIClient(api_key, host=host)
        self._api.client = _Endpoint(http, timeout, host=host, request_headers=self._api.client.request_headers)

    def send(self, body: dict[str, Any]) -> HttpAnswer:
        """Post `body` to `/v3/mail/send`.

        Raises:
            NotSent: the request surely did not arrive.
            Unanswered: it left, and no answer came.
        """
        answer: HttpAnswer = self._api.send(body)
        return answer


class _Endpoint(python_http_client.Client):  # type: ignore[misc] # the package has no types
    """A path of the API; the package makes one for each step of it.

    Its own way to post builds an opener and a connection for each request, and logs the key at DEBUG.
    """

    def __init__(self, http: HttpClient, timeout: float, **named: Any) -> None:
        super().__init__(version=3, **named)
        self._http = http
        self._timeout = timeout

    def _build_client(self, name: str | None = None) -> _Endpoint:
        path = [*self._url_path, name] if name else self._url_path
        return _Endpoint(self._http, self._timeout, host=self.host, request_headers=self.request_headers, url_path=path)

    def post(self, request_body: dict[str, Any]) -> HttpAnswer:
        return self._http.request(
            "POST",
            self._build_url(None),
            headers={**self.request_headers, "Content-Type": "application/json"},
            body=orjson.dumps(request_body),
            timeout=self._timeout,
            trusted=True,
        )
