"""Holds a secret as plain text.

Caught by test_secrets_are_marked: pydantic.SecretStr
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import AdapterSettings


class Pigeon(Right):
    class Settings(AdapterSettings):
        url: str
        token: str
