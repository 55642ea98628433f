"""Returns a list.

Caught by test_it_stops_when_nobody_listens: make it a generator
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        return [self.send(message) for message in messages]
