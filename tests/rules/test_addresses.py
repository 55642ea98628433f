"""Addresses and places in the one form we keep."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.addresses import (
    normalise_country,
    normalise_email,
    normalise_locale,
    normalise_phone,
    normalise_zone,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee@EXAMPLE.Com ", "ann.lee@example.com"),
        ("Ann <MAIL@Example.com>", "mail@example.com"),
        ("Lee, Ann <ann@example.com>", "ann@example.com"),
        ("mailto:Ann@example.com?subject=Hi", "ann@example.com"),
        ("<mailto:ann@example.com>", "ann@example.com"),
        ("ann@shop.test", "ann@shop.test"),
        ("jörg@bücher.example", "jörg@bücher.example"),
        ("ann@xn--bcher-kva.example", "ann@bücher.example"),
    ],
)
def test_email(text, address):
    assert normalise_email(text) == address
    assert normalise_email(address) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "a@example.com, b@example.com",
        "a@example.com;b@example.com",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com)b@evil.example",
        "a b@example.com",
        '"a b"@example.com',
        "ann@[127.0.0.1]",
        "ann@example.com\x00",
        "a" * 65 + "@example.com",
    ],
)
def test_what_is_no_email_address(text):
    with pytest.raises(ValueError, match="not an email address"):
        normalise_email(text)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text):
    try:
        address = normalise_email(text)
    except ValueError:
        return
    assert address.count("@") == 1
    assert address.isprintable()
    assert normalise_email(address) == address


def test_real_collection_of_addresses_never_surprises(shared):
    """Of isemail's 164 addresses none is taken that RFC 5321 calls an error."""
    tests = ET.parse(shared("data/email_validity/isemail/tests.xml")).getroot().findall("test")
    assert len(tests) > 150
    for test in tests:
        # The collection writes control characters as their pictures.
        text = re.sub("[\u2400-\u241f]", lambda match: chr(ord(match[0]) - 0x2400), test.findtext("address") or "")
        category = test.findtext("category")
        try:
            normalise_email(text)
        except ValueError:
            continue
        assert category != "ISEMAIL_ERR" or text != text.strip(), text


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+49 30 123456", None, "+4930123456"),
        ("0049 30 123456", None, "+4930123456"),
        ("030 / 12 34 56", "DE", "+4930123456"),
        ("030 123456", "de", "+4930123456"),
        ("+1 (202) 555-0123", "DE", "+12025550123"),
        # Reserved for fiction, so in nobody's numbering plan: documents and tests live by them.
        ("07700 900123", "GB", "+447700900123"),
        ("(555) 555-0123", "US", "+15555550123"),
        ("06 39 98 12 34", "FR", "+33639981234"),
        ("030 23125 001", "DE", "+493023125001"),
    ],
)
def test_phone(text, region, number):
    assert normalise_phone(text, region) == number
    assert normalise_phone(number) == number


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("", None),
        ("n/a", "DE"),
        ("030 123456", None),
        ("12", "US"),
        ("123", "DE"),
        ("4711", "DE"),
        ("555-0100", "US"),
        ("+1 202 555 0123 x4", None),
        ("0044 7700 900123", "US"),
    ],
)
def test_what_is_no_phone_number(text, region):
    with pytest.raises(ValueError, match="phone number"):
        normalise_phone(text, region)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("de_at", "de-AT"),
        ("PT-br", "pt-BR"),
        ("zh_hant_tw", "zh-Hant-TW"),
        ("de_DE.UTF-8", "de-DE"),
        ("es-419", "es-419"),
        ("SL-Nedis", "sl-nedis"),
    ],
)
def test_locale(text, tag):
    assert normalise_locale(text) == tag


@pytest.mark.parametrize("text", ["", "english", "d", "de-", "../../etc", "de--AT", "de\n"])
def test_what_is_no_locale(text):
    if text == "de\n":
        assert normalise_locale(text) == "de"
        return
    with pytest.raises(ValueError, match="not a language tag"):
        normalise_locale(text)


def test_zone():
    assert normalise_zone("europe/vienna") == "Europe/Vienna"
    assert normalise_zone("America/Sao Paulo") == "America/Sao_Paulo"
    with pytest.raises(ValueError, match="not a time zone"):
        normalise_zone("Vienna time")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "DE"),
        ("DEU", "DE"),
        ("UK", "GB"),
        ("Germany", "DE"),
        ("ÖSTERREICH", "AT"),
        ("united  kingdom", "GB"),
        ("EIRE", "IE"),
        ("Brasil", "BR"),
        ("Channel Islands", "Channel Islands"),
        ("Unspecified", "Unspecified"),
    ],
)
def test_country(text, code):
    assert normalise_country(text) == code
    assert normalise_country(code) == code
