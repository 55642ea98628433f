"""Lets a value begin a line of its own in the file.

Caught by test_values_stay_in_their_place: refuse what cannot be written
"""

from __future__ import annotations

from right_growing import Pigeon as Right


class Pigeon(Right):
    def line(self, message):
        return f"{message.to}\t{message.parts['body']}\t{dict(message.headers)}"
