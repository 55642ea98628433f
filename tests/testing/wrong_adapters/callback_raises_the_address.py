"""Says what it could not read.

Caught by test_no_address_is_logged: an error
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import InputError


class Pigeon(Right):
    def callback(self, request):
        try:
            return super().callback(request)
        except InputError:
            raise InputError(f"it is no news of a pigeon: {request.body!r}") from None
