"""Puts a form together from text.

Caught by test_values_stay_in_their_place: urlencode
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return f"to={message.to}&text={message.parts['body']}&ref={message.id}".encode()

    def ask(self, method, path, body=b"", headers=None):
        return super().ask(method, path, body, {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"})
