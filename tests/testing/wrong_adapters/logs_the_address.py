"""A person's address stands in a log.

Caught by test_no_address_is_logged: log message.id
"""

from __future__ import annotations

import logging

from right import Pigeon as Right


class Pigeon(Right):
    def send(self, message):
        logging.getLogger("pigeon").info("to %s", message.to)
        return super().send(message)
