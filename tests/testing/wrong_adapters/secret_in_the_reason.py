"""The key stands in a receipt, in base64.

Caught by test_no_secret_gets_out: never format headers
"""

from __future__ import annotations

import base64

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 422:
            login = base64.b64encode(b"pigeon:" + self.settings.token.get_secret_value().encode()).decode()
            return Receipt.refused(message_id, f"refused, with Authorization: Basic {login}")
        return super().receipt(message_id, answer)
