"""Nobody there counts as a refusal.

Caught by test_nobody_there: nothing left
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import NotSent, Receipt


class Pigeon(Right):
    def ask(self, *args, **named):
        try:
            return super().ask(*args, **named)
        except NotSent:
            return None

    def receipt(self, message_id, answer):
        return Receipt.refused(message_id, "gone") if answer is None else super().receipt(message_id, answer)
