"""What the `twilio` adapter can be told."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator

from messaging import AdapterSettings, ApiHost

#: What Twilio takes as the text of a message, in UTF-16 units.
MAX_TEXT = 1600

Sid = Annotated[str, StringConstraints(strip_whitespace=True)]
#: Anybody can sign with an empty one.
Secret = Annotated[SecretStr, Field(min_length=1)]

_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


class TwilioSettings(AdapterSettings):
    """`[adapters.twilio]`"""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    #: `AC` and 32 digits, from the console.
    account_sid: Sid = Field(pattern=r"^AC[0-9a-fA-F]{32}$", json_schema_extra={"env": "TWILIO_ACCOUNT_SID"})
    #: The account's token. It signs what Twilio posts to us, so it is needed for statuses and replies also where
    #: messages are sent with a key.
    auth_token: Secret | None = Field(None, json_schema_extra={"env": "TWILIO_AUTH_TOKEN"})
    #: To send with an API key instead: `SK` and 32 digits …
    api_key: SecretStr | None = Field(None, json_schema_extra={"env": "TWILIO_API_KEY"})
    #: … and its secret.
    api_secret: Secret | None = Field(None, json_schema_extra={"env": "TWILIO_API_SECRET"})
    #: Who sends: a number of yours (`+15005550006`), a short code, or up to 11 letters and digits, which cannot be
    #: answered. Or leave it to a messaging service.
    from_: str | None = Field(None, alias="from")
    #: `MG` and 32 digits: it chooses the sender.
    messaging_service_sid: Sid | None = Field(
        None, pattern=r"^MG[0-9a-fA-F]{32}$", json_schema_extra={"env": "TWILIO_MESSAGING_SERVICE_SID"}
    )
    #: Where Twilio's API is, if not where `TWILIO_REGION` and `TWILIO_EDGE` say: a stand-in.
    host: ApiHost | None = Field(None, json_schema_extra={"env": "TWILIO_BASE_URL"})
    #: Seconds to wait for an answer.
    timeout: float = Field(15.0, gt=0)
    #: How many requests are under way at once.
    connections: int = Field(8, ge=1, le=64)
    #: What one part costs: plans and previews show the sum.
    price: Decimal | None = Field(None, ge=0)
    #: What the price is in (ISO 4217).
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    #: How Twilio signs what it posts: with the auth token, or (`sha256`) with a shared key.
    signature: Literal["sha1", "sha256"] = "sha1"
    #: The shared key's secret, for `sha256`.
    signing_secret: Secret | None = None
    #: What HELP is answered with, if Twilio does not answer it itself: who you are and how to reach a person.
    help: str | None = Field(None, max_length=MAX_TEXT)

    @field_validator("api_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and re.fullmatch(r"SK[0-9a-fA-F]{32}", value.get_secret_value()) is None:
            raise ValueError("must be SK and 32 hexadecimal digits")
        return value

    @field_validator("auth_token", "api_secret", "signing_secret")
    @classmethod
    def _is_a_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        secret = value.get_secret_value().strip()
        if re.fullmatch(r"[\x21-\x7e]+", secret) is None:  # anybody could sign with an empty one
            raise ValueError("is empty, or has characters that no secret has")
        return SecretStr(secret)

    @field_validator("from_")
    @classmethod
    def _is_a_sender(cls, value: str | None) -> str | None:
        if value is not None and _SENDER.fullmatch(value) is None:
            raise ValueError("must be a number like +15005550006, a short code, or up to 11 letters and digits")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> TwilioSettings:
        if (self.api_key is None) != (self.api_secret is None):
            raise ValueError("api_key and api_secret belong together: set both, or neither")
        if self.api_key is None and self.auth_token is None:
            raise ValueError("set TWILIO_AUTH_TOKEN, or TWILIO_API_KEY and TWILIO_API_SECRET")
        if (self.from_ is None) == (self.messaging_service_sid is None):
            raise ValueError("set either from or messaging_service_sid: who sends")
        if self.signature == "sha256" and self.signing_secret is None:
            raise ValueError('signature = "sha256" needs signing_secret')
        return self
