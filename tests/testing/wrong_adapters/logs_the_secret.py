"""The key stands in a log at DEBUG.

Caught by test_no_secret_gets_out: never format headers
"""

from __future__ import annotations

import logging

from right import Pigeon as Right


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        logging.getLogger("pigeon").debug("asking with %s", self.settings.token.get_secret_value())
        return super().ask(method, path, body, headers)
