"""Asks for another try although it may have been taken, and has no key.

Caught by test_hanging_up_without_an_answer: it may have been taken
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Capabilities, Receipt, Verdict


class Pigeon(Right):
    capabilities = Capabilities()

    def send(self, message):
        receipt = super().send(message)
        return receipt if receipt.verdict is not Verdict.UNKNOWN else Receipt.try_again(message.id, "once more")
