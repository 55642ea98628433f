"""Reads only the first result of a batch.

Caught by test_one_bad_recipient: not only the first
"""

from __future__ import annotations

from itertools import repeat

from right_batched import Pigeon as Right


class Pigeon(Right):
    def send_together(self, messages):
        first = next(iter(super().send_together(messages)))
        for message, receipt in zip(messages, repeat(first), strict=False):
            yield type(first)(message_id=message.id, verdict=receipt.verdict, provider_id=receipt.provider_id)
