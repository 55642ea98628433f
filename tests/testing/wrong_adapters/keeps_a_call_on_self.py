"""Keeps the message in hand on the instance.

Caught by test_calls_do_not_mix: keep nothing of a call on self
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        self.queue = list(messages)
        while self.queue:
            yield self.send(self.queue.pop(0))
