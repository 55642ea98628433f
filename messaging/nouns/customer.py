"""A customer: a person with addresses, a language, a time zone and attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from messaging.nouns.documents import Document, time_from_text, time_to_text, without_empty

#: A JSON scalar: text, whole or decimal number, true/false. Dates are ISO text; messaging.toml declares the type.
AttributeValue = str | int | float | bool

#: Fields that an import or an event may set, beside `attributes`.
PROFILE_FIELDS = (
    "email",
    "phone",
    "first_name",
    "last_name",
    "locale",
    "timezone",
    "country",
    "region",
    "city",
    "postal_code",
    "birthday",
)

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A person the shop may write to. Found by id, then email, then phone."""

    #: The shop's id for the person, or one made from the first known address.
    id: str
    #: Normalised by email-validator.
    email: str | None = None
    #: E.164, `+` and digits.
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    #: BCP 47, e.g. `de-AT`.
    locale: str | None = None
    #: IANA name, e.g. `Europe/Vienna`.
    timezone: str | None = None
    #: ISO 3166-1 alpha-2, or what the shop calls the country where it is none.
    country: str | None = None
    region: str | None = None
    city: str | None = None
    postal_code: str | None = None
    birthday: date | None = None
    #: Addresses on channels other than email and sms, by channel.
    addresses: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    #: What the shop knows beyond that, by declared name.
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: _NOTHING)
    #: Since when the shop knows them, as far as anybody told.
    created_at: datetime | None = None
    #: As of when the profile is: what is older does not overwrite it.
    updated_at: datetime | None = None
    #: As of when those values are that are older than that: `city`, `attributes.points`, `addresses.webhook`.
    told_at: Mapping[str, datetime] = field(default_factory=lambda: _NOTHING)

    def address(self, channel: str) -> str | None:
        """Where the customer is reached on `channel`: `email`, `sms`, or any other word."""
        if channel == "email":
            return self.email
        if channel == "sms":
            return self.phone
        return self.addresses.get(channel)

    def to_document(self) -> Document:
        return without_empty(
            {
                "id": self.id,
                "email": self.email,
                "phone": self.phone,
                "first_name": self.first_name,
                "last_name": self.last_name,
                "locale": self.locale,
                "timezone": self.timezone,
                "country": self.country,
                "region": self.region,
                "city": self.city,
                "postal_code": self.postal_code,
                "birthday": self.birthday.isoformat() if self.birthday else None,
                "addresses": dict(self.addresses),
                "attributes": dict(self.attributes),
                "created_at": time_to_text(self.created_at),
                "updated_at": time_to_text(self.updated_at),
                "told_at": _by_time(self.told_at),
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Customer:
        values = dict(document)
        for name in ("created_at", "updated_at"):
            if name in values:
                values[name] = time_from_text(values[name])
        if "birthday" in values:
            values["birthday"] = date.fromisoformat(values["birthday"])
        if "told_at" in values:
            values["told_at"] = told_at_of(values["told_at"])
        return cls(**values)


def told_at_of(by_time: Mapping[str, Sequence[str]]) -> dict[str, datetime]:
    """What `to_document` wrote of `told_at`."""
    return {name: datetime.fromisoformat(text) for text, names in by_time.items() for name in names}


def _by_time(told_at: Mapping[str, datetime]) -> dict[str, list[str]]:
    """The names under their time: many were told at once."""
    found: dict[str, list[str]] = {}
    for name in sorted(told_at):
        found.setdefault(told_at[name].astimezone(UTC).isoformat(), []).append(name)
    return found
