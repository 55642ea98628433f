"""Loses the lines of a text.

Caught by test_texts_arrive_whole: every part as it is
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        return super().send(replace(message, parts={"body": " ".join(message.parts["body"].split())}))
