"""Gives messages and key to whoever answers.

Caught by test_a_certificate_that_nobody_vouches_for: leave the checking of certificates
"""

from __future__ import annotations

import ssl
import urllib.request

from right import Pigeon as Right

from messaging import HttpAnswer, Unanswered


class Pigeon(Right):
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
    )

    def ask(self, method, path, body=b"", headers=None):
        authorization = f"Bearer {self.settings.token.get_secret_value()}"
        told = {"Authorization": authorization, **(headers or {})}
        request = urllib.request.Request(f"{self.settings.url}{path}", body, told, method=method)
        try:
            with self.opener.open(request, timeout=7) as answer:
                return HttpAnswer(status=answer.status, headers={}, body=answer.read())
        except OSError:
            raise Unanswered("no answer") from None
