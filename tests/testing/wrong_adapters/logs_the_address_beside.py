"""Hands the address to the log as a field of its own.

Caught by test_no_address_is_logged: log message.id
"""

from __future__ import annotations

import logging

from right import Pigeon as Right

log = logging.getLogger("pigeon.loft")
log.propagate = False


class Pigeon(Right):
    def send(self, message):
        log.info("off it goes", extra={"recipient": message.to})
        return super().send(message)
