"""Puts JSON together from text.

Caught by test_values_stay_in_their_place: never put requests together from text
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return f'{{"to": "{message.to}", "text": "{message.parts["body"]}", "ref": "{message.id}"}}'.encode()
