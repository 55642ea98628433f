"""Who names nobody to answer to has the one of the message before.

Caught by test_each_gets_their_own: with the reply_to of another
"""

from __future__ import annotations

from dataclasses import replace

from right_multipart import Pigeon as Right


class Pigeon(Right):
    kept = None

    def fields(self, message):
        self.kept = message.reply_to or self.kept
        yield from super().fields(replace(message, reply_to=self.kept))
