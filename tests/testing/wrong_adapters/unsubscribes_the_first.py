"""Makes its headers once, so that all unsubscribe the first.

Caught by test_each_gets_their_own: without its own headers
"""

from __future__ import annotations

from dataclasses import replace

from right_multipart import Pigeon as Right


class Pigeon(Right):
    made = None

    def fields(self, message):
        self.made = self.made or message.headers
        yield from super().fields(replace(message, headers=self.made))
