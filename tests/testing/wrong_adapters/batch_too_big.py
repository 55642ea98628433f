"""All messages in one request, whatever it declares.

Caught by test_batches: cut what deliver is given
"""

from __future__ import annotations

from right_batched import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        yield from self.send_together(messages)
