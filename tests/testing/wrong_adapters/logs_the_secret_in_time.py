"""Tells the log which request was not answered in time.

Caught by test_no_secret_gets_out: stands in a log
"""

from __future__ import annotations

import logging

from right import Pigeon as Right

from messaging import Unanswered


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        try:
            return super().ask(method, path, body, headers)
        except Unanswered as error:
            if "in time" in error.message:
                logging.getLogger("pigeon").warning("no answer: %s", self.settings.token.get_secret_value())
            raise
