"""The key stands in an error.

Caught by test_no_secret_gets_out: exceptions quote them
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import AdapterUnusable


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 401:
            raise AdapterUnusable(f"{self.settings.token.get_secret_value()} is refused")
        return super().receipt(message_id, answer)
