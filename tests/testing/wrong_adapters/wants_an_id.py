"""An answer without an id counts as a refusal.

Caught by test_an_answer_that_nobody_expects: it was probably taken
"""

from __future__ import annotations

from right import Pigeon as Right
from right import id_in

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 200 and not id_in(answer):
            return Receipt.refused(message_id, "no id")
        return super().receipt(message_id, answer)
