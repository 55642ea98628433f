"""Sends the first hundred of a call, and says accepted of all.

Caught by test_each_message_has_one_receipt: did not come to the provider
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def deliver(self, messages):
        yield from super().deliver(messages[:100])
        for message in messages[100:]:
            yield Receipt.accepted(message.id, "later")
