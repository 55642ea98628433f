"""Tells the log what a callback held.

Caught by test_no_address_is_logged: or the id of what it is about
"""

from __future__ import annotations

import logging

from right import Pigeon as Right


class Pigeon(Right):
    def callback(self, request):
        callback = super().callback(request)
        logging.getLogger("pigeon").info("news: %s", request.json())
        return callback
