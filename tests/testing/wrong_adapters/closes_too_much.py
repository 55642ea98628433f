"""Closes what belongs to the workspace.

Caught by test_close_is_harmless: close only what the adapter opened
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def close(self):
        self.context.http.close()
