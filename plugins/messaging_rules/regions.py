"""The time zones of states and provinces, in countries that have several: an address tells them.

Where two are observed in one region, both stand here; what must hold there must hold in each.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = (
    f"America/{city}" for city in ("New_York", "Chicago", "Denver", "Los_Angeles")
)
_HALIFAX, _WINNIPEG, _TORONTO = "America/Halifax", "America/Winnipeg", "America/Toronto"
_EDMONTON, _VANCOUVER = "America/Edmonton", "America/Vancouver"
_SYDNEY = "Australia/Sydney"

#: ISO 3166-2 without the country -> name, zones.
_US: dict[str, tuple[str, ...]] = {
    "AL": ("Alabama", _CENTRAL),
    "AK": ("Alaska", "America/Anchorage", "America/Adak"),
    "AZ": ("Arizona", "America/Phoenix", _MOUNTAIN),  # the Navajo Nation changes its clocks
    "AR": ("Arkansas", _CENTRAL),
    "CA": ("California", _PACIFIC),
    "CO": ("Colorado", _MOUNTAIN),
    "CT": ("Connecticut", _EASTERN),
    "DE": ("Delaware", _EASTERN),
    "DC": ("District of Columbia", _EASTERN),
    "FL": ("Florida", _EASTERN, _CENTRAL),
    "GA": ("Georgia", _EASTERN),
    "HI": ("Hawaii", "Pacific/Honolulu"),
    "ID": ("Idaho", "America/Boise", _PACIFIC),
    "IL": ("Illinois", _CENTRAL),
    "IN": ("Indiana", "America/Indiana/Indianapolis", _CENTRAL),
    "IA": ("Iowa", _CENTRAL),
    "KS": ("Kansas", _CENTRAL, _MOUNTAIN),
    "KY": ("Kentucky", _EASTERN, _CENTRAL),
    "LA": ("Louisiana", _CENTRAL),
    "ME": ("Maine", _EASTERN),
    "MD": ("Maryland", _EASTERN),
    "MA": ("Massachusetts", _EASTERN),
    "MI": ("Michigan", "America/Detroit", _CENTRAL),
    "MN": ("Minnesota", _CENTRAL),
    "MS": ("Mississippi", _CENTRAL),
    "MO": ("Missouri", _CENTRAL),
    "MT": ("Montana", _MOUNTAIN),
    "NE": ("Nebraska", _CENTRAL, _MOUNTAIN),
    "NV": ("Nevada", _PACIFIC, _MOUNTAIN),
    "NH": ("New Hampshire", _EASTERN),
    "NJ": ("New Jersey", _EASTERN),
    "NM": ("New Mexico", _MOUNTAIN),
    "NY": ("New York", _EASTERN),
    "NC": ("North Carolina", _EASTERN),
    "ND": ("North Dakota", _CENTRAL, _MOUNTAIN),
    "OH": ("Ohio", _EASTERN),
    "OK": ("Oklahoma", _CENTRAL),
    "OR": ("Oregon", _PACIFIC, "America/Boise"),
    "PA": ("Pennsylvania", _EASTERN),
    "RI": ("Rhode Island", _EASTERN),
    "SC": ("South Carolina", _EASTERN),
    "SD": ("South Dakota", _CENTRAL, _MOUNTAIN),
    "TN": ("Tennessee", _EASTERN, _CENTRAL),
    "TX": ("Texas", _CENTRAL, _MOUNTAIN),
    "UT": ("Utah", _MOUNTAIN),
    "VT": ("Vermont", _EASTERN),
    "VA": ("Virginia", _EASTERN),
    "WA": ("Washington", _PACIFIC),
    "WV": ("West Virginia", _EASTERN),
    "WI": ("Wisconsin", _CENTRAL),
    "WY": ("Wyoming", _MOUNTAIN),
    "AS": ("American Samoa", "Pacific/Pago_Pago"),
    "GU": ("Guam", "Pacific/Guam"),
    "MP": ("Northern Mariana Islands", "Pacific/Saipan"),
    "PR": ("Puerto Rico", "America/Puerto_Rico"),
    "VI": ("U.S. Virgin Islands", "America/St_Thomas"),
}
_CA: dict[str, tuple[str, ...]] = {
    "AB": ("Alberta", _EDMONTON),
    "BC": ("British Columbia", _VANCOUVER, _EDMONTON, "America/Fort_Nelson"),
    "MB": ("Manitoba", _WINNIPEG),
    "NB": ("New Brunswick", "America/Moncton"),
    "NL": ("Newfoundland and Labrador", "America/St_Johns", "America/Goose_Bay"),
    "NS": ("Nova Scotia", _HALIFAX),
    "NT": ("Northwest Territories", _EDMONTON),
    "NU": ("Nunavut", "America/Iqaluit", "America/Rankin_Inlet", "America/Cambridge_Bay", "America/Resolute"),
    "ON": ("Ontario", _TORONTO, _WINNIPEG, "America/Atikokan"),
    "PE": ("Prince Edward Island", _HALIFAX),
    "QC": ("Quebec", _TORONTO, _HALIFAX, "America/Blanc-Sablon"),
    "SK": ("Saskatchewan", "America/Regina", _EDMONTON, _WINNIPEG),
    "YT": ("Yukon", "America/Whitehorse"),
}
_AU: dict[str, tuple[str, ...]] = {
    "ACT": ("Australian Capital Territory", _SYDNEY),
    "NSW": ("New South Wales", _SYDNEY, "Australia/Broken_Hill", "Australia/Lord_Howe"),
    "NT": ("Northern Territory", "Australia/Darwin"),
    "QLD": ("Queensland", "Australia/Brisbane"),
    "SA": ("South Australia", "Australia/Adelaide"),
    "TAS": ("Tasmania", "Australia/Hobart"),
    "VIC": ("Victoria", "Australia/Melbourne"),
    "WA": ("Western Australia", "Australia/Perth", "Australia/Eucla"),
}
REGIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType({"US": _US, "CA": _CA, "AU": _AU})


def _plain(text: str) -> str:
    """Without case, accents and outer spaces."""
    return unicodedata.normalize("NFKD", text.strip().casefold()).encode("ascii", "ignore").decode()


_BY_NAME = {
    country: {
        _plain(written): code for code, (name, *_) in regions.items() for written in (name, code, f"{country}-{code}")
    }
    for country, regions in REGIONS.items()
}


def region_of(country: str, region: str | None) -> str | None:
    """The code of a region of that country, as shops write it: `TX`, `US-TX`, `Texas`; None if it is none."""
    return _BY_NAME.get(country, {}).get(_plain(region or ""))


def zones_in(country: str, region: str | None) -> tuple[str, ...]:
    """The zones of a region of that country; none if it is not known here."""
    code = region_of(country, region)
    return REGIONS[country][code][1:] if code else ()
