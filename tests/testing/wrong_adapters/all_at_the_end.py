"""Receipts come when all is over.

Caught by test_receipts_come_as_they_are_known: as soon as it is known
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        yield from [self.send(message) for message in messages]
