"""Opens a connection when it is made, and keeps it.

Caught by test_everything_is_closed: give back in close()
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from right import Pigeon as Right


class Pigeon(Right):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        place = urlsplit(settings.url)
        self.line = socket.create_connection((place.hostname, place.port))
