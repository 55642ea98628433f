"""Retries what was not taken.

Caught by test_too_many_requests: do not retry
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def send(self, message):
        for _ in range(3):
            receipt = super().send(message)
            if receipt.verdict is not Verdict.TRY_AGAIN:
                break
        return receipt
