"""Writes whom a part is for into its head.

Caught by test_values_stay_in_their_place: changed how the request is built
"""

from __future__ import annotations

from right_multipart import Pigeon as Right


class Pigeon(Right):
    def fields(self, message):
        yield from super().fields(message)
        yield f'Content-Disposition: form-data; name="about"; filename="{message.parts["text"]}.txt"\r\n\r\nx'
