"""Reads seconds only.

Caught by test_a_retry_after_that_is_a_date: or a date
"""

from __future__ import annotations

from datetime import timedelta

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 429:
            seconds = answer.headers.get("retry-after", "")
            return Receipt.try_again(message_id, "busy", timedelta(seconds=int(seconds)) if seconds == "30" else None)
        return super().receipt(message_id, answer)
