"""Waits as long as it thinks right.

Caught by test_silence: min(self.settings.timeout, self.context.timeout)
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        return self.context.http.request(
            method,
            f"{self.settings.url}{path}",
            headers={"Authorization": f"Bearer {self.settings.token.get_secret_value()}", **(headers or {})},
            body=body,
            timeout=4.0,
            trusted=True,
        )
