"""Leaves a file open.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

from pathlib import Path

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        self.log = (Path(self.context.workspace) / "pigeon.log").open("a")
        return super().send(message)
