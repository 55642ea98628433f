"""Addresses and places as people write them, made into the one form we keep.

Pure text work: nothing is looked up in the network, so an address that is well formed may still not exist.
Every function raises `ValueError` with a text fit for a report; the value itself is not repeated in it.
"""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import unquote
from zoneinfo import available_timezones

import phonenumbers
from babel import Locale
from babel.core import get_global
from email_validator import EmailNotValidError, validate_email

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
#: Digits, without the country's, that a number has which needs no look into the numbering plan.
_SHORT = 7
#: Whose names of countries are understood: `Germany`, `Deutschland`, `Allemagne`.
_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs")
#: Names that shops use and Unicode's lists do not.
_OTHER_NAMES = {
    "united states of america": "US",
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "eire": "IE",
    "republic of ireland": "IE",
    "holland": "NL",
    "the netherlands": "NL",
    "czech republic": "CZ",
    "ivory coast": "CI",
    "uae": "AE",
    "rsa": "ZA",
    "macedonia": "MK",
    "swaziland": "SZ",
    "burma": "MM",
}


def normalise_email(text: str) -> str:
    """The bare address in lower case, from `ann@example.com`, `Ann <ANN@Example.com>` or `mailto:…`.

    The local part is lowered too: RFC 5321 2.4 lets a host tell cases apart but discourages it, no provider
    of note does, and one form is what keeps `Ann@` from escaping the withdrawal of `ann@`.
    """
    text = text.strip()
    if text[:7].lower() == "mailto:":
        text = unquote(text[7:].partition("?")[0])
    if text.endswith(">") and "<" in text:
        # `Name <address>`, whatever the name is made of: exporters do not quote it as RFC 5322 asks.
        text = text[text.rindex("<") + 1 : -1].strip()
        if text[:7].lower() == "mailto:":
            text = text[7:]
    try:
        # `test_environment` allows the reserved domain .test, which staging shops use.
        found = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
        return found.normalized.lower()
    except EmailNotValidError as error:
        raise ValueError(f"not an email address: {error}") from None


def normalise_phone(text: str, region: str | None = None) -> str:
    """The number in E.164 (`+4930123456`).

    `region` (ISO 3166-1 alpha-2) is where numbers without a country code belong. A number has to be possible
    (right length for its country), not assigned: numbering plans change faster than libraries, and the numbers
    reserved for fiction (+44 7700 900123, +1 555 555 0123) are in none. A short one, which would be an extension
    or a service, has to be in the plan; one that lacks its area code is none.
    """
    text = text.strip()
    if region is None and text.startswith("00"):
        text = f"+{text[2:]}"  # the international prefix nearly everywhere
    try:
        number = phonenumbers.parse(text, region.upper() if region else None)
    except phonenumbers.NumberParseException:
        hint = "" if region or text.startswith("+") else ": write it with the country code, like +49 30 123456"
        raise ValueError(f"not a phone number{hint}") from None
    if number.extension:
        raise ValueError("a phone number with an extension cannot be texted or called directly")
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    short = len(phonenumbers.national_significant_number(number)) < _SHORT
    if not possible or (short and not phonenumbers.is_valid_number(number)):
        raise ValueError("not a phone number: it has too many or too few digits for its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def normalise_locale(text: str) -> str:
    """A BCP 47 tag in its usual case: `de-AT` from `de_at` or `de_AT.UTF-8` (RFC 5646 2.1.1)."""
    text = text.strip().partition(".")[0].replace("_", "-")
    if _LANGUAGE_TAG.fullmatch(text) is None or len(text) > 35:
        raise ValueError("not a language tag: write it like en, de-AT or pt-BR")
    language, *rest = text.split("-")
    parts = [language.lower()]
    for part in rest:
        if len(part) == 4 and part.isalpha():
            parts.append(part.title())
        elif len(part) == 2 and part.isalpha():
            parts.append(part.upper())
        else:
            parts.append(part.lower())
    return "-".join(parts)


def normalise_zone(text: str) -> str:
    """An IANA time zone in its own case: `Europe/Vienna` from `europe/vienna`."""
    try:
        return _zones()[text.strip().replace(" ", "_").lower()]
    except KeyError:
        raise ValueError("not a time zone: write it like Europe/Vienna or America/Sao_Paulo") from None


def normalise_country(text: str) -> str:
    """ISO 3166-1 alpha-2 from a code (`de`, `DEU`, `UK`) or a name; what no list knows is kept as it is."""
    text = " ".join(text.split())
    return _countries().get(text.casefold(), text)


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


@cache
def _countries() -> dict[str, str]:
    codes = dict(_OTHER_NAMES)
    for language in _LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha():
                codes.setdefault(name.casefold(), code)
                codes[code.casefold()] = code
    for alias, replacements in get_global("territory_aliases").items():
        if len(replacements) == 1 and alias.isalpha() and len(alias) in (2, 3):
            codes.setdefault(alias.casefold(), replacements[0])
    return codes
