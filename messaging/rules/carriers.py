"""Which carrier brings a parcel, and its tracking page.

In order of trust: the page that the shop gives; the carrier that the shop names, with the number; the carrier whose
numbers look like this one, if there is but one; else none. A wrong page would send a customer to a parcel of somebody
else's, or to none: no link is better.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

from messaging.rules.carrier_table import CARRIERS, COUNTRIES, POSTAL, Carrier

#: Characters of the longest number anybody has, with room. What is longer is none.
LONGEST = 60
#: Characters of what a shop calls a carrier that are looked at.
_LONGEST_NAME = 100
_DIGITS = frozenset("0123456789")
#: A post of which we know no page.
_SOME_POST = Carrier("")
#: What shops write where they have no name to give.
_NAMELESS = frozenset(("", "other", "custom", "unknown", "none", "null", "n a", "null company", "other carrier"))


def tracked(shipment: Mapping[str, Any]) -> dict[str, Any]:
    """A shipment as messages show it: `carrier` as customers know it and `tracking_url`, where they can be known.

    A `tracking_url` that is no http(s) address is left out.
    """
    known = dict(shipment)
    number = shipment.get("tracking_number")
    carrier = _of(shipment.get("carrier"), number)
    if carrier is not None and carrier.name:
        known["carrier"] = carrier.name
    if not is_page(known.get("tracking_url")):
        known.pop("tracking_url", None)
        if carrier is not None and (page := page_of(carrier, number)):
            known["tracking_url"] = page
    return known


def is_page(url: object) -> bool:
    """Whether it is an address that a button may lead to."""
    if not isinstance(url, str) or not url.isprintable() or " " in url.strip():
        return False
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def is_number(number: object) -> bool:
    """Whether it can be a parcel's number: `N/A`, `local delivery` and noughts alone stand for none."""
    return _compact(number) is not None


def page_of(carrier: Carrier, number: object) -> str | None:
    """The tracking page of a number; None where the carrier has none, or it is no number."""
    compact = _compact(number)
    return carrier.page.format(quote(compact, safe="")) if carrier.page and compact else None


def carriers_of(number: object) -> tuple[Carrier, ...]:
    """Every carrier that has such numbers, as far as form and check digit tell."""
    compact = _compact(number)
    return _carriers_of(compact) if compact else ()


def carrier_named(name: object, number: object = None) -> Carrier | None:
    """The carrier that a shop calls so: `ups`, `DHL Express`, `Correios - SEDEX`; None if none is known.

    Of its networks, the one that has such a number.
    """
    found = _named(_plain(name))
    if len(found) > 1:
        found = tuple(carrier for carrier in carriers_of(number) if carrier in found) or found
    return found[0] if found else None


def _of(name: object, number: object) -> Carrier | None:
    named = carrier_named(name, number)
    if named is not None:
        return named
    found = carriers_of(number)
    if len({carrier.name for carrier in found}) != 1:
        return None
    # Where the shop names somebody we do not know, or how fast it comes, only a number that itself names its carrier,
    # by letters, is believed.
    named_by_itself = not (_compact(number) or "").isdecimal()
    return found[-1] if named_by_itself or _plain(name) in _NAMELESS else None


def _compact(number: object) -> str | None:
    """A number without spaces, in capitals. Words are none, and noughts alone, which would fit every check digit."""
    if not isinstance(number, str) or len(number) > 2 * LONGEST:
        return None
    compact = "".join(number.split()).upper()
    is_one = compact.strip("0") and any(character in _DIGITS for character in compact)
    return compact if is_one and len(compact) <= LONGEST else None


@lru_cache(4096)
def _carriers_of(compact: str) -> tuple[Carrier, ...]:
    found = [carrier for carrier in CARRIERS if any(form.fits(compact) for form in carrier.forms)]
    if POSTAL.fits(compact) and compact[-2:] in COUNTRIES:
        found += [carrier for carrier in CARRIERS if compact[-2:] in carrier.post_of and carrier not in found] or [
            _SOME_POST
        ]
    return tuple(found)


@lru_cache(1024)
def _named(plain: str) -> tuple[Carrier, ...]:
    """Those whose whole name it is; else those with the longest of their words in it."""
    named = tuple(carrier for carrier in CARRIERS if _plain(carrier.name) == plain)
    padded, best, found = f" {plain} ", 0, named
    for carrier in () if named else CARRIERS:
        length = max((len(words) for words in carrier.words if f" {words} " in padded), default=0)
        if length and length >= best:
            found = (*found, carrier) if length == best else (carrier,)
            best = length
    return found


def _plain(name: object) -> str:
    """Lower case, without accents and punctuation: `Österreichische Post AG` as `osterreichische post ag`."""
    if not isinstance(name, str):
        return ""
    letters = unicodedata.normalize("NFKD", name[:_LONGEST_NAME].casefold())
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", letters))
