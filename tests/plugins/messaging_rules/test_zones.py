"""Where a person may be."""

from __future__ import annotations

import pytest

from messaging import Customer
from messaging_rules.states import STATES, state_of
from messaging_rules.zones import is_in_us, zones_of


@pytest.mark.parametrize(
    ("fields", "zones"),
    [
        ({"timezone": "Asia/Tokyo", "phone": "+12125550101", "country": "AT"}, {"Asia/Tokyo"}),
        ({"phone": "+12125550101", "country": "AT"}, {"America/New_York"}),
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
    assert state_of(region) == state


def test_no_state_is_wholly_quiet() -> None:
    assert len(STATES) == 51
    assert not any(week.is_full for week in STATES.values())
