"""Gives all in one request the text of the first.

Caught by test_each_gets_their_own: without its own parts
"""

from __future__ import annotations

from dataclasses import replace

from right_batched import Pigeon as Right


class Pigeon(Right):
    def send_together(self, messages):
        text = messages[0].parts
        yield from super().send_together([replace(message, parts=text) for message in messages])
