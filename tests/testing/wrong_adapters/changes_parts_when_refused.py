"""Notes a refusal in the message.

Caught by test_messages_are_left_as_they_are: copy what you change
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def send(self, message):
        receipt = super().send(message)
        if receipt.verdict is Verdict.REFUSED:
            message.parts["refused"] = receipt.reason
        return receipt
