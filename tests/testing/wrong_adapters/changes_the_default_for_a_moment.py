"""Sets everybody's timeout while it waits.

Caught by test_the_process_is_left_as_it_was: leave alone
"""

from __future__ import annotations

import socket

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        socket.setdefaulttimeout(3.25)
        try:
            return super().ask(method, path, body, headers)
        finally:
            socket.setdefaulttimeout(None)
