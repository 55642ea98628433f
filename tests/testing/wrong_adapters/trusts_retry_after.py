"""Believes that Retry-After is a number.

Caught by test_a_retry_after_that_is_none: yield a verdict for each message instead
"""

from __future__ import annotations

from datetime import timedelta

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 429:
            return Receipt.try_again(message_id, "busy", timedelta(seconds=int(answer.header("Retry-After"))))
        return super().receipt(message_id, answer)
