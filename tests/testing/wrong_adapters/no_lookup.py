"""Declares lookup and has none.

Caught by test_looking_up: write lookup(self, message_id)
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Adapter


class Pigeon(Right):
    lookup = Adapter.lookup
