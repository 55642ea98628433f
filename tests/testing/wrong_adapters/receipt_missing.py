"""The last message has no receipt.

Caught by test_each_message_has_one_receipt: yield exactly one for each message, also
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        yield from super().deliver(messages[:-1] if len(messages) > 1 else messages)
