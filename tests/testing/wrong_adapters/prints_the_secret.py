"""The key is printed.

Caught by test_no_secret_gets_out: never format headers
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def receipt(self, message_id, answer):
        print(self.settings.token.get_secret_value())
        return super().receipt(message_id, answer)
