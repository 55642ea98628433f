"""Declares batches and sends one by one.

Caught by test_batches: leave batch_size at 1
"""

from __future__ import annotations

from right_batched import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        for message in messages:
            yield from self.send_together([message])
