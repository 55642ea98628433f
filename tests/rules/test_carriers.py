"""Carriers: by the shop's word, by the form and check digit of a number, and never by a guess among several."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.carrier_table import CARRIERS
from messaging.rules.carriers import LONGEST, carrier_named, carriers_of, is_page, page_of, tracked

#: Couriers of the shared material by our names for them. Postal items are of many posts.
NAMES = {
    "amazon": "Amazon",
    "canada_post": "Canada Post",
    "canpar": "Canpar",
    "dhl": "DHL",
    "dpd": "DPD",
    "fedex": "FedEx",
    "gofo": "GOFO Express",
    "landmark": "Landmark Global",
    "lasership": "LaserShip",
    "old_dominion": "Old Dominion",
    "ontrac": "OnTrac",
    "purolator": "Purolator",
    "s10": None,
    "speedee": "Spee-Dee",
    "ups": "UPS",
    "usps": "USPS",
    "yodel": "Yodel",
    "yunexpress": "YunExpress",
}
#: One number of each form that the table has, made up, with its check digit worked out by hand.
OWN = {
    "1Z999AA10123456784": "UPS",
    "TBA123456789012": "Amazon",
    "JJD0012345678901234": "Yodel",
    "LTN12345678N1": "Landmark Global",
    "00340434161094042557": "DHL",
    "RR123456785DE": "DHL",
    "RB123456785US": "USPS",
    "LB123456785BR": "Correios",
}


def names_of(number: object) -> set[str]:
    return {carrier.name for carrier in carriers_of(number)}


def test_the_numbers_of_eighteen_couriers(shared: Callable[[str], Path]) -> None:
    seen = 0
    for path in sorted((shared("data/tracking_numbers") / "couriers").glob("*.json")):
        courier = json.loads(path.read_text("utf-8"))
        name = NAMES[courier["courier_code"]]
        tests = [each["test_numbers"] for each in courier["tracking_numbers"]]
        # What is no number of one of a courier's forms may be one of another.
        good = {number for each in tests for number in each["valid"]}
        for number in [number for each in tests for number in (*each["valid"], *each["invalid"])]:
            seen += 1
            found = names_of(number)
            assert (name in found if name else bool(found)) == (number in good), (courier["name"], number, found)
    assert seen == 280


def test_what_is_nobodys_number_names_nobody(shared: Callable[[str], Path]) -> None:
    couriers = [
        json.loads(path.read_text("utf-8")) for path in (shared("data/tracking_numbers") / "couriers").iterdir()
    ]
    tests = [each["test_numbers"] for courier in couriers for each in courier["tracking_numbers"]]
    good = {number for each in tests for number in each["valid"]}
    wrong = {number for each in tests for number in each["invalid"]} - good
    assert len(wrong) > 80
    assert {number: names for number in wrong if (names := names_of(number))} == {}


@pytest.mark.parametrize("length", range(1, 35))
def test_noughts_are_no_number(length: int) -> None:
    assert names_of("0" * length) == set()
    for carrier in ({}, {"carrier": "UPS"}):
        assert "tracking_url" not in tracked({"tracking_number": "0" * length, **carrier})


@pytest.mark.parametrize("said", ["N/A", "none", "local delivery", "-", "n. a."])
def test_words_are_no_number(said: str) -> None:
    shipment = {"carrier": "DHL", "tracking_number": said}
    assert tracked(shipment) == shipment


def test_amazons_own_parcels_have_a_page() -> None:
    own = tracked({"tracking_number": "TBA123456789012", "carrier": "Amazon Logistics"})
    assert own == tracked({"tracking_number": "tba 123456789012"}) | {"tracking_number": "TBA123456789012"}
    assert own["tracking_url"] == "https://track.amazon.com/tracking/TBA123456789012"
    for number in ("A1234567890", "1Z999AA10123456784", "7"):
        other = tracked({"tracking_number": number, "carrier": "amazon"})
        assert (other["carrier"], other.get("tracking_url")) == ("Amazon", None)


@pytest.mark.parametrize(("number", "name"), OWN.items())
def test_a_number_names_its_carrier(number: str, name: str) -> None:
    assert names_of(number) == {name}
    assert tracked({"tracking_number": number})["carrier"] == name


@pytest.mark.parametrize("number", ["1Z999AA10123456784", "00340434161094042557", "320595463938"])
def test_one_wrong_digit_is_another_number(number: str) -> None:
    """Check digits see every single wrong digit in what they cover."""
    for place, digit in enumerate(number):
        if digit.isdecimal() and place >= (8 if number.startswith("0034") else 1):
            wrong = number[:place] + str((int(digit) + 1) % 10) + number[place + 1 :]
            assert not names_of(wrong) & names_of(number), wrong


def test_spaces_and_small_letters_do_not_count() -> None:
    assert names_of(" 1z 999 aa1 01 2345 6784\n") == {"UPS"}
    assert tracked({"tracking_number": "1z 999 aa1 01 2345 6784"})["tracking_url"].endswith("=1Z999AA10123456784")


def test_the_shops_own_page_goes_first() -> None:
    shipment = {"carrier": "UPS", "tracking_number": "1Z999AA10123456784", "tracking_url": "https://shop.example/t/7"}
    assert tracked(shipment) == shipment


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://a.example/1", "https://", "x" * 9, "", 7],
)
def test_what_is_no_address_gives_way(url: object) -> None:
    assert not is_page(url)
    bare = tracked({"tracking_url": url})
    assert "tracking_url" not in bare
    with_number = tracked({"tracking_url": url, "carrier": "ups", "tracking_number": "7"})
    assert with_number["tracking_url"] == "https://www.ups.com/track?tracknum=7"


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ups", "UPS"),
        ("UPS® Ground", "UPS"),
        ("USPS Priority Mail", "USPS"),
        ("fedex-ground", "FedEx"),
        ("DHL Express", "DHL"),
        ("Versand mit DHL Paket", "DHL"),
        ("Deutsche Post DHL", "DHL"),
        ("DPD UK Next Day", "DPD UK"),
        ("Hermes UK", "Evri"),
        ("Hermes", "Hermes"),
        ("Österreichische Post AG", "Österreichische Post"),
        ("ČESKÁ POŠTA", "Česká pošta"),
        ("Correios - SEDEX", "Correios"),
        ("Correos", "Correos"),
        ("La Poste", "La Poste"),
        ("La Poste Suisse", "Swiss Post"),
        ("Colissimo", "La Poste"),
        ("Royal Mail Tracked 48", "Royal Mail"),
    ],
)
def test_a_shops_word_for_it(said: str, name: str) -> None:
    carrier = carrier_named(said)
    assert carrier is not None
    assert carrier.name == name


@pytest.mark.parametrize(
    "said", ["", "Other", "Standard", "Pickups", "Groups", "Kevin's Bikes", "Correos de Chile", None]
)
def test_nobody_we_know(said: str | None) -> None:
    assert carrier_named(said) is None


def test_the_shops_word_goes_before_the_look_of_the_number() -> None:
    found = tracked({"carrier": "gls", "tracking_number": "1Z999AA10123456784"})
    assert found["carrier"] == "GLS"
    assert urlsplit(found["tracking_url"]).hostname == "gls-group.eu"


def test_of_one_carriers_networks_the_number_decides() -> None:
    german, other = "00340434161094042557", "3318810025"
    assert "dhl.de" in tracked({"carrier": "DHL", "tracking_number": german})["tracking_url"]
    assert "dhl.com" in tracked({"carrier": "DHL", "tracking_number": other})["tracking_url"]
    assert "dhl.de" in tracked({"carrier": "DHL Paket", "tracking_number": "123456789012"})["tracking_url"]


def test_several_that_fit_are_no_guess() -> None:
    assert names_of("287809468872") == {"FedEx", "Purolator"}
    assert tracked({"tracking_number": "287809468872"}) == {"tracking_number": "287809468872"}
    named = tracked({"tracking_number": "287809468872", "carrier": "purolator"})
    assert named["carrier"] == "Purolator"
    assert "purolator.com" in named["tracking_url"]


def test_digits_alone_are_not_believed_over_a_shop() -> None:
    """How it is sent is no carrier; one we do not know may number as it likes."""
    for said in ("Standard shipping", "Kevin's Bikes"):
        unsure = {"carrier": said, "tracking_number": "3318810025"}
        assert tracked(unsure) == unsure
        assert tracked({"carrier": said, "tracking_number": "1Z999AA10123456784"})["carrier"] == "UPS"
    assert tracked({"carrier": "Other", "tracking_number": "3318810025"})["carrier"] == "DHL"


def test_a_carrier_without_a_page_and_a_post_without_a_name() -> None:
    assert tracked({"tracking_number": "LX17635036"}) == {"tracking_number": "LX17635036", "carrier": "LaserShip"}
    assert carriers_of("RB123456785CV")
    assert tracked({"tracking_number": "RB123456785CV"}) == {"tracking_number": "RB123456785CV"}
    assert not carriers_of("RB123456785XX")


def test_what_else_a_shipment_has_stays() -> None:
    assert tracked({"eta": "2026-03-05", "own": [1]}) == {"eta": "2026-03-05", "own": [1]}


def test_a_number_is_quoted() -> None:
    ups = carrier_named("ups")
    assert ups is not None
    assert page_of(ups, "a&b=c#d/{0}") == "https://www.ups.com/track?tracknum=A%26B%3DC%23D%2F%7B0%7D"


def test_every_page_is_one() -> None:
    for carrier in CARRIERS:
        page = page_of(carrier, "X1")
        assert (page is not None) == bool(carrier.page)
        assert page is None or (page.startswith("https://") and is_page(page) and "X1" in page), carrier.name


@given(st.text(max_size=LONGEST), st.text(max_size=30))
def test_any_text_leads_to_a_page_of_the_table_or_none(number: str, name: str) -> None:
    url = tracked({"carrier": name, "tracking_number": number}).get("tracking_url")
    hosts = {urlsplit(carrier.page).hostname for carrier in CARRIERS}
    assert url is None or (urlsplit(url).hostname in hosts and url.isascii() and url.isprintable())


@pytest.mark.parametrize(
    "number",
    [
        "1" * 10_000,
        "9" * LONGEST,
        "420" * 20,
        "LX" + "1" * 57 + "!",
        "1LS7" + "1" * 50,
        " " * 10_000,
        "1 " * 5_000,
        "J" * LONGEST,
        "٣" * 22,
    ],
    ids=len,
)
def test_hostile_numbers_cost_nothing(number: str) -> None:
    started = time.process_time()
    for _ in range(100):
        tracked({"carrier": number, "tracking_number": number})
    assert time.process_time() - started < 0.5
    assert carriers_of(number) == ()


@pytest.mark.parametrize("value", [None, 7, 1.5, ["1Z999AA10123456784"], {"a": 1}, True])
def test_what_is_no_text_is_no_number(value: Any) -> None:
    assert carriers_of(value) == ()
    assert tracked({"tracking_number": value, "carrier": value}) == {"tracking_number": value, "carrier": value}
