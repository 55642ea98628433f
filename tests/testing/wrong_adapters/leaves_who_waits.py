"""Gives up on a thread that goes on waiting.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

import http.client
import threading
from concurrent.futures import Future
from urllib.parse import urlsplit

from right import Pigeon as Right

from messaging import HttpAnswer, Unanswered


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        place, said = urlsplit(self.settings.url), Future()
        headers = {**(headers or {}), "Authorization": f"Bearer {self.settings.token.get_secret_value()}"}

        def wait():
            try:
                line = http.client.HTTPConnection(place.hostname, place.port)
                line.request(method, path, body, headers)
                answer = line.getresponse()
                found = {name.lower(): value for name, value in answer.headers.items()}
                said.set_result(HttpAnswer(status=answer.status, headers=found, body=answer.read()))
                line.close()
            except (OSError, http.client.HTTPException):
                said.set_exception(Unanswered("no answer"))

        threading.Thread(target=wait, name="pigeon-waiter", daemon=True).start()
        try:
            return said.result(self.context.timeout)
        except TimeoutError:
            raise Unanswered("no answer in time") from None
