"""Where a person may be: the time zones that count for them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers.timezone import time_zones_for_number

from messaging import Customer
from messaging_rules.regions import region_of, zones_in

#: The United States, and what stands beside them in the list of countries and is under their federal law.
_US = frozenset(("US", "AS", "GU", "MP", "PR", "VI"))


def zones_of(customer: Customer | None, default: str, *, area_codes: bool = True) -> tuple[ZoneInfo, ...]:
    """Their own zone; else what their address tells; else where their telephone number was given out, if `area_codes`
    are believed; else all of their country; else `default`.

    Of several it is not known which it is: what is to hold for them must hold in each.
    """
    return (
        next(filter(None, map(_zones, _names(customer, area_codes))), None) or _zones((default,)) or (ZoneInfo("UTC"),)
    )


def _names(customer: Customer | None, area_codes: bool) -> Iterator[tuple[str, ...]]:
    if customer is None:
        return
    phone = customer.phone or ""
    numbers = _country(phone) if phone else None
    country = (customer.country or numbers or "").upper()
    whole = _of_country(country)
    yield (customer.timezone,) if customer.timezone else ()
    yield zones_in(country, customer.region)
    if len(whole) == 1:
        yield whole
    # Of a person who lives elsewhere it tells nothing; nor where in a country a mobile is.
    if area_codes and numbers is not None and country in (numbers, ""):
        yield _of_number(phone)
    yield whole


def is_in_us(customer: Customer | None) -> bool:
    """Whether they may be in the United States: by their country, or by their number."""
    if customer is None:
        return False
    return (customer.country or "").upper() in _US or (customer.phone is not None and _country(customer.phone) in _US)


def state_of(customer: Customer) -> str | None:
    """Their state, if they are in the United States and it is told."""
    country = (customer.country or "US").upper()
    if country in _US - {"US"}:
        return country
    return region_of("US", customer.region) if country == "US" else None


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
    own = tuple(name for name in names if name in _of_country(_country(number) or ""))
    return own or names


@lru_cache(maxsize=4096)
def _country(number: str) -> str | None:
    try:
        country: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return country


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
