"""Leaves by a return at the end.

Caught by test_an_interrupt_goes_through: catch Exception
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        try:
            for message in messages:
                yield self.send(message)
        finally:
            return  # noqa: B012 - its fault
