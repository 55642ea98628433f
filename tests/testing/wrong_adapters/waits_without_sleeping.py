"""Waits a while when the provider is busy.

Caught by test_too_many_requests: do not wait
"""

from __future__ import annotations

import threading

from right import Pigeon as Right


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 429:
            threading.Event().wait(3)
        return super().receipt(message_id, answer)
