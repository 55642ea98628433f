"""Any refusal ends everything.

Caught by test_a_refusal: AdapterUnusable is for a key
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import AdapterUnusable


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status >= 400:
            raise AdapterUnusable("pigeon: refused")
        return super().receipt(message_id, answer)
