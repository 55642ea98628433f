"""One connection for all threads.

Caught by test_many_threads: a connection is used by one thread at a time
"""

from __future__ import annotations

import http.client
from functools import cached_property
from urllib.parse import urlsplit

from right import Pigeon as Right

from messaging import HttpAnswer


class Pigeon(Right):
    @cached_property
    def line(self):
        return http.client.HTTPConnection(urlsplit(self.settings.url).netloc, timeout=self.context.timeout)

    def ask(self, method, path, body=b"", headers=None):
        self.line.request(method, path, body, headers or {})
        answer = self.line.getresponse()
        return HttpAnswer(status=answer.status, headers=dict(answer.headers), body=answer.read())

    def close(self):
        self.line.close()
