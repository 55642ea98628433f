"""Values of settings that are more than text: senders, links, currencies, places.

Each function gives the value in the one form we keep, or raises `ValueError` with what to write instead.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from babel.core import get_global
from phonenumbers import SUPPORTED_REGIONS

from messaging.rules.addresses import normalise_country, normalise_email

_MAILBOX = re.compile(r"[^<>]*<([^<>]+)>|([^<>\s]+)")
_DIRECT = re.compile(r"(?:mailto|tel):\S+")


def read_line(text: str) -> str:
    """Text on one line: it may come to stand in a header."""
    if not text.isprintable():
        raise ValueError("must be on one line, without control characters")
    return text.strip()


def read_mailbox(text: str) -> str:
    """`Name <address>` or an address; one, not a list."""
    text = read_line(text)
    match = _MAILBOX.fullmatch(text)
    if match is None:
        raise ValueError("must be one address: write it like Our shop <shop@example.com>")
    normalise_email(match[1] or match[2])
    return text


def read_url(text: str) -> str:
    """An address of the web: http or https, and a host (RFC 3986 3)."""
    text = read_line(text)
    try:
        parts = urlsplit(text)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and " " not in text
    except ValueError:  # a port that is none, brackets that do not close
        right = False
    if not right:
        raise ValueError("must be an address of the web: write it like https://shop.example/page")
    return text


def read_base_url(text: str) -> str:
    """An address that others are made from by adding to it."""
    text = read_url(text)
    parts = urlsplit(text)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no ?, # or @: write it like https://mail.shop.example")
    return text


def read_link(text: str) -> str:
    """Where a link in a message may lead: an address of the web, `mailto:` or `tel:`."""
    return text if _DIRECT.fullmatch(text) and text.isprintable() else read_url(text)


def read_currency(text: str) -> str:
    """An ISO 4217 code in capitals."""
    code = text.strip().upper()
    if code not in get_global("all_currencies"):
        raise ValueError("is no currency: write its ISO 4217 code, like EUR")
    return code


def read_region(text: str) -> str:
    """The ISO 3166-1 code of a country that has telephone numbers, from its code or name."""
    region = normalise_country(text)
    if region not in SUPPORTED_REGIONS:
        raise ValueError("is no country: write its two letters, like AT")
    return region
