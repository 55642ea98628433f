"""Receipts name the recipient, not the message.

Caught by test_each_message_has_one_receipt: is the `id` of one of the messages
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        for message, receipt in zip(messages, super().deliver(messages), strict=True):
            yield replace(receipt, message_id=message.to)
