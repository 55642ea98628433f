"""The key stands in what the adapter is shown as.

Caught by test_no_secret_gets_out: never format headers
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def __repr__(self):
        return f"Pigeon({self.settings.token.get_secret_value()})"
