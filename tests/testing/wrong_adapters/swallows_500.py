"""Accepts whatever is answered.

Caught by test_an_error_of_the_providers: yield Receipt.unknown
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 500:
            return Receipt.accepted(message_id, "?")
        return super().receipt(message_id, answer)
