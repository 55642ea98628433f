"""One event that it does not know, and the others are lost.

Caught by test_one_event_among_others: leave out what is not understood
"""

from __future__ import annotations

from right_news import Pigeon as Right

from messaging import InputError


class Pigeon(Right):
    def kind(self, event):
        kind = super().kind(event)
        if kind is None:
            raise InputError("it is no news of a pigeon")
        return kind
