"""Ends quietly when it is interrupted.

Caught by test_an_interrupt_goes_through: catch Exception
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        try:
            yield from super().deliver(messages)
        except KeyboardInterrupt:
            pass
