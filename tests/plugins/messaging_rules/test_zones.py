"""Where a person may be."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers import geocoder
from phonenumbers.timezone import time_zones_for_number

from messaging import Customer
from messaging_rules.regions import REGIONS, region_of, zones_in
from messaging_rules.states import STATES
from messaging_rules.zones import _countries, is_in_us, state_of, zones_of


@pytest.mark.parametrize(
    ("fields", "zones"),
    [
        ({"timezone": "Asia/Tokyo", "phone": "+12125550101", "country": "AT"}, {"Asia/Tokyo"}),
        ({"phone": "+12125550101", "country": "AT"}, {"Europe/Vienna"}),
        ({"phone": "+12125550101"}, {"America/New_York"}),
        ({"phone": "+12125550101", "country": "US"}, {"America/New_York"}),
        ({"phone": "+12125550101", "country": "US", "region": "CA"}, {"America/Los_Angeles"}),
        ({"phone": "+12125550101", "region": "California"}, {"America/Los_Angeles"}),
        ({"country": "us", "region": "US-TX"}, {"America/Chicago", "America/Denver"}),
        ({"country": "CA", "region": "qu\u00e9bec"}, {"America/Toronto", "America/Halifax", "America/Blanc-Sablon"}),
        ({"country": "AU", "region": "WA"}, {"Australia/Perth", "Australia/Eucla"}),
        ({"country": "AU", "region": "WA", "phone": "+12065550101"}, {"Australia/Perth", "Australia/Eucla"}),
        ({"country": "AT", "region": "TX"}, {"Europe/Vienna"}),
        ({"country": "PR"}, {"America/Puerto_Rico"}),
        ({"timezone": "the moon", "phone": "+436641234567"}, {"Europe/Vienna"}),
        ({"country": "at"}, {"Europe/Vienna"}),
        ({"country": "Austria"}, {"Europe/Lisbon"}),
        ({"phone": "not a number"}, {"Europe/Lisbon"}),
        ({}, {"Europe/Lisbon"}),
    ],
)
def test_zones(fields: dict[str, str], zones: set[str]) -> None:
    assert {zone.key for zone in zones_of(Customer(id="ann", **fields), "Europe/Lisbon")} == zones


def test_a_country_with_many_zones_has_them_all() -> None:
    zones = {zone.key for zone in zones_of(Customer(id="ann", country="US"), "UTC")}
    assert {"America/New_York", "Pacific/Honolulu", "America/Adak"} <= zones
    assert "America/Toronto" not in zones


def test_a_number_from_anywhere_is_of_its_country() -> None:
    """+1 is many countries'; 800 is nobody's area."""
    zones = {zone.key for zone in zones_of(Customer(id="ann", phone="+18005550101"), "UTC")}
    assert "America/New_York" in zones
    assert "America/Toronto" not in zones


def test_nobody_is_known() -> None:
    assert [zone.key for zone in zones_of(None, "no zone")] == ["UTC"]


@pytest.mark.parametrize(
    ("fields", "there"),
    [
        ({"country": "US"}, True),
        ({"country": "AT", "phone": "+12125550101"}, True),
        ({"phone": "+14165550101"}, False),
        ({"country": "AT"}, False),
        ({}, False),
    ],
)
def test_who_may_be_in_the_united_states(fields: dict[str, str], there: bool) -> None:
    assert is_in_us(Customer(id="ann", **fields)) is there


@pytest.mark.parametrize(
    ("region", "state"),
    [("TX", "TX"), ("us-tx", "TX"), (" Texas ", "TX"), ("new york", "NY"), ("Tirol", None), ("", None), (None, None)],
)
def test_a_state_is_known_as_shops_write_it(region: str | None, state: str | None) -> None:
    assert region_of("US", region) == state
    assert state_of(Customer(id="ann", region=region)) == state
    assert state_of(Customer(id="ann", region=region, country="AU")) is None


def test_a_number_tells_nothing_of_who_lives_elsewhere() -> None:
    zones = {zone.key for zone in zones_of(Customer(id="ann", phone="+12125550101", country="RU"), "UTC")}
    assert {"Europe/Moscow", "Asia/Kamchatka"} <= zones
    assert "America/New_York" not in zones


@pytest.mark.parametrize("fields", [{"phone": "+12125550101"}, {"phone": "+12125550101", "country": "US"}])
def test_area_codes_need_not_be_believed(fields: dict[str, str]) -> None:
    """A mobile number tells where it was given out, not where its owner is."""
    zones = {zone.key for zone in zones_of(Customer(id="ann", **fields), "UTC", area_codes=False)}
    assert {"America/New_York", "Pacific/Honolulu", "America/Los_Angeles"} <= zones
    assert "America/Toronto" not in zones


def test_islands_under_federal_law_are_in_the_united_states() -> None:
    ann = Customer(id="ann", country="PR")
    assert (is_in_us(ann), state_of(ann)) == (True, "PR")
    assert state_of(Customer(id="ann", country="US", region="Puerto Rico")) == "PR"


@pytest.mark.parametrize("country", REGIONS)
def test_zones_of_regions_are_their_countrys_and_cover_it(country: str) -> None:
    """By the time-zone database's own table: none is a stranger, and what it lists has a region somewhere."""
    known = {code: offsets(zone) for zone in _countries()[country] for code in [zone]}
    if country == "US":
        known |= {zone: offsets(zone) for island in ("AS", "GU", "MP", "PR", "VI") for zone in _countries()[island]}
    told = {zone for code in REGIONS[country] for zone in zones_in(country, code)}
    assert {offsets(zone) for zone in told} <= set(known.values())
    uninhabited = {"Antarctica/Macquarie"}
    assert {zone for zone, kept in known.items() if kept not in map(offsets, told)} <= uninhabited


def test_states_agree_with_their_area_codes() -> None:
    """With the telephone numbering plan, which is another source: each area code's zones are among its state's."""
    looked_at = set()
    for area in range(201, 990):
        number = phonenumbers.parse(f"+1{area}5550123")
        place = geocoder.description_for_number(number, "en").removesuffix(" State").rpartition(", ")[2]
        country = phonenumbers.region_code_for_number(number)
        code = region_of(country or "", "DC" if place == "Washington D.C." else place)
        if code is None or area == 879:  # there the plan takes a village of Quebec's for Newfoundland's
            continue
        theirs = {offsets(zone) for zone in time_zones_for_number(number)}
        ours = {offsets(zone) for zone in zones_in(country, code)}
        assert theirs <= ours, (area, place, theirs - ours)
        looked_at.add((country, code))
    assert len(looked_at) > 55


def offsets(zone: str) -> tuple[object, ...]:
    """What its clocks show in winter and in summer."""
    return tuple(datetime(2026, month, 15, 12, tzinfo=ZoneInfo(zone)).utcoffset() for month in (1, 7))


def test_no_state_is_wholly_quiet() -> None:
    assert len(STATES) == 56, "50 states, the District, five islands"
    assert not any(week.is_full for week in STATES.values())
