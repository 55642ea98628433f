"""Sends a request without a message.

Caught by test_nothing_to_deliver: send nothing
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        self.ask("GET", "/hello")
        yield from super().deliver(messages)
