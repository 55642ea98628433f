"""A customer's profile as somebody tells it, made into our form, and put over what is already known.

What cannot be read is left out and named: an import rejects the row for it, an event goes on without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from types import MappingProxyType
from typing import Any

from messaging.ids import digest
from messaging.nouns.customer import PROFILE_FIELDS, AttributeValue, Customer
from messaging.rules.addresses import (
    normalise_country,
    normalise_email,
    normalise_locale,
    normalise_phone,
    normalise_zone,
)
from messaging.rules.headers import channel_of
from messaging.rules.values import AttributeType, SlashOrder, read_date, read_line, read_text, read_value

_MADE_ID = re.compile(r"x-[0-9a-f]{24}")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
#: As of when a value is of which nobody knows: anything told of it is news.
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What somebody tells about a customer, in our form; what they did not tell is not there."""

    #: The shop's id.
    id: str | None = None
    #: Of `PROFILE_FIELDS`.
    fields: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    attributes: Mapping[str, AttributeValue] = field(default_factory=lambda: _NOTHING)
    #: On channels other than email and sms, by channel.
    addresses: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    #: Since when the shop knows them.
    created_at: datetime | None = None

    @property
    def email(self) -> str | None:
        return self.fields.get("email")

    @property
    def phone(self) -> str | None:
        return self.fields.get("phone")

    @property
    def identifies(self) -> bool:
        """Whether it says whom it is about."""
        return bool(self.id or self.email or self.phone)


def made_id(address: str, turn: int = 0) -> str:
    """The id of a customer whom the shop gave none, from the address they came with.

    `turn` makes another one, should the first be taken by somebody who has moved to a new address since.
    """
    return f"x-{digest('customer', address, str(turn), size=12)}"


def is_made_id(customer_id: str) -> bool:
    """Whether the id is one of ours: then the shop may still tell us its own."""
    return _MADE_ID.fullmatch(customer_id) is not None


class ProfileReader:
    """Reads told profiles; knows what this shop declared."""

    def __init__(
        self,
        *,
        attributes: Mapping[str, AttributeType],
        region: str | None = None,
        zone: tzinfo = UTC,
        orders: Mapping[str, SlashOrder] | None = None,
    ) -> None:
        """`region`: where phone numbers without a country code belong, for customers without a country.

        `orders`: how dates with slashes are to be read, by field.
        """
        self._attributes = attributes
        self._region = region
        self._zone = zone
        self._orders = orders or {}

    def read(self, told: Mapping[str, Any]) -> tuple[Profile, list[str]]:
        """The profile, and what of `told` cannot be used: `phone: not a phone number`."""
        problems: list[str] = []
        fields: dict[str, Any] = {}
        for name in ("country", *(name for name in PROFILE_FIELDS if name != "country")):
            value = self._try(name, told.get(name), self._reader(name, fields.get("country")), problems)
            if value is not None:
                fields[name] = value
        if "name" in told and not {"first_name", "last_name"} & fields.keys():
            fields |= _split_name(self._try("name", told["name"], read_line, problems) or "")
        attributes: dict[str, AttributeValue] = {}
        for name, raw in (told.get("attributes") or {}).items():
            type = self._attributes.get(name)
            if type is None:
                problems.append(f"{name}: is not declared in messaging.toml under [attributes]")
                continue
            value = self._try(name, raw, self._attribute_reader(name, type), problems)
            if value is not None:
                attributes[name] = value
        profile = Profile(
            id=self._try("id", told.get("id"), _read_id, problems),
            fields=fields,
            attributes=attributes,
            addresses=self._addresses(told.get("addresses") or {}, problems),
            created_at=self._try("created_at", told.get("created_at"), partial(self.read_time, "created_at"), problems),
        )
        return profile, problems

    def _addresses(self, told: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
        addresses = {}
        for channel, raw in told.items():
            name = f"addresses.{channel}"
            if channel_of(name) is None:
                problems.append(f"{name}: no channel can have that name, or its addresses are elsewhere (email, phone)")
                continue
            value = self._try(name, raw, _read_address, problems)
            if value is not None:
                addresses[channel] = value
        return addresses

    def _try(self, name: str, raw: Any, read: Callable[[str], Any], problems: list[str]) -> Any:
        if raw is None:
            return None
        text = (str(raw).lower() if isinstance(raw, bool) else str(raw)).strip()
        if not text:
            return None
        try:
            return read(text)
        except ValueError as error:
            problems.append(f"{name}: {error}")
            return None

    def _reader(self, name: str, country: str | None) -> Callable[[str], Any]:
        if name == "phone":
            region = country if country and len(country) == 2 else self._region
            return lambda text: normalise_phone(text, region)
        if name == "birthday":
            return self._read_birthday
        return _READERS.get(name, read_line)

    def _attribute_reader(self, name: str, type: AttributeType) -> Callable[[str], AttributeValue]:
        return lambda text: read_value(type, text, order=self._orders.get(name), zone=self._zone)

    def _read_birthday(self, text: str) -> date:
        day = read_date(text, order=self._orders.get("birthday"), zone=self._zone)
        return day.astimezone(self._zone).date() if isinstance(day, datetime) else day

    def read_time(self, name: str, text: str) -> datetime:
        """A moment, from a time or a day as field `name` has them."""
        value = read_date(text, order=self._orders.get(name), zone=self._zone)
        if isinstance(value, datetime):
            return value
        return datetime(value.year, value.month, value.day, tzinfo=self._zone).astimezone(UTC)


def apply(
    customer: Customer | None,
    profile: Profile,
    *,
    customer_id: str,
    at: datetime,
    now: datetime,
    corrects: bool = False,
) -> Customer:
    """`customer` (None: a new one) with what `profile` tells, as it was at time `at`. A time to come counts as now.

    Each value is as it was told last, by that time and whatever came first; of two told at one time the greater, or,
    if the later telling `corrects`, that one.
    """
    at = min(at, now)
    created = min(filter(None, (customer.created_at if customer else None, profile.created_at, at)))
    told = {
        **profile.fields,
        **{f"attributes.{name}": value for name, value in profile.attributes.items()},
        **{f"addresses.{name}": value for name, value in profile.addresses.items()},
    }
    known = customer or Customer(id=customer_id)
    values, times = _values(known)
    for name, value in told.items():
        before = times.get(name)
        if before is None or at > before or (at == before and (corrects or _rank(value) > _rank(values[name]))):
            values[name], times[name] = value, at
    return _made(known, created, values, times)


def _values(customer: Customer) -> tuple[dict[str, Any], dict[str, datetime]]:
    """All that is known of a customer, by name, and as of when each is."""
    values = {name: value for name in PROFILE_FIELDS if (value := getattr(customer, name)) is not None}
    values |= {f"attributes.{name}": value for name, value in customer.attributes.items()}
    values |= {f"addresses.{name}": value for name, value in customer.addresses.items()}
    since = customer.updated_at or _EVER
    return values, {name: customer.told_at.get(name, since) for name in values}


def _made(
    customer: Customer, created: datetime | None, values: Mapping[str, Any], times: Mapping[str, datetime]
) -> Customer:
    """`customer` with those values and times."""
    updated = max(times.values(), default=created)
    fields: dict[str, Any] = {name: values.get(name) for name in PROFILE_FIELDS}
    for part in ("attributes", "addresses"):
        start = f"{part}."
        fields[part] = {name.removeprefix(start): value for name, value in values.items() if name.startswith(start)}
    return replace(
        customer,
        **fields,
        created_at=created,
        updated_at=None if updated == _EVER else updated,
        told_at={name: time for name, time in times.items() if time != updated},
    )


def _rank(value: Any) -> tuple[str, str]:
    """Of two values told at one time, some order that does not depend on which came first."""
    return type(value).__name__, str(value)


def _read_id(text: str) -> str:
    text = read_text(text)
    if len(text) > 200 or not text.isprintable():
        raise ValueError("must have at most 200 characters, none of them control characters")
    return text


def _read_address(text: str) -> str:
    if len(text) > 2_000 or not text.isprintable():
        raise ValueError("must have at most 2,000 characters, none of them control characters")
    return text


def _split_name(name: str) -> dict[str, str]:
    """`Ann Lee` as first and last name; one word is a first name. `Lee, Ann` is the other way round."""
    if "," in name:
        last, _, first = (part.strip() for part in name.partition(","))
    else:
        first, _, last = (part.strip() for part in name.rpartition(" "))
        first, last = (first, last) if first else (last, "")
    return {key: value for key, value in (("first_name", first), ("last_name", last)) if value}


_READERS: Mapping[str, Callable[[str], Any]] = {
    "email": normalise_email,
    "locale": normalise_locale,
    "timezone": normalise_zone,
    "country": lambda text: normalise_country(read_line(text)),
}
