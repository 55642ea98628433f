"""Sends a request when it is made.

Caught by test_making_one_sends_nothing: connect when something is to be delivered
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        self.ask("GET", "/hello")
