"""Takes whatever begins with a 2 for a yes.

Caught by test_statuses_that_are_no_yes: only what your provider documents
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if 200 <= answer.status < 300 and answer.status != 200:
            return Receipt.accepted(message_id)
        return super().receipt(message_id, answer)
