"""The `customer` of an event, from what shops know of people, and what they agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging_shops.reading import filled, name, text


def person(
    *,
    id: object = None,
    email: object = None,
    phone: object = None,
    first_name: object = None,
    last_name: object = None,
    locale: object = None,
    country: object = None,
    region: object = None,
    city: object = None,
    postal_code: object = None,
    **more: Any,
) -> dict[str, Any]:
    """A customer, from values that may be anything: what is none of its kind is left out.

    `more` is what is known to be right: `timezone`, `attributes`.
    """
    return filled(
        id=name(id),
        email=text(email, 320),
        phone=text(phone, 40),
        first_name=text(first_name, 100),
        last_name=text(last_name, 100),
        locale=text(locale, 35),
        country=text(country, 60),
        region=text(region, 60),
        city=text(city, 100),
        postal_code=text(postal_code, 20),
        **more,
    )


def is_somebody(customer: Mapping[str, Any]) -> bool:
    """Whether it says who it is: an event about nobody is none."""
    return any(customer.get(key) for key in ("id", "email", "phone"))


def first(*values: object) -> str | None:
    """The first that is text and not empty."""
    return next((told for told in map(text, values) if told is not None), None)


def names(whole: object) -> dict[str, str | None]:
    """`first_name` and `last_name` of a name in one piece: its first word, and the rest."""
    first_name, _, last_name = (text(whole, 200) or "").partition(" ")
    return {"first_name": first_name or None, "last_name": last_name or None}


def consent(channel: str, granted: bool, *, address: str | None, source: str) -> dict[str, Any]:
    """The `consent` of an event: whether somebody may be written to on a channel, for marketing of any topic.

    It is about `address`, if that is known; `source` is where they said so.
    """
    return filled(channel=channel, granted=granted, address=address, source=source)
