"""Where a person may be: the time zones that count for them."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from messaging import Customer


def zones_of(customer: Customer | None, default: str) -> tuple[ZoneInfo, ...]:
    """Their own zone; else those of their telephone number; else those of their country; else `default`.

    Of several it is not known which it is: what is to hold for them must hold in each.
    """
    if customer is not None:
        for names in (
            (customer.timezone,) if customer.timezone else (),
            _of_number(customer.phone) if customer.phone else (),
            _of_country(customer.country) if customer.country else (),
        ):
            if zones := _zones(names):
                return zones
    return _zones((default,)) or (ZoneInfo("UTC"),)


def is_in_us(customer: Customer | None) -> bool:
    """Whether they may be in the United States: by their country, or by their number."""
    if customer is None:
        return False
    return (customer.country or "").upper() == "US" or (customer.phone is not None and _region(customer.phone) == "US")


@lru_cache(maxsize=4096)
def _zones(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    found = []
    for name in names:
        try:
            found.append(ZoneInfo(name))
        except (ValueError, OSError, ZoneInfoNotFoundError):
            pass  # `Etc/Unknown`, or what a shop calls a zone
    return tuple(found)


@lru_cache(maxsize=4096)
def _of_number(number: str) -> tuple[str, ...]:
    """Of the area that a number is from; of one that is from anywhere in a country, that country's."""
    try:
        names: tuple[str, ...] = time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    # Countries share a prefix: Canada's zones are not a US number's.
    own = tuple(name for name in names if name in _of_country(_region(number) or ""))
    return own or names


@lru_cache(maxsize=4096)
def _region(number: str) -> str | None:
    try:
        region: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return region


def _of_country(country: str) -> tuple[str, ...]:
    return _countries().get(country.upper(), ())


@lru_cache(maxsize=1)
def _countries() -> dict[str, tuple[str, ...]]:
    """Country -> its zones, from the time-zone database's own table (`zone.tab`)."""
    found: dict[str, tuple[str, ...]] = {}
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _, name, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), name)
    return found
