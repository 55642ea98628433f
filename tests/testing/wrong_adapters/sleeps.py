"""Waits as long as the provider asks for.

Caught by test_too_many_requests: do not wait
"""

from __future__ import annotations

import time

from right import Pigeon as Right


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 429:
            time.sleep(answer.retry_after().total_seconds())
        return super().receipt(message_id, answer)
