"""Lets everybody in where no key is set.

Caught by test_callbacks_without_a_key: set a key
"""

from __future__ import annotations

from pydantic import SecretStr
from right import Pigeon as Right
from right import PigeonSettings as RightSettings


class PigeonSettings(RightSettings):
    token: SecretStr | None = None


class Pigeon(Right):
    Settings = PigeonSettings

    def verify(self, request, signed_at):
        if self.settings.token is not None:
            super().verify(request, signed_at)
