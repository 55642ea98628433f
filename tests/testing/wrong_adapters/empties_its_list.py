"""Takes messages out of the list it was given.

Caught by test_messages_are_left_as_they_are: copy what you change
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        while messages:
            yield self.send(messages.pop(0))
