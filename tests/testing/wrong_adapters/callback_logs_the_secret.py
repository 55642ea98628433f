"""Tells the log what a callback should have been signed with.

Caught by test_no_secret_gets_out: stands in a log
"""

from __future__ import annotations

import logging

from right import Pigeon as Right


class Pigeon(Right):
    def verify(self, request, signed_at):
        logging.getLogger("pigeon").debug("checking with %s", self.settings.token.get_secret_value())
        super().verify(request, signed_at)
