"""Bounds its requests, and not how long it takes to be let in.

Caught by test_a_connection_that_is_not_taken: connecting is a wait too
"""

from __future__ import annotations

import socket

from right_lines import Pigeon as Right


class Pigeon(Right):
    def connect(self):
        return socket.create_connection((self.settings.host, self.settings.port))
