"""Leaves a connection open.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        place = urlsplit(self.settings.url)
        self.line = socket.create_connection((place.hostname, place.port))
        return super().send(message)
