"""Puts XML together from text.

Caught by test_values_stay_in_their_place: an XML writer
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return f"<m><to>{message.to}</to><text>{message.parts['body']}</text><ref>{message.id}</ref></m>".encode()
