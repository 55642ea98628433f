"""What one message's headers lack, another's had.

Caught by test_each_gets_their_own: with the headers of another
"""

from __future__ import annotations

from dataclasses import replace

from right_multipart import Pigeon as Right


class Pigeon(Right):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.kept = {}

    def fields(self, message):
        self.kept = {**self.kept, **message.headers}
        yield from super().fields(replace(message, headers=self.kept))
