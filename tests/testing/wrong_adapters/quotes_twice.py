"""Quotes texts, which the form quotes again.

Caught by test_texts_arrive_whole: did not arrive whole
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from right_form import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return super().body(replace(message, parts={"text": quote(message.parts["text"])}))
