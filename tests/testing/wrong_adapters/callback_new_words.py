"""Knows no word that is new.

Caught by test_signed_and_odd: made it raise KeyError
"""

from __future__ import annotations

from right_news import KINDS
from right_news import Pigeon as Right


class Pigeon(Right):
    def kind(self, event):
        return KINDS[event["event"]]
