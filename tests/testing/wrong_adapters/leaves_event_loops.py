"""Leaves an event loop open.

Caught by test_everything_is_closed: event loops
"""

from __future__ import annotations

import asyncio

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        self.loop = asyncio.new_event_loop()
        return super().send(message)
