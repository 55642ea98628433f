"""Each receipt comes twice.

Caught by test_each_message_has_one_receipt: yield exactly one for each message
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        for receipt in super().deliver(messages):
            yield receipt
            yield receipt
