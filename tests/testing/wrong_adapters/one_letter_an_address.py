"""Sends nobody a second message in one call, and says it did.

Caught by test_two_messages_to_one_address: hand over every message
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def deliver(self, messages):
        seen = set()
        for message in messages:
            yield Receipt.accepted(message.id, "again") if message.to in seen else self.send(message)
            seen.add(message.to)
