"""Writes what printers use as typewriters had it.

Caught by test_texts_arrive_whole: a text (typography) did not arrive whole
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        plain = message.parts["body"].translate({0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0xA0: " "})
        return super().body(replace(message, parts={"body": plain}))
