"""An answer without an id counts as a refusal.

Caught by test_an_answer_that_nobody_expects: it was probably taken
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt, Verdict


class Pigeon(Right):
    def receipt(self, message_id, answer):
        receipt = super().receipt(message_id, answer)
        if receipt.verdict is Verdict.ACCEPTED and not receipt.provider_id:
            return Receipt.refused(message_id, "no id")
        return receipt
