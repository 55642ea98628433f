"""Sends in a name of its own.

Caught by test_the_sender: message.from_
"""

from __future__ import annotations

from dataclasses import replace

from right_files import Pigeon as Right


class Pigeon(Right):
    def deliver(self, messages):
        return super().deliver([replace(message, from_="pigeon@example.com") for message in messages])
