"""Takes every status that it does not know for a yes.

Caught by test_statuses_that_are_no_yes: only what your provider documents
"""

from __future__ import annotations

from right import Pigeon as Right
from right import id_in

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status in (401, 403, 422, 429, 500):
            return super().receipt(message_id, answer)
        return Receipt.accepted(message_id, id_in(answer))
