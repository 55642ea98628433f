"""What every shop is set up with: its secrets."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from messaging import SourceSettings


class ShopSettings(SourceSettings):
    """Base of a shop's settings. No provider's own variable is read: it would be the secret of every shop there is."""

    #: What the shop signs with, the newest first: a request that fits any of them is genuine, so that a secret is
    #: changed without a gap. In a variable, with spaces between.
    secrets: tuple[SecretStr, ...] = Field(min_length=1)

    @field_validator("secrets", mode="before")
    @classmethod
    def _from_a_variable(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("secrets")
    @classmethod
    def _are_not_empty(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if not all(secret.get_secret_value().strip() for secret in value):
            raise ValueError("a secret is empty")
        return value

    def keyring(self) -> list[bytes]:
        """The secrets as the bytes that most shops sign with: their text."""
        return [secret.get_secret_value().strip().encode() for secret in self.secrets]
