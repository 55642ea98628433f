"""A connection that is torn down counts as accepted.

Caught by test_hanging_up_without_an_answer: yield Receipt.unknown
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt, Verdict


class Pigeon(Right):
    def send(self, message):
        receipt = super().send(message)
        return receipt if receipt.verdict is not Verdict.UNKNOWN else Receipt.accepted(message.id, "?")
