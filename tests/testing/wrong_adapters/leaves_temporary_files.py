"""Leaves what it wrote for a moment.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

import tempfile

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        with tempfile.NamedTemporaryFile("w", suffix=".pigeon", delete=False) as file:
            file.write(message.parts["body"])
        return super().send(message)
