"""Follows a redirect, with the key and all.

Caught by test_redirects: follow no redirect
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        answer = super().ask(method, path, body, headers)
        if answer.status in (307, 308):
            return self.context.http.request(
                method,
                answer.header("Location"),
                headers={"Authorization": f"Bearer {self.settings.token.get_secret_value()}"},
                body=body,
                timeout=self.context.timeout,
                trusted=True,
            )
        return answer
