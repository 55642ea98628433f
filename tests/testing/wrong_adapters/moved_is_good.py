"""Takes a redirect for a yes.

Caught by test_redirects: follow no redirect
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if 300 <= answer.status < 400:
            return Receipt.accepted(message_id)
        return super().receipt(message_id, answer)
