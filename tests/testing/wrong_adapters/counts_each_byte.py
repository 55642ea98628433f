"""Its time begins anew with each byte.

Caught by test_an_answer_that_drips: Let one moment end all of it
"""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from right import Pigeon as Right

from messaging import HttpAnswer, NotSent, Unanswered


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        place = urlsplit(self.settings.url)
        headers = {**(headers or {}), "Authorization": f"Bearer {self.settings.token.get_secret_value()}"}
        line = http.client.HTTPConnection(place.hostname, place.port, timeout=self.context.timeout)
        try:
            line.connect()
        except OSError:
            raise NotSent("nobody is there") from None
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            found = {name.lower(): value for name, value in answer.headers.items()}
            return HttpAnswer(status=answer.status, headers=found, body=answer.read())
        except (OSError, http.client.HTTPException):
            raise Unanswered("no answer") from None
        finally:
            line.close()
