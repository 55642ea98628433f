"""Accepts, and sends nothing.

Caught by test_to_whom_and_what: say accepted only after the provider did
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def send(self, message):
        return Receipt.accepted(message.id, "?")
