"""Says no reason.

Caught by test_a_refusal: say why
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 422:
            return Receipt.refused(message_id, "")
        return super().receipt(message_id, answer)
