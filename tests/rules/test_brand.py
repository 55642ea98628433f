"""Values of settings: one form, or a word on what to write."""

from __future__ import annotations

import pytest

from messaging.rules import brand


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (brand.read_line, " Our shop ", "Our shop"),
        (brand.read_mailbox, "shop@example.com", "shop@example.com"),
        (brand.read_mailbox, "Our shop <shop@example.com>", "Our shop <shop@example.com>"),
        (brand.read_url, "http://shop.example:8080/a?b#c", "http://shop.example:8080/a?b#c"),
        (brand.read_base_url, "https://shop.example/mail/", "https://shop.example/mail/"),
        (brand.read_link, "tel:+49301234567", "tel:+49301234567"),
        (brand.read_currency, "brl", "BRL"),
        (brand.read_region, "uk", "GB"),
    ],
)
def test_a_value_in_our_form(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (brand.read_line, "two\nlines"),
        (brand.read_line, "to\u202eright"),
        (brand.read_mailbox, "Our shop"),
        (brand.read_mailbox, "<a@example.com> <b@example.com>"),
        (brand.read_url, "ftp://shop.example"),
        (brand.read_url, "https://shop.example/a b"),
        (brand.read_url, "https://[::1"),
        (brand.read_url, "https://shop.example:0"),
        (brand.read_base_url, "https://me@shop.example"),
        (brand.read_base_url, "https://shop.example/#top"),
        (brand.read_link, "mailto:"),
        (brand.read_link, "mailto:a@example.com\nx"),
        (brand.read_currency, "€"),
        (brand.read_region, "Europe"),
    ],
)
def test_a_value_that_cannot_be(read, text):
    with pytest.raises(ValueError, match="must be|must have|is no"):
        read(text)
