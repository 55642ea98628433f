"""Declares callbacks and has none.

Caught by test_a_genuine_callback: write callback(self, request)
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Adapter


class Pigeon(Right):
    callback = Adapter.callback
