"""Changes what it was given.

Caught by test_messages_are_left_as_they_are: copy what you change
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        message.parts["body"] = message.parts["body"].upper()
        return super().send(message)
