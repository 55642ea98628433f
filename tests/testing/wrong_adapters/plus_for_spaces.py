"""Writes a text as forms do, in JSON.

Caught by test_texts_arrive_whole: send every part as it is
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        text = message.parts["body"]
        return super().send(replace(message, parts={"body": text.replace(" ", "+") if "+" not in text else text}))
