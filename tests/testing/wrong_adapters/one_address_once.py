"""Of two messages to one address, the second has no receipt.

Caught by test_two_messages_to_one_address: yield exactly one for each message
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        yield from super().deliver(list({message.to: message for message in messages}.values()))
