"""Escapes texts for HTML, and sends them as JSON.

Caught by test_values_stay_in_their_place: did not arrive as it was
"""

from __future__ import annotations

import html
from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return super().body(replace(message, parts={"body": html.escape(message.parts["body"])}))
