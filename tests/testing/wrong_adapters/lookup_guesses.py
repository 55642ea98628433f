"""Looks nothing up.

Caught by test_looking_up: never handed over
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def lookup(self, message_id):
        return Receipt.accepted(message_id, "?")
