"""Cannot be closed without having delivered.

Caught by test_close_is_harmless: also if there is nothing
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        self.line = object()
        return super().deliver(messages)

    def close(self):
        del self.line
