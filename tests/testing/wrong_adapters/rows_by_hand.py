"""Puts a row together from text.

Caught by test_values_stay_in_their_place: csv.writer
"""

from __future__ import annotations

from right_growing import Pigeon as Right


class Pigeon(Right):
    def line(self, message):
        return (
            ",".join([message.to, message.parts["body"], *message.headers.values()])
            .replace("\r", "")
            .replace("\n", " ")
        )
