"""Drops whom answers go to.

Caught by test_who_answers_go_to: send it, or refuse
"""

from __future__ import annotations

from dataclasses import replace

from right_files import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        return super().deliver([replace(message, reply_to=None) for message in messages])
