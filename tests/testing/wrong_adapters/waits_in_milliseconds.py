"""Takes seconds for milliseconds.

Caught by test_too_many_requests: which is in seconds
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def receipt(self, message_id, answer):
        receipt = super().receipt(message_id, answer)
        return replace(receipt, after=receipt.after / 1000) if receipt.after else receipt
