"""Puts a number into a form as it is.

Caught by test_odd_addresses_stay_whole: became a blank
"""

from __future__ import annotations

from urllib.parse import urlencode

from right_form import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return f"To={message.to}&{urlencode({'Body': message.parts['text'], 'Ref': message.id})}".encode()
