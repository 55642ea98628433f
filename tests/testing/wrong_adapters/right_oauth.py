"""An adapter that is right, and fetches a token before it hands over."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from urllib.parse import urlencode

from right import Pigeon as Posting

from messaging import AdapterContext, AdapterSettings, AdapterUnusable, Capabilities, HttpAnswer, NotSent, Unanswered


class Pigeon(Posting):
    capabilities = Capabilities(idempotency_key=True)

    def __init__(self, settings: AdapterSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self.lock = threading.Lock()
        self.access: str | None = None

    def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return self.request(method, path, body, {"Authorization": f"Bearer {self.token()}", **(headers or {})})

    def token(self) -> str:
        with self.lock:
            if self.access is None:
                secret = self.settings.token.get_secret_value()
                told = urlencode({"grant_type": "client_credentials", "client_secret": secret}).encode()
                try:
                    answer = self.request("POST", "/oauth/token", told, {})
                except Unanswered as error:
                    raise NotSent(error.message) from None  # no message has left
                if answer.status != 200:
                    raise AdapterUnusable("pigeon: no token was given", hint="check PIGEON_TOKEN")
                self.access = str(answer.json()["access_token"])
            return self.access

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> HttpAnswer:
        return self.context.http.request(
            method, f"{self.settings.url}{path}", headers=headers, body=body, timeout=self.context.timeout, trusted=True
        )
