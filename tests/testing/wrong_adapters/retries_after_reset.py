"""Retries on another connection after a reset.

Caught by test_hanging_up_without_an_answer: do not retry
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Unanswered


class Pigeon(Right):
    def ask(self, *args, **named):
        try:
            return super().ask(*args, **named)
        except Unanswered:
            return super().ask(*args, **named)
