"""Drops the html part of a letter.

Caught by test_a_letter_of_one_part: refuse a message whose parts cannot be expressed
"""

from __future__ import annotations

from dataclasses import replace

from right_files import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        for message in messages:
            parts = {name: text for name, text in message.parts.items() if name != "html"}
            yield from super().deliver([replace(message, parts=parts)])
