"""A key that is refused refuses everybody.

Caught by test_a_key_that_is_refused: raise AdapterUnusable
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 401:
            return Receipt.refused(message_id, "401")
        return super().receipt(message_id, answer)
