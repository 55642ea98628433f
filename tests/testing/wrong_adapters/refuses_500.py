"""An error of the provider's is taken for a refusal.

Caught by test_an_error_of_the_providers: yield Receipt.unknown
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status >= 400:
            return Receipt.refused(message_id, str(answer.status))
        return super().receipt(message_id, answer)
