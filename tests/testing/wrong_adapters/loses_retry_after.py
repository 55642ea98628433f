"""Does not pass on how long to wait.

Caught by test_too_many_requests: answer.retry_after()
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 429:
            return Receipt.try_again(message_id, "busy")
        return super().receipt(message_id, answer)
