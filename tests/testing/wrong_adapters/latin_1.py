"""Writes what latin-1 has not as question marks.

Caught by test_texts_arrive_whole: in UTF-8
"""

from __future__ import annotations

import json

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        told = {"to": message.to, "text": message.parts["body"], "ref": message.id}
        return json.dumps(told, ensure_ascii=False).encode("latin-1", "replace")
