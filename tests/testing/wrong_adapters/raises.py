"""A refusal is raised.

Caught by test_a_refusal: yield a verdict for each message instead
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Verdict


class Pigeon(Right):
    def send(self, message):
        receipt = super().send(message)
        if receipt.verdict is Verdict.REFUSED:
            raise ValueError(receipt.reason)
        return receipt
