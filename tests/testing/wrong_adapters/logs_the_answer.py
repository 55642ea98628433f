"""Tells the log what the provider answered.

Caught by test_no_address_is_logged: Quote no request and no answer
"""

from __future__ import annotations

import logging

from right import Pigeon as Right


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 422:
            logging.getLogger("pigeon").info("refused: %s", answer.body)
        return super().receipt(message_id, answer)
